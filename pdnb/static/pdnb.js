// Built from js/src; do not edit. `make js` builds it again (esbuild, js/build.js).
// In it is lossless-json, which reads JSON without rounding numbers:
// The MIT License (MIT)
//
// Copyright (c) 2016-2026 Jos de Jong
//
// Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files (the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do so, subject to the following conditions:
//
// The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.
//
// THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.

// src/dom.js
var NONCE = Math.random().toString(36).slice(2, 10);
var ids = 0;
var uniqueId = () => `pdnb-${NONCE}-${ids += 1}`;
function h(tag, attributes = {}, ...children) {
  const el = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) setAttribute(el, name, value);
  el.append(...children);
  return el;
}
function svg(tag, attributes = {}, ...children) {
  const el = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) setAttribute(el, name, value);
  el.append(...children);
  return el;
}
var button = (classes, text = "", attributes = {}) => h("button", { type: "button", class: `pdnb-button ${classes}`.trim(), ...attributes }, text);
function setText(el, text) {
  if (el.textContent !== text) el.textContent = text;
}
function setAttribute(el, name, value) {
  if (value == null || value === false) {
    if (el.hasAttribute(name)) el.removeAttribute(name);
  } else if (el.getAttribute(name) !== String(value)) el.setAttribute(name, String(value));
}
var show = (el, yes) => setAttribute(el, "hidden", yes ? null : "");
function setOptionalText(el, text) {
  setText(el, text ?? "");
  show(el, text);
}
function truncate(el, length) {
  while (el.children.length > length) el.lastElementChild?.remove();
}
var focused = () => (
  /** @type {HTMLElement | null} */
  document.activeElement
);
function announcer() {
  const el = h("div", { class: "pdnb-live", "aria-live": "polite", role: "status" });
  return { el, announce: (text) => setText(el, text) };
}
var troubleLine = () => h("p", { class: "pdnb-trouble", role: "status", hidden: "" });

// src/vocabulary.json
var vocabulary_default = {
  statuses: {
    queued: {
      word: "queued",
      sign: "◌",
      tone: "grey",
      phrase: "waits for a worker",
      waits: false,
      over: false
    },
    running: {
      word: "running",
      sign: "▶",
      tone: "blue",
      phrase: "is running",
      waits: false,
      over: false
    },
    suspended: {
      word: "suspended",
      sign: "◆",
      tone: "amber",
      phrase: "waits for a person",
      waits: true,
      over: false
    },
    sleeping: {
      word: "sleeping",
      sign: "◷",
      tone: "violet",
      phrase: "sleeps",
      waits: true,
      over: false
    },
    succeeded: {
      word: "succeeded",
      sign: "✓",
      tone: "green",
      phrase: "has finished",
      waits: false,
      over: true
    },
    failed: {
      word: "failed",
      sign: "✕",
      tone: "red",
      phrase: "has failed",
      waits: false,
      over: true
    },
    cancelled: {
      word: "cancelled",
      sign: "⊘",
      tone: "grey",
      phrase: "was cancelled",
      waits: false,
      over: true
    }
  },
  step_states: {
    done: {
      word: "done",
      sign: "✓",
      tone: "green"
    },
    queued: {
      word: "queued",
      sign: "◌",
      tone: "grey"
    },
    running: {
      word: "running",
      sign: "▶",
      tone: "blue"
    },
    suspended: {
      word: "suspended",
      sign: "◆",
      tone: "amber"
    },
    sleeping: {
      word: "sleeping",
      sign: "◷",
      tone: "violet"
    },
    failed: {
      word: "failed",
      sign: "✕",
      tone: "red"
    },
    cancelled: {
      word: "cancelled",
      sign: "⊘",
      tone: "grey"
    },
    upcoming: {
      word: "to come",
      sign: "○",
      tone: "grey"
    },
    unreached: {
      word: "not reached",
      sign: "○",
      tone: "grey"
    }
  },
  outcomes: {
    running: {
      word: "running",
      state: "running"
    },
    returned: {
      word: "done",
      state: "done"
    },
    suspended: {
      word: "waited",
      state: "done"
    },
    rerun: {
      word: "asked to run again",
      state: "done"
    },
    delay: {
      word: "waited",
      state: "done"
    },
    exited: {
      word: "ended the run",
      state: "done"
    },
    raised: {
      word: "failed",
      state: "failed"
    },
    lost: {
      word: "interrupted",
      state: "failed"
    }
  },
  pauses: {
    suspend: {
      status: "suspended",
      outcome: "suspended",
      resumed: "next step",
      due: "on_timeout",
      waits: "waits for a person",
      waited: "Waited for a person or a callback",
      title: "Your approval is needed",
      button: "Approve",
      done: "Approved"
    },
    rerun: {
      status: "sleeping",
      outcome: "rerun",
      resumed: "same step",
      due: "same step",
      waits: "sleeps",
      waited: "Slept",
      title: "Resume now?",
      button: "Resume now",
      done: "Resumed"
    },
    delay: {
      status: "sleeping",
      outcome: "delay",
      resumed: "next step",
      due: "next step",
      waits: "sleeps",
      waited: "Slept",
      title: "Resume now?",
      button: "Resume now",
      done: "Resumed"
    }
  },
  then: {
    "next step": {
      subject: "the run",
      verb: "goes on by itself"
    },
    "same step": {
      subject: "the step",
      verb: "runs again"
    },
    cancel: {
      subject: "the run",
      verb: "cancels itself"
    }
  },
  verbs: {
    resume: {
      buttons: {
        suspended: "Approve",
        sleeping: "Resume now"
      },
      done: {
        suspended: "Approved",
        sleeping: "Resumed"
      },
      busy: "Sending…",
      question: null,
      confirm: null,
      warning: null
    },
    answer: {
      buttons: {
        suspended: "Answer…"
      },
      done: {
        suspended: "Answered"
      },
      busy: "Sending…",
      question: null,
      confirm: null,
      warning: null
    },
    cancel: {
      buttons: {
        suspended: "Cancel",
        sleeping: "Cancel"
      },
      done: {
        suspended: "Cancelled",
        sleeping: "Cancelled"
      },
      busy: "Cancelling…",
      question: "Cancel this run?",
      confirm: "Cancel this run",
      warning: "The run ends here and no further step runs. This cannot be undone."
    },
    retry: {
      buttons: {
        failed: "Retry"
      },
      done: {
        failed: "Retried"
      },
      busy: "Retrying…",
      question: null,
      confirm: null,
      warning: null
    }
  },
  decisions: {
    resumed: "Resumed",
    cancelled: "Cancelled",
    "timed out": "Nobody answered in time: timed out",
    elapsed: "Went on by itself",
    retried: "Retried"
  },
  early: {
    resumed: "Resumed early",
    cancelled: "Asked to cancel",
    applies: "applies as soon as the step ends"
  },
  via: {
    link: "by link",
    card: "on the card",
    panel: "in the panel",
    inbox: "in the inbox",
    magic: "in a notebook",
    python: "from Python",
    shell: "from the shell",
    api: "through the API"
  },
  processes: {
    kernel: "in a kernel",
    worker: "in a worker",
    shell: "in a shell",
    server: "in the server"
  },
  happened: {
    resumed: {
      mark: "done",
      title: "Thank you, it goes on",
      sentence: "Your answer was received and the run continues."
    },
    cancelled: {
      mark: "stopped",
      title: "Cancelled",
      sentence: "The run was stopped; no further step will run."
    },
    kept: {
      mark: "early",
      title: "Received",
      sentence: "The step is still busy. Your answer applies as soon as the step ends."
    },
    "already resumed": {
      mark: "late",
      title: "Already resumed",
      sentence: "Somebody answered before; this has changed nothing."
    },
    "already cancelled": {
      mark: "late",
      title: "Already cancelled",
      sentence: "The run was cancelled before; this has changed nothing."
    },
    "timed out": {
      mark: "late",
      title: "Too late",
      sentence: "Nobody answered in time, so the run cancelled itself."
    },
    elapsed: {
      mark: "late",
      title: "Already under way",
      sentence: "The wait ended by itself and the run went on; this has changed nothing."
    },
    over: {
      mark: "late",
      title: "This run is over",
      sentence: "The run {phrase}; this has changed nothing."
    }
  },
  tones: {
    green: {
      light: "#1a6b35",
      dark: "#6fd38c",
      any: "#2e8b4f",
      terminal: "green"
    },
    blue: {
      light: "#0b57b8",
      dark: "#82b9ff",
      any: "#2f7de1",
      terminal: "blue"
    },
    amber: {
      light: "#8a4b00",
      dark: "#f2b84b",
      any: "#b9770e",
      terminal: "yellow"
    },
    violet: {
      light: "#5d3fbf",
      dark: "#bba6ff",
      any: "#8668e0",
      terminal: "magenta"
    },
    red: {
      light: "#b3261e",
      dark: "#ff9b92",
      any: "#dc4a41",
      terminal: "red"
    },
    grey: {
      light: "#59616b",
      dark: "#a3abb5",
      any: "#7a828c",
      terminal: "dim"
    }
  }
};

// src/vocabulary.js
var STATUSES = vocabulary_default.statuses;
var STEP_STATES = vocabulary_default.step_states;
var OUTCOMES = vocabulary_default.outcomes;
var PAUSES = vocabulary_default.pauses;
var THEN = vocabulary_default.then;
var VERBS = vocabulary_default.verbs;
var DECISIONS = vocabulary_default.decisions;
var EARLY = vocabulary_default.early;
var VIA = vocabulary_default.via;

// src/run.js
var isOver = (run) => STATUSES[run.status]?.over ?? false;
var isPaused = (run) => STATUSES[run.status]?.waits ?? false;
var decisionKey = (run) => isPaused(run) || run.status === "failed" ? `${run.step} ${run.runs} ${run.status}` : null;
var asksForm = (run) => run.status === "suspended" && Boolean(run.prompt ? run.prompt.fields : run.pause?.form);
function whatFollows(run) {
  if (!run.pause) return null;
  const { due, resumed } = PAUSES[run.pause.kind];
  if (due !== "on_timeout") return due;
  return run.pause.on_timeout === "cancel" ? "cancel" : resumed;
}
var presentState = (run) => run.status === "succeeded" ? "done" : run.status;
function stepState(run, position) {
  if (position < run.position) return "done";
  if (position > run.position) return isOver(run) ? "unreached" : "upcoming";
  return presentState(run);
}
var troubleOf = (run) => run.status === "failed" || run.status === "queued" ? run.error : null;
var headline = (run) => troubleOf(run) ?? run.summary ?? "";
var isPresent = (attempt, run) => attempt.position === run.position && attempt.runs === run.runs;
var hasMoved = (before, after) => before.status !== after.status || before.position !== after.position || before.runs !== after.runs;
function withoutDetail(run) {
  const { attempts: _attempts, exports: _exports, prompt: _prompt, ...summary } = run;
  return summary;
}

// src/run_buttons.js
var HOLD_MS = 700;
var NOTICE_MS = 3e3;
var GATES = /* @__PURE__ */ new WeakMap();
var verbOf = (run, action, formElsewhere) => VERBS[action === "resume" && formElsewhere && asksForm(run) ? "answer" : action];
var Gate = class {
  /** @param {Source} source @param {GateOptions} options */
  constructor(source, options) {
    this.source = source;
    this.options = options;
    this.run = null;
    this.key = void 0;
    this.busy = null;
    this.inactiveUntil = 0;
    this.noticeSince = 0;
    this.timer = void 0;
    this.parked = null;
    this.place = null;
    this.resumeButton = button("pdnb-go", "", { "data-act": "resume" });
    this.cancelButton = button("", "", { "data-act": "cancel" });
    this.retryButton = button("pdnb-go", "", { "data-act": "retry" });
    this.notice = h("span", { class: "pdnb-notice", role: "alert", hidden: "" });
    this.buttons = [this.resumeButton, this.cancelButton, this.retryButton];
    this.el = h("span", { class: "pdnb-gate" }, ...this.buttons, this.notice);
    for (const each of this.buttons) GATES.set(each, this);
  }
  get inactive() {
    return this.busy !== null || performance.now() < this.inactiveUntil;
  }
  /** @param {RunDetail} run */
  patch(run) {
    const key = decisionKey(run);
    if (key !== this.key) {
      if (this.key !== void 0 && key !== null) this.hold();
      if (performance.now() - this.noticeSince > NOTICE_MS) this.notify(null);
      this.key = key;
    }
    this.run = run;
    this.draw();
  }
  /** Take no click for a moment. */
  hold() {
    this.inactiveUntil = performance.now() + HOLD_MS;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.draw(), HOLD_MS + 10);
  }
  draw() {
    const { run } = this;
    if (!run) return;
    const none = this.key === null && this.busy === null;
    show(this.el, !none || !this.notice.hidden);
    for (const each of this.buttons) {
      const action = (
        /** @type {Action} */
        each.dataset.act
      );
      const visible = !none && action === "retry" === (run.status === "failed" || this.busy === "retry");
      if (!visible && each === document.activeElement) this.park(each);
      show(each, visible);
      if (!visible) continue;
      if (this.parked === each) this.unpark();
      setAttribute(each, "aria-disabled", this.inactive ? "true" : null);
      if (this.key !== null) this.label(each, action, run);
    }
  }
  /** @param {HTMLButtonElement} each @param {Action} action @param {RunDetail} run */
  label(each, action, run) {
    const verb = verbOf(run, action, Boolean(this.options.openForm));
    const text = verb.buttons[run.status] ?? "";
    setText(each, this.busy === action ? verb.busy : text);
    setAttribute(each, "aria-label", action === "cancel" ? `${text} ${run.workflow} at step ${run.step}` : `${text} step ${run.step} of ${run.workflow}`);
  }
  /** The focus of a button that goes rests on the run itself, and comes back with the button. @param {HTMLButtonElement} each */
  park(each) {
    this.parked = each;
    this.place = each.closest("[data-run]")?.querySelector("[data-place]") ?? null;
    this.place?.focus({ preventScroll: true });
  }
  unpark() {
    if (focused() === this.place) this.parked?.focus({ preventScroll: true });
    this.parked = null;
  }
  /** @param {string | null} message */
  notify(message) {
    this.noticeSince = performance.now();
    setText(this.notice, message ?? "");
    show(this.notice, message);
    if (message) show(this.el, true);
  }
  /** @param {Action} action */
  async press(action) {
    const { run, key } = this;
    if (this.inactive || !run || key === null) return;
    if (action === "resume" && asksForm(run) && this.options.openForm) {
      this.options.openForm(run);
      return;
    }
    if (action === "cancel") {
      await this.cancel(run, key);
      return;
    }
    let answer = {};
    try {
      if (action === "resume") answer = this.options.answer?.(run) ?? {};
    } catch (error) {
      this.notify(
        /** @type {Error} */
        error.message
      );
      return;
    }
    await this.send(action, run, () => action === "retry" ? this.source.retry(run) : this.source.resume(run, answer));
  }
  /** @param {RunDetail} run @param {string | undefined} key */
  async cancel(run, key) {
    const sure = await this.options.confirmation.open({
      title: `Cancel the run of ${run.workflow}?`,
      text: VERBS.cancel.warning ?? "",
      reason: true,
      danger: true,
      yes: VERBS.cancel.confirm ?? "",
      no: run.status === "suspended" ? "Keep it waiting" : "Keep it"
    });
    if (!sure) return;
    if (this.key !== key) this.notify("The run has moved on meanwhile: nothing was cancelled.");
    else await this.send("cancel", run, () => this.source.cancel(run, sure.reason || void 0));
  }
  /** @param {Action} action @param {RunDetail} run @param {() => Promise<Run>} request */
  async send(action, run, request2) {
    this.busy = action;
    this.notify(null);
    this.draw();
    let after = null;
    let failure = null;
    try {
      after = await request2();
    } catch (error) {
      failure = /** @type {RequestError} */
      error;
    }
    this.busy = null;
    if (failure && !failure.problems?.length) this.notify(failure.message);
    this.options.onAnswer(run, after, failure, action);
    this.draw();
  }
};
function listenForPresses(root, steady = () => true) {
  let pressed = null;
  const found = (event) => {
    const target = (
      /** @type {Element} */
      event.target
    );
    const each = (
      /** @type {HTMLButtonElement | null} */
      target.closest("button[data-act]")
    );
    const gate = each && GATES.get(each);
    return each && gate ? { button: each, gate } : null;
  };
  root.addEventListener("pointerdown", (event) => {
    const here = found(event);
    pressed = here && !here.gate.inactive && steady() ? { button: here.button, key: here.gate.key } : null;
  });
  root.addEventListener("keydown", (event) => {
    if (event.repeat && found(event)) event.preventDefault();
  });
  root.addEventListener("click", (event) => {
    const here = found(event);
    if (!here) return;
    const byPointer = event.detail > 0;
    const meant = !byPointer || pressed?.button === here.button && pressed.key === here.gate.key;
    pressed = null;
    if (meant) void here.gate.press(
      /** @type {Action} */
      here.button.dataset.act
    );
  });
}

// src/confirmation.js
var Confirmation = class {
  constructor() {
    const [title, text, field] = [uniqueId(), uniqueId(), uniqueId()];
    this.title = h("p", { class: "pdnb-confirm-title", id: title });
    this.text = h("p", { id: text });
    this.reason = h("input", { type: "text", class: "pdnb-input", id: field, maxlength: "500", autocomplete: "off" });
    this.reasonField = h("div", { class: "pdnb-field" }, h("label", { for: field }, "Reason (optional)"), this.reason);
    this.yes = button("", "", { "data-yes": "" });
    this.no = button("", "", { "data-no": "" });
    this.el = h(
      "div",
      { class: "pdnb-confirm", role: "alertdialog", tabindex: "-1", hidden: "", "aria-labelledby": title, "aria-describedby": text },
      this.title,
      this.text,
      this.reasonField,
      h("div", { class: "pdnb-gate" }, this.yes, this.no)
    );
    this.inactiveUntil = 0;
    this.timer = void 0;
    this.focusBefore = null;
    this.resolve = null;
    this.yes.addEventListener("click", () => {
      if (performance.now() >= this.inactiveUntil) this.close({ reason: this.reason.value.trim() });
    });
    this.no.addEventListener("click", () => this.close(null));
    this.el.addEventListener("keydown", (event) => {
      if (event.key === "Escape") {
        event.stopPropagation();
        this.close(null);
      }
      if (event.key === "Enter" && event.repeat) event.preventDefault();
    });
  }
  /**
   * `{reason}` for yes, `null` for no.
   * @param {Question} question
   * @returns {Promise<{ reason: string } | null>}
   */
  open({ title, text, yes, no, reason = false, danger = false }) {
    this.close(null);
    setText(this.title, title);
    setText(this.text, text);
    show(this.reasonField, reason);
    this.reason.value = "";
    setText(this.yes, yes);
    setText(this.no, no);
    this.yes.classList.toggle("pdnb-danger", danger);
    this.yes.classList.toggle("pdnb-go", !danger);
    this.focusBefore = focused();
    this.inactiveUntil = performance.now() + HOLD_MS;
    setAttribute(this.yes, "aria-disabled", "true");
    clearTimeout(this.timer);
    this.timer = setTimeout(() => setAttribute(this.yes, "aria-disabled", null), HOLD_MS);
    show(this.el, true);
    this.el.focus();
    this.el.scrollIntoView({ block: "nearest" });
    return new Promise((resolve) => {
      this.resolve = resolve;
    });
  }
  /** @param {{ reason: string } | null} answer */
  close(answer) {
    if (!this.resolve) return;
    const resolve = this.resolve;
    this.resolve = null;
    const hadFocus = this.el.contains(document.activeElement);
    show(this.el, false);
    if (hadFocus && this.focusBefore?.isConnected) this.focusBefore.focus({ preventScroll: true });
    resolve(answer);
  }
};

// src/form/moments.js
var MOMENT = /^(\d{4}-\d\d-\d\d)[t ](\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?)\d*(z|[+-]\d\d:\d\d)?$/i;
var padded = (n, digits = 2) => String(n).padStart(digits, "0");
var zoneName = () => Intl.DateTimeFormat().resolvedOptions().timeZone;
var isAware = (text) => Boolean(MOMENT.exec(text.trim())?.[3]);
function localOf(text) {
  const [, date, time, offset] = MOMENT.exec(text.trim()) ?? [];
  if (!date) return "";
  if (!offset) return `${date}T${time}`;
  const moment2 = /* @__PURE__ */ new Date(`${date}T${time}${offset.toUpperCase()}`);
  return Number.isNaN(moment2.getTime()) ? "" : wallClock(moment2);
}
function awareOf(local) {
  const moment2 = new Date(local);
  if (!local || Number.isNaN(moment2.getTime())) return local;
  const offset = -moment2.getTimezoneOffset();
  const minutes = Math.abs(offset);
  return `${wallClock(moment2)}${offset < 0 ? "-" : "+"}${padded(Math.floor(minutes / 60))}:${padded(minutes % 60)}`;
}
var awareLines = (text) => text.split("\n").map((line) => MOMENT.test(line.trim()) && !isAware(line) ? awareOf(localOf(line)) : line).join("\n");
function wallClock(moment2) {
  const date = `${padded(moment2.getFullYear(), 4)}-${padded(moment2.getMonth() + 1)}-${padded(moment2.getDate())}`;
  const time = [moment2.getHours(), moment2.getMinutes(), moment2.getSeconds()].map((n) => padded(n)).join(":");
  const rest = moment2.getMilliseconds();
  return `${date}T${time}${rest ? `.${padded(rest, 3)}` : ""}`;
}

// src/form/values.js
function answerOfFields(filled) {
  const fields = {};
  for (const { field, strings } of filled) {
    if (strings.length) fields[field.name] = strings.length > 1 || field.kind === "choices" ? strings : strings[0];
  }
  return { fields };
}
function answerOfComment(text) {
  const trimmed = text.trim();
  if (!trimmed) return {};
  if (!/^[[{]/.test(trimmed)) return { json: JSON.stringify({ comment: trimmed }) };
  try {
    JSON.parse(trimmed);
    return { json: trimmed };
  } catch (error) {
    throw new Error(`What you wrote begins like JSON but is none: ${/** @type {Error} */
    error.message}`, { cause: error });
  }
}
function placeProblem(problem, views) {
  const about = views.filter(({ field: { name } }) => problem.startsWith(name) && /^[:.[]/.test(problem.slice(name.length)));
  const view = about.toSorted((a, b) => b.field.name.length - a.field.name.length)[0] ?? null;
  return { view, text: view ? problem.slice(view.field.name.length).replace(/^: /, "") : problem };
}
function rangePhrase({ minimum, maximum, kind }) {
  if (kind !== "number" && kind !== "integer" && kind !== "decimal") return "";
  if (minimum != null && maximum != null) return `From ${minimum} to ${maximum}.`;
  if (minimum != null) return `At least ${minimum}.`;
  return maximum != null ? `At most ${maximum}.` : "";
}

// src/form/field.js
var MOST_RADIO_BUTTONS = 4;
var FieldView = class {
  /** @param {Field} field */
  constructor(field) {
    this.field = field;
    this.id = uniqueId();
    const [hintId, problemId] = [uniqueId(), uniqueId()];
    this.problem = h("p", { class: "pdnb-problem", id: problemId, hidden: "" });
    this.required = field.required && field.kind !== "boolean" && field.kind !== "choices";
    this.isOfMoments = field.kind === "list" && field.entry?.kind === "datetime";
    const zone = field.kind === "datetime" || this.isOfMoments ? `In your time zone, ${zoneName()}.` : "";
    const hint = [field.description, field.hint, zone, rangePhrase(field)].filter(Boolean).join(" ");
    this.hint = hint ? h("p", { class: "pdnb-hint", id: hintId }, hint) : "";
    this.describedBy = `${hint ? `${hintId} ` : ""}${problemId}`;
    this.inputs = [];
    const title = h("span", { class: "pdnb-label" }, field.title);
    if (this.required) title.append(h("span", { class: "pdnb-required" }, " (required)"));
    const options = field.kind === "choices" || field.kind === "choice" && field.choices.length <= MOST_RADIO_BUTTONS;
    this.el = options ? this.makeOptions(title, problemId) : this.makeInput(title);
    this.untouched = { shown: "", text: "" };
    this.strings = field.strings;
    this.el.addEventListener("input", () => this.setProblem(null));
  }
  /** One of few, or any of them, to tick. @param {HTMLElement} title @param {string} problemId */
  makeOptions(title, problemId) {
    const { field, id } = this;
    const type = field.kind === "choices" ? "checkbox" : "radio";
    const rows = field.choices.map((choice) => ({ value: choice.key, label: choice.label, describedBy: (
      /** @type {string | null} */
      problemId
    ) }));
    if (type === "radio" && !field.required) rows.push({ value: "", label: "no answer", describedBy: null });
    const labels = rows.map(({ value, label, describedBy }) => {
      const input = h("input", { type, name: id, value, "aria-describedby": describedBy });
      this.inputs.push(input);
      return h("label", { class: "pdnb-option" }, input, h("span", {}, label));
    });
    return h(
      "fieldset",
      { class: "pdnb-field", "aria-describedby": this.describedBy },
      h("legend", {}, title),
      this.hint,
      h("div", { class: "pdnb-options" }, ...labels),
      this.problem
    );
  }
  /** @param {HTMLElement} title */
  makeInput(title) {
    const { field, id } = this;
    const input = inputFor(field, { id, "aria-describedby": this.describedBy, "aria-required": this.required ? "true" : null });
    this.inputs = [input];
    const label = h("label", { for: id, class: field.kind === "boolean" ? "pdnb-option" : null });
    if (field.kind === "boolean") {
      label.append(input, title);
      return h("div", { class: "pdnb-field" }, label, this.hint, this.problem);
    }
    label.append(title);
    return h("div", { class: "pdnb-field" }, label, this.hint, input, this.problem);
  }
  /** The strings that an HTML form would send for it. */
  get strings() {
    const ticks = this.ticks;
    if (!ticks && this.field.kind === "datetime") return [this.moment];
    if (!ticks) return [this.isOfMoments ? awareLines(this.inputs[0].value) : this.inputs[0].value];
    if (this.field.kind === "boolean") return ticks[0].checked ? ["on"] : [];
    return ticks.filter((input) => input.checked).map((input) => input.value);
  }
  set strings(strings) {
    const ticks = this.ticks;
    if (!ticks && this.field.kind === "datetime") this.moment = strings[0] ?? "";
    else if (!ticks) this.inputs[0].value = strings[0] ?? "";
    for (const input of ticks ?? []) input.checked = this.field.kind === "boolean" ? strings[0] === "on" : strings.includes(input.value);
  }
  /** A moment with its offset; in the input it is one of this browser's zone. */
  get moment() {
    const { value } = this.inputs[0];
    return value === this.untouched.shown && this.untouched.text ? this.untouched.text : awareOf(value);
  }
  set moment(text) {
    this.inputs[0].value = localOf(text);
    this.untouched = { shown: this.inputs[0].value, text: isAware(text) ? text : "" };
  }
  /** Its inputs, if they are ticked rather than filled. @returns {HTMLInputElement[] | null} */
  get ticks() {
    const inputs = this.inputs.filter((input) => input instanceof HTMLInputElement);
    return inputs.length === this.inputs.length && inputs.every(({ type }) => type === "checkbox" || type === "radio") ? inputs : null;
  }
  /** @param {string | null} text */
  setProblem(text) {
    setOptionalText(this.problem, text);
    for (const input of this.inputs) setAttribute(input, "aria-invalid", text ? "true" : null);
  }
  focus() {
    (this.ticks?.find((input) => input.checked) ?? this.inputs[0])?.focus();
  }
};
function inputFor(field, attributes) {
  const own = { ...attributes, class: "pdnb-input", placeholder: field.placeholder, maxlength: field.max_length };
  switch (field.kind) {
    case "choice": {
      const options = field.choices.map((choice) => h("option", { value: choice.key }, choice.label));
      return h("select", own, h("option", { value: "" }, field.required ? "choose…" : "no answer"), ...options);
    }
    case "boolean":
      return h("input", { ...attributes, type: "checkbox" });
    case "multiline":
      return h("textarea", { ...own, rows: "4" });
    case "list":
      return h("textarea", { ...own, rows: "3" });
    case "json":
      return h("textarea", { ...own, rows: "4", class: "pdnb-input pdnb-code", spellcheck: "false" });
    case "date":
      return h("input", { ...own, type: "date" });
    case "time":
      return h("input", { ...own, type: "time", step: "any" });
    case "datetime":
      return h("input", { ...own, type: "datetime-local", step: "any" });
    case "decimal":
      return h("input", { ...own, type: "text", inputmode: "decimal", autocomplete: "off" });
    case "number":
    case "integer":
      return h("input", {
        ...own,
        type: "number",
        min: field.minimum,
        max: field.maximum,
        step: field.step ?? "any",
        inputmode: field.kind === "integer" ? "numeric" : "decimal"
      });
    default:
      return h("input", { ...own, type: "text", autocomplete: "off" });
  }
}

// src/form/answer.js
var AnswerForm = class {
  constructor() {
    const [id, hint] = [uniqueId(), uniqueId()];
    this.key = null;
    this.views = [];
    this.text = h("textarea", { class: "pdnb-input", id, rows: "2", "aria-describedby": hint });
    this.comment = h("details", { class: "pdnb-comment" }, h("summary", {}, "Add a comment or data"), h(
      "div",
      { class: "pdnb-field" },
      h("label", { for: id, class: "pdnb-label" }, "Comment"),
      h("p", { class: "pdnb-hint", id: hint }, 'The workflow receives it with your approval as {"comment": …}, and JSON as it is.'),
      this.text
    ));
    this.alert = h("div", { class: "pdnb-problems", role: "alert", hidden: "" });
    this.fields = h("div", { class: "pdnb-form", role: "group", "aria-label": "Your answer" });
    this.el = h("div", { class: "pdnb-answer", hidden: "" }, this.alert, this.fields, this.comment);
  }
  /** @param {RunDetail} run */
  patch(run) {
    const fields = run.prompt?.fields ?? null;
    const key = run.status === "suspended" && run.prompt !== void 0 ? `${run.step} ${run.runs} ${JSON.stringify(fields)}` : null;
    if (key !== this.key) {
      this.key = key;
      this.views = key === null ? [] : (fields ?? []).map((field) => new FieldView(field));
      this.fields.replaceChildren(...this.views.map((view) => view.el));
      this.text.value = "";
      this.showProblems([]);
    }
    show(this.el, key !== null);
    show(this.fields, this.views.length);
    show(this.comment, !fields);
  }
  /** What to send; throws an error for a person when it cannot be read. @param {RunDetail} run @returns {Answer} */
  read(run) {
    if (run.prompt?.fields) return answerOfFields(this.views);
    try {
      return answerOfComment(this.comment.open ? this.text.value : "");
    } catch (error) {
      this.text.focus();
      throw error;
    }
  }
  /** Say what the server found wrong: in a list, at each field, and with the focus on the first. @param {string[]} problems */
  showProblems(problems) {
    for (const view of this.views) view.setProblem(null);
    const lines = problems.map((problem) => {
      const { view, text } = placeProblem(problem, this.views);
      if (view?.problem.hidden) view.setProblem(text.charAt(0).toUpperCase() + text.slice(1));
      return view ? `${view.field.title}: ${text}` : problem;
    });
    show(this.alert, lines.length);
    this.alert.replaceChildren();
    if (!lines.length) return;
    const count = lines.length === 1 ? "One answer needs" : `${lines.length} answers need`;
    this.alert.append(h("p", {}, `${count} a correction. Nothing was sent on.`), h("ul", {}, ...lines.map((line) => h("li", {}, line))));
    this.views.find((view) => !view.problem.hidden)?.focus();
  }
  focus() {
    this.views[0]?.focus();
  }
  /** What a person has filled in so far. @returns {AnswerDraft} */
  get draft() {
    return { key: this.key, values: this.views.map((view) => view.strings), text: this.text.value, open: this.comment.open };
  }
  set draft({ key, values, text, open }) {
    if (key !== this.key) return;
    values.forEach((strings, i) => {
      this.views[i].strings = strings;
    });
    [this.text.value, this.comment.open] = [text, open];
  }
};

// src/message.js
var ALLOWED = new Set("p br strong em code pre ul ol li blockquote a h3 h4 h5 h6 table thead tbody tr th td hr del".split(" "));
var ALIKE = { h1: "h3", h2: "h3", b: "strong", i: "em", s: "del" };
var MAX_DEPTH = 40;
function safeMarkup(html) {
  return rebuild(new DOMParser().parseFromString(html, "text/html").body, document.createDocumentFragment(), 0);
}
function rebuild(from, into, depth) {
  for (const node of from.childNodes) {
    if (node instanceof Text) into.append(node.data);
    if (!(node instanceof Element)) continue;
    const made = node instanceof HTMLElement && depth < MAX_DEPTH ? allowed(node) : null;
    rebuild(node, made ?? into, depth + 1);
    if (made) into.append(made);
  }
  return into;
}
function allowed(el) {
  const name = ALIKE[el.localName] ?? el.localName;
  if (!ALLOWED.has(name)) return null;
  if (name !== "a") return h(
    /** @type {keyof HTMLElementTagNameMap} */
    name
  );
  const href = safeUrl(el.getAttribute("href"));
  return href ? outwardLink(href) : null;
}
var outwardLink = (href, ...text) => h("a", { href, target: "_blank", rel: "noopener noreferrer" }, ...text);
function safeUrl(text) {
  try {
    const url = new URL(text ?? "");
    return ["http:", "https:", "mailto:"].includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

// src/time.js
var MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
var LARGEST_USUAL_SKEW_MS = 2e3;
function span(ms) {
  const s = Math.max(0, Math.floor(ms / 1e3));
  const [d, h2, m] = [Math.floor(s / 86400), Math.floor(s / 3600) % 24, Math.floor(s / 60) % 60];
  if (d) return h2 ? `${d} d ${h2} h` : `${d} d`;
  if (h2) return m ? `${h2} h ${m} min` : `${h2} h`;
  if (m) return s % 60 ? `${m} min ${s % 60} s` : `${m} min`;
  return `${s} s`;
}
var wholeMinutes = (ms) => span(ms - ms % 6e4);
function duration(ms) {
  if (ms < 1e3) return `${Math.max(0, Math.round(ms))} ms`;
  return ms < 6e4 ? `${(ms / 1e3).toFixed(1)} s` : span(ms);
}
function moment(ms, now) {
  const [d, today] = [new Date(ms), new Date(now)];
  const time = `${twoDigits(d.getHours())}:${twoDigits(d.getMinutes())}`;
  if (d.toDateString() === today.toDateString()) return time;
  const year = d.getFullYear() === today.getFullYear() ? "" : ` ${d.getFullYear()}`;
  return `${d.getDate()} ${MONTHS[d.getMonth()]}${year} ${time}`;
}
var fullMoment = (ms) => `${new Date(ms).toLocaleString("sv-SE")} (local time)`;
var timeLeft = (due, now) => due - now < 1e3 ? "any moment" : `in ${span(due - now)}`;
var twoDigits = (n) => String(n).padStart(2, "0");
var Clock = class {
  /** @param {() => number} local this machine's time in milliseconds */
  constructor(local = Date.now) {
    this.local = local;
    this.skew = 0;
  }
  now() {
    return this.local() + this.skew;
  }
  /** @param {string | null} header an HTTP `Date`, which has whole seconds */
  learnFromHeader(header) {
    this.learn(Date.parse(header ?? "") + 500);
  }
  /** @param {number} ms the server's time now; small differences are the way, not the clock */
  learn(ms) {
    const off = ms - this.local();
    if (!Number.isNaN(off)) this.skew = Math.abs(off) > LARGEST_USUAL_SKEW_MS ? off : 0;
  }
};
var clock = new Clock();

// src/phrases.js
var clip = (text, length) => text.length > length ? `${text.slice(0, length - 1)}…` : text;
var counted = (n, noun = "run") => `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;
var fullStop = (text) => `${text}.`.replace(/([.!?…])\.$/, "$1");
var stepWithAttempt = (at) => at.runs > 1 ? `${at.step} · attempt ${at.runs}` : at.step;
function byWhom(decision) {
  const via = VIA[decision.via] ?? "";
  return `${decision.by ? ` by ${decision.by}` : ""}${via ? ` ${via}` : ""}`;
}
function decisionPhrase(decision, now) {
  const reason = decision.reason ? `: ${decision.reason}` : "";
  return `${DECISIONS[decision.what]} at ${moment(decision.at_ms, now)}${byWhom(decision)}${reason}`;
}
var earlyPhrase = (early, now) => `${EARLY[early.what]} at ${moment(early.at_ms, now)}${byWhom(early)}: ${EARLY.applies}.`;
function duePhrase(run, now) {
  const follows = whatFollows(run);
  return run.pause && follows ? `${THEN[follows].verb} ${timeLeft(run.pause.due_ms, now)}` : "";
}
function situation(run, now) {
  const ended = moment(run.ended_ms ?? run.since_ms, now);
  const attempt = run.runs > 1 ? `, attempt ${run.runs},` : "";
  if (!isOver(run)) return unfinished(run, attempt, now);
  if (run.status === "succeeded") {
    const how = run.position < run.steps.length - 1 ? `Ended early by step ${run.step}` : "Finished";
    return `${how} at ${ended}, ${duration((run.ended_ms ?? now) - run.created_ms)} after it started.`;
  }
  if (run.status === "failed") return `Failed in step ${run.step}${attempt} at ${ended}.`;
  if (run.decision?.what === "timed out") return `Cancelled itself at ${moment(run.decision.at_ms, now)}: nobody answered step ${run.step} in time.`;
  if (run.decision?.what === "cancelled") return fullStop(decisionPhrase(run.decision, now));
  return `Cancelled in step ${run.step} at ${ended}.`;
}
function unfinished(run, attempt, now) {
  const since_ms = run.pause?.since_ms ?? run.since_ms;
  const sentence = `Step ${run.step}${attempt} ${STATUSES[run.status].phrase} since ${moment(since_ms, now)}`;
  if (run.status === "running") return `${sentence}, for ${span(now - since_ms)}.`;
  const long = now - since_ms;
  const due = duePhrase(run, now);
  return `${sentence}${long >= 6e4 ? ` (${wholeMinutes(long)})` : ""}${due && `, ${due}`}.`;
}
var announcement = (run) => `${run.workflow}: step ${run.step} ${STATUSES[run.status].word}`;

// src/signs.js
var ROUND = "M10 2a8 8 0 1 0 0 16 8 8 0 1 0 0-16Z";
var PATHS = {
  done: [ROUND, "m6.4 10.3 2.5 2.5 4.8-5.2"],
  running: [ROUND, "M10 5.2A4.8 4.8 0 0 1 14.8 10"],
  suspended: ["M10 1 19 10 10 19 1 10Z", "M8.2 7.4v5.2M11.8 7.4v5.2"],
  sleeping: [ROUND, "M10 5.8V10l2.9 1.8"],
  failed: ["M6.6 2h6.8L18 6.6v6.8L13.4 18H6.6L2 13.4V6.6Z", "m7.3 7.3 5.4 5.4M12.7 7.3l-5.4 5.4"],
  cancelled: [ROUND, "M6.4 10h7.2"],
  queued: [ROUND, "M7 10h.01M10 10h.01M13 10h.01"],
  upcoming: [ROUND, ""],
  unreached: [ROUND, ""]
};
var Sign = class {
  constructor() {
    this.outline = svg("path");
    this.inside = svg("path");
    this.el = svg("svg", { viewBox: "0 0 20 20", class: "pdnb-mark", "aria-hidden": "true" }, this.outline, this.inside);
  }
  /** @param {StepState} state */
  patch(state) {
    if (this.el.dataset.state === state) return;
    this.el.dataset.state = state;
    const [outline, inside] = PATHS[state];
    this.outline.setAttribute("d", outline);
    this.inside.setAttribute("d", inside);
  }
};
var StatusPill = class {
  constructor() {
    this.sign = new Sign();
    this.word = h("span");
    this.el = h("span", { class: "pdnb-pill" }, this.sign.el, this.word);
  }
  /** @param {Run} run */
  patch(run) {
    const state = presentState(run);
    setAttribute(this.el, "data-state", state);
    this.sign.patch(state);
    setText(this.word, STATUSES[run.status].word);
  }
};

// node_modules/lossless-json/lib/esm/utils.js
function isInteger(value) {
  return INTEGER_REGEX.test(value);
}
var INTEGER_REGEX = /^-?[0-9]+$/;
function isNumber(value) {
  return NUMBER_REGEX.test(value);
}
var NUMBER_REGEX = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
function isSafeNumber(value, config2) {
  if (isInteger(value)) {
    return Number.isSafeInteger(Number.parseInt(value, 10));
  }
  const num = Number.parseFloat(value);
  if (Number.isInteger(num) && !Number.isSafeInteger(num)) {
    return false;
  }
  const parsed = String(num);
  if (value === parsed) {
    return true;
  }
  const valueDigits = extractSignificantDigits(value);
  const parsedDigits = extractSignificantDigits(parsed);
  if (valueDigits === parsedDigits) {
    return true;
  }
  if (config2?.approx === true) {
    const requiredDigits = 14;
    if (parsedDigits.length >= requiredDigits && valueDigits.startsWith(parsedDigits.substring(0, requiredDigits))) {
      return true;
    }
  }
  return false;
}
var UnsafeNumberReason = /* @__PURE__ */ (function(UnsafeNumberReason2) {
  UnsafeNumberReason2["underflow"] = "underflow";
  UnsafeNumberReason2["overflow"] = "overflow";
  UnsafeNumberReason2["truncate_integer"] = "truncate_integer";
  UnsafeNumberReason2["truncate_float"] = "truncate_float";
  return UnsafeNumberReason2;
})({});
function getUnsafeNumberReason(value) {
  if (isSafeNumber(value, {
    approx: false
  })) {
    return void 0;
  }
  if (isInteger(value)) {
    return UnsafeNumberReason.truncate_integer;
  }
  const num = Number.parseFloat(value);
  if (!Number.isFinite(num)) {
    return UnsafeNumberReason.overflow;
  }
  if (num === 0) {
    return UnsafeNumberReason.underflow;
  }
  return UnsafeNumberReason.truncate_float;
}
function extractSignificantDigits(value) {
  const {
    start,
    end
  } = getSignificantDigitRange(value);
  const digits = value.substring(start, end);
  const dot = digits.indexOf(".");
  if (dot === -1) {
    return digits;
  }
  return digits.substring(0, dot) + digits.substring(dot + 1);
}
function getSignificantDigitRange(value) {
  let start = 0;
  if (value[0] === "-") {
    start++;
  }
  while (value[start] === "0" || value[start] === ".") {
    start++;
  }
  let end = value.lastIndexOf("e");
  if (end === -1) {
    end = value.lastIndexOf("E");
  }
  if (end === -1) {
    end = value.length;
  }
  while ((value[end - 1] === "0" || value[end - 1] === ".") && end > start) {
    end--;
  }
  return {
    start,
    end
  };
}

// node_modules/lossless-json/lib/esm/LosslessNumber.js
var losslessNumberMarker = /* @__PURE__ */ Symbol.for("lossless-json.LosslessNumber");
var LosslessNumber = class {
  // numeric value as string
  value;
  /**
   * @deprecated Use the isLosslessNumber(value) function instead.
   *
   * Ordinary objects may also have an isLosslessNumber property, so this
   * field cannot reliably identify lossless numbers.
   */
  isLosslessNumber = true;
  get [losslessNumberMarker]() {
    return true;
  }
  constructor(value) {
    if (!isNumber(value)) {
      throw new Error(`Invalid number (value: "${value}")`);
    }
    this.value = value;
  }
  /**
   * Get the value of the LosslessNumber as number or bigint.
   *
   * - a number is returned for safe numbers and decimal values that only lose some insignificant digits
   * - a bigint is returned for big integer numbers
   * - an Error is thrown for values that will overflow or underflow
   *
   * Note that you can implement your own strategy for conversion by just getting the value as string
   * via .toString(), and using util functions like isInteger, isSafeNumber, getUnsafeNumberReason,
   * and toSafeNumberOrThrow to convert it to a numeric value.
   */
  valueOf() {
    const unsafeReason = getUnsafeNumberReason(this.value);
    if (unsafeReason === void 0 || unsafeReason === UnsafeNumberReason.truncate_float) {
      return Number.parseFloat(this.value);
    }
    if (isInteger(this.value)) {
      return BigInt(this.value);
    }
    throw new Error(`Cannot safely convert to number: the value '${this.value}' would ${unsafeReason} and become ${Number.parseFloat(this.value)}`);
  }
  /**
   * Get the value of the LosslessNumber as string.
   */
  toString() {
    return this.value;
  }
  // Note: we do NOT implement a .toJSON() method, and you should not implement
  // or use that, it cannot safely turn the numeric value in the string into
  // stringified JSON since it has to be parsed into a number first.
};
function isLosslessNumber(value) {
  return value !== null && typeof value === "object" && value[losslessNumberMarker] === true;
}

// node_modules/lossless-json/lib/esm/numberParsers.js
function parseLosslessNumber(value) {
  return new LosslessNumber(value);
}

// node_modules/lossless-json/lib/esm/revive.js
function revive(json, reviver) {
  return reviveValue({
    "": json
  }, "", json, reviver);
}
function reviveValue(context, key, value, reviver) {
  if (Array.isArray(value)) {
    return reviver.call(context, key, reviveArray(value, reviver));
  }
  if (value && typeof value === "object" && !isLosslessNumber(value)) {
    return reviver.call(context, key, reviveObject(value, reviver));
  }
  return reviver.call(context, key, value);
}
function reviveObject(object, reviver) {
  for (const key of Object.keys(object)) {
    const value = reviveValue(object, key, object[key], reviver);
    if (value !== void 0) {
      object[key] = value;
    } else {
      delete object[key];
    }
  }
  return object;
}
function reviveArray(array, reviver) {
  for (let i = 0; i < array.length; i++) {
    const value = reviveValue(array, String(i), array[i], reviver);
    if (value === void 0) {
      delete array[i];
    } else {
      array[i] = value;
    }
  }
  return array;
}

// node_modules/lossless-json/lib/esm/parse.js
function parse(text, reviver, options) {
  const optionsObj = typeof options === "function" ? {
    parseNumber: options
  } : options;
  const parseNumber = optionsObj?.parseNumber ?? parseLosslessNumber;
  const onDuplicateKey = optionsObj?.onDuplicateKey ?? throwDuplicateKey;
  let i = 0;
  const value = parseValue();
  expectValue(value);
  expectEndOfInput();
  return reviver ? revive(value, reviver) : value;
  function parseObject() {
    if (text.charCodeAt(i) === codeOpeningBrace) {
      i++;
      skipWhitespace();
      const object = {};
      let initial = true;
      while (i < text.length && text.charCodeAt(i) !== codeClosingBrace) {
        if (!initial) {
          eatComma();
          skipWhitespace();
        } else {
          initial = false;
        }
        const start = i;
        const key = parseString();
        if (key === void 0) {
          throwObjectKeyExpected();
          return;
        }
        skipWhitespace();
        eatColon();
        const value2 = parseValue();
        if (value2 === void 0) {
          throwObjectValueExpected();
          return;
        }
        if (Object.prototype.hasOwnProperty.call(object, key) && !isDeepEqual(value2, object[key])) {
          const returnedValue = onDuplicateKey({
            key,
            position: start + 1,
            oldValue: object[key],
            newValue: value2
          });
          if (returnedValue !== void 0) {
            setObjectKey(object, key, returnedValue);
          }
        } else {
          setObjectKey(object, key, value2);
        }
      }
      if (text.charCodeAt(i) !== codeClosingBrace) {
        throwObjectKeyOrEndExpected();
      }
      i++;
      return object;
    }
  }
  function parseArray() {
    if (text.charCodeAt(i) === codeOpeningBracket) {
      i++;
      skipWhitespace();
      const array = [];
      let initial = true;
      while (i < text.length && text.charCodeAt(i) !== codeClosingBracket) {
        if (!initial) {
          eatComma();
        } else {
          initial = false;
        }
        const value2 = parseValue();
        expectArrayItem(value2);
        array.push(value2);
      }
      if (text.charCodeAt(i) !== codeClosingBracket) {
        throwArrayItemOrEndExpected();
      }
      i++;
      return array;
    }
  }
  function parseValue() {
    skipWhitespace();
    const value2 = parseString() ?? parseNumeric() ?? parseObject() ?? parseArray() ?? parseKeyword("true", true) ?? parseKeyword("false", false) ?? parseKeyword("null", null);
    skipWhitespace();
    return value2;
  }
  function parseKeyword(name, value2) {
    if (text.slice(i, i + name.length) === name) {
      i += name.length;
      return value2;
    }
  }
  function skipWhitespace() {
    while (isWhitespace(text.charCodeAt(i))) {
      i++;
    }
  }
  function parseString() {
    if (text.charCodeAt(i) === codeDoubleQuote) {
      i++;
      let result = "";
      while (i < text.length && text.charCodeAt(i) !== codeDoubleQuote) {
        if (text.charCodeAt(i) === codeBackslash) {
          const char = text[i + 1];
          const escapeChar = escapeCharacters[char];
          if (escapeChar !== void 0) {
            result += escapeChar;
            i++;
          } else if (char === "u") {
            if (isHex(text.charCodeAt(i + 2)) && isHex(text.charCodeAt(i + 3)) && isHex(text.charCodeAt(i + 4)) && isHex(text.charCodeAt(i + 5))) {
              result += String.fromCharCode(Number.parseInt(text.slice(i + 2, i + 6), 16));
              i += 5;
            } else {
              throwInvalidUnicodeCharacter(i);
            }
          } else {
            throwInvalidEscapeCharacter(i);
          }
        } else {
          if (isValidStringCharacter(text.charCodeAt(i))) {
            result += text[i];
          } else {
            throwInvalidCharacter(text[i]);
          }
        }
        i++;
      }
      expectEndOfString();
      i++;
      return result;
    }
  }
  function parseNumeric() {
    const start = i;
    if (text.charCodeAt(i) === codeMinus) {
      i++;
      expectDigit(start);
    }
    if (text.charCodeAt(i) === codeZero) {
      i++;
    } else if (isNonZeroDigit(text.charCodeAt(i))) {
      i++;
      while (isDigit(text.charCodeAt(i))) {
        i++;
      }
    } else {
      return void 0;
    }
    if (text.charCodeAt(i) === codeDot) {
      i++;
      expectDigit(start);
      while (isDigit(text.charCodeAt(i))) {
        i++;
      }
    }
    if (text.charCodeAt(i) === codeLowercaseE || text.charCodeAt(i) === codeUppercaseE) {
      i++;
      if (text.charCodeAt(i) === codeMinus || text.charCodeAt(i) === codePlus) {
        i++;
      }
      expectDigit(start);
      while (isDigit(text.charCodeAt(i))) {
        i++;
      }
    }
    if (i > start) {
      return parseNumber(text.slice(start, i));
    }
  }
  function eatComma() {
    if (text.charCodeAt(i) !== codeComma) {
      throw new SyntaxError(`Comma ',' expected after value ${gotAt()}`);
    }
    i++;
  }
  function eatColon() {
    if (text.charCodeAt(i) !== codeColon) {
      throw new SyntaxError(`Colon ':' expected after property name ${gotAt()}`);
    }
    i++;
  }
  function expectValue(value2) {
    if (value2 === void 0) {
      throw new SyntaxError(`JSON value expected ${gotAt()}`);
    }
  }
  function expectArrayItem(value2) {
    if (value2 === void 0) {
      throw new SyntaxError(`Array item expected ${gotAt()}`);
    }
  }
  function expectEndOfInput() {
    if (i < text.length) {
      throw new SyntaxError(`Expected end of input ${gotAt()}`);
    }
  }
  function expectDigit(start) {
    if (!isDigit(text.charCodeAt(i))) {
      const numSoFar = text.slice(start, i);
      throw new SyntaxError(`Invalid number '${numSoFar}', expecting a digit ${gotAt()}`);
    }
  }
  function expectEndOfString() {
    if (text.charCodeAt(i) !== codeDoubleQuote) {
      throw new SyntaxError(`End of string '"' expected ${gotAt()}`);
    }
  }
  function throwObjectKeyExpected() {
    throw new SyntaxError(`Quoted object key expected ${gotAt()}`);
  }
  function throwDuplicateKey({
    key,
    position
  }) {
    throw new SyntaxError(`Duplicate key '${key}' encountered at position ${position}`);
  }
  function throwObjectKeyOrEndExpected() {
    throw new SyntaxError(`Quoted object key or end of object '}' expected ${gotAt()}`);
  }
  function throwArrayItemOrEndExpected() {
    throw new SyntaxError(`Array item or end of array ']' expected ${gotAt()}`);
  }
  function throwInvalidCharacter(char) {
    throw new SyntaxError(`Invalid character '${char}' ${pos()}`);
  }
  function throwInvalidEscapeCharacter(start) {
    const chars = text.slice(start, start + 2);
    throw new SyntaxError(`Invalid escape character '${chars}' ${pos()}`);
  }
  function throwObjectValueExpected() {
    throw new SyntaxError(`Object value expected after ':' ${pos()}`);
  }
  function throwInvalidUnicodeCharacter(start) {
    const chars = text.slice(start, start + 6);
    throw new SyntaxError(`Invalid unicode character '${chars}' ${pos()}`);
  }
  function pos() {
    return `at position ${i}`;
  }
  function got() {
    return i < text.length ? `but got '${text[i]}'` : "but reached end of input";
  }
  function gotAt() {
    return `${got()} ${pos()}`;
  }
}
function setObjectKey(object, key, value) {
  if (key === "__proto__") {
    Object.defineProperty(object, key, {
      value,
      writable: true,
      enumerable: true,
      configurable: true
    });
  } else {
    object[key] = value;
  }
}
function isWhitespace(code) {
  return code === codeSpace || code === codeNewline || code === codeTab || code === codeReturn;
}
function isHex(code) {
  return code >= codeZero && code <= codeNine || code >= codeUppercaseA && code <= codeUppercaseF || code >= codeLowercaseA && code <= codeLowercaseF;
}
function isDigit(code) {
  return code >= codeZero && code <= codeNine;
}
function isNonZeroDigit(code) {
  return code >= codeOne && code <= codeNine;
}
function isValidStringCharacter(code) {
  return code >= 32 && code <= 1114111;
}
function isDeepEqual(a, b) {
  if (a === b) {
    return true;
  }
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, index) => isDeepEqual(item, b[index]));
  }
  if (isObject(a) && isObject(b)) {
    const keys = [.../* @__PURE__ */ new Set([...Object.keys(a), ...Object.keys(b)])];
    return keys.every((key) => isDeepEqual(a[key], b[key]));
  }
  return false;
}
function isObject(value) {
  return typeof value === "object" && value !== null;
}
var escapeCharacters = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "	"
  // note that \u is handled separately in parseString()
};
var codeBackslash = 92;
var codeOpeningBrace = 123;
var codeClosingBrace = 125;
var codeOpeningBracket = 91;
var codeClosingBracket = 93;
var codeSpace = 32;
var codeNewline = 10;
var codeTab = 9;
var codeReturn = 13;
var codeDoubleQuote = 34;
var codePlus = 43;
var codeMinus = 45;
var codeZero = 48;
var codeOne = 49;
var codeNine = 57;
var codeComma = 44;
var codeDot = 46;
var codeColon = 58;
var codeUppercaseA = 65;
var codeLowercaseA = 97;
var codeUppercaseE = 69;
var codeLowercaseE = 101;
var codeUppercaseF = 70;
var codeLowercaseF = 102;

// node_modules/lossless-json/lib/esm/stringify.js
function stringify(value, replacer, space, numberStringifiers) {
  const resolvedSpace = resolveSpace(space);
  const replacedValue = typeof replacer === "function" ? replacer.call({
    "": value
  }, "", value) : value;
  return stringifyValue(replacedValue, "");
  function stringifyValue(value2, indent) {
    if (Array.isArray(numberStringifiers)) {
      const stringifier = numberStringifiers.find((item) => item.test(value2));
      if (stringifier) {
        const str = stringifier.stringify(value2);
        if (typeof str !== "string" || !isNumber(str)) {
          throw new Error(`Invalid JSON number: output of a number stringifier must be a string containing a JSON number (output: ${str})`);
        }
        return str;
      }
    }
    if (typeof value2 === "boolean" || typeof value2 === "number" || typeof value2 === "string" || value2 === null || value2 instanceof Date || value2 instanceof Boolean || value2 instanceof Number || value2 instanceof String) {
      return JSON.stringify(value2);
    }
    if (isLosslessNumber(value2)) {
      return value2.toString();
    }
    if (typeof value2 === "bigint") {
      return value2.toString();
    }
    if (Array.isArray(value2)) {
      return stringifyArray(value2, indent);
    }
    if (value2 && typeof value2 === "object") {
      return stringifyObject(value2, indent);
    }
    return void 0;
  }
  function stringifyArray(array, indent) {
    if (array.length === 0) {
      return "[]";
    }
    const childIndent = resolvedSpace ? indent + resolvedSpace : void 0;
    let str = resolvedSpace ? "[\n" : "[";
    for (let i = 0; i < array.length; i++) {
      const item = typeof replacer === "function" ? replacer.call(array, String(i), array[i]) : array[i];
      if (resolvedSpace) {
        str += childIndent;
      }
      if (typeof item !== "undefined" && typeof item !== "function") {
        const serialized = stringifyValue(item, childIndent);
        str += serialized === void 0 ? "null" : serialized;
      } else {
        str += "null";
      }
      if (i < array.length - 1) {
        str += resolvedSpace ? ",\n" : ",";
      }
    }
    str += resolvedSpace ? `
${indent}]` : "]";
    return str;
  }
  function stringifyObject(object, indent) {
    if (typeof object.toJSON === "function") {
      return stringifyValue(object.toJSON(), indent);
    }
    const keys = Array.isArray(replacer) ? [...new Set(replacer.map(String))] : Object.keys(object);
    if (keys.length === 0) {
      return "{}";
    }
    const childIndent = resolvedSpace ? indent + resolvedSpace : void 0;
    let first = true;
    let str = resolvedSpace ? "{\n" : "{";
    for (const key of keys) {
      const value2 = typeof replacer === "function" ? replacer.call(object, key, object[key]) : object[key];
      if (includeProperty(key, value2)) {
        const serialized = stringifyValue(value2, childIndent);
        if (serialized === void 0) {
          continue;
        }
        if (first) {
          first = false;
        } else {
          str += resolvedSpace ? ",\n" : ",";
        }
        const keyStr = JSON.stringify(key);
        str += resolvedSpace ? `${childIndent + keyStr}: ` : `${keyStr}:`;
        str += serialized;
      }
    }
    str += resolvedSpace ? `
${indent}}` : "}";
    return str;
  }
  function includeProperty(_key, value2) {
    return typeof value2 !== "undefined" && typeof value2 !== "function" && typeof value2 !== "symbol";
  }
}
var MAX_SPACE_LENGTH = 10;
function resolveSpace(space) {
  if (typeof space === "number") {
    const count = Math.min(Math.trunc(space), MAX_SPACE_LENGTH);
    return count >= 1 ? " ".repeat(count) : void 0;
  }
  if (typeof space === "string" && space !== "") {
    return space.slice(0, MAX_SPACE_LENGTH);
  }
  return void 0;
}

// src/exact.js
var numberOf = (text) => String(Number(text)) === text ? Number(text) : new LosslessNumber(text);
var parseExact = (text) => parse(text, void 0, numberOf);
var exactText = (value, indent) => stringify(value, void 0, indent) ?? "null";

// src/card/outputs.js
var MAX_TEXT = 1e5;
var IMAGES = ["image/png", "image/jpeg", "image/gif", "image/webp"];
var TERMINAL_CODES = /\u001b(?:\[[0-9;:<=>?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[ -/]*[0-~])/g;
function joined(value) {
  if (Array.isArray(value)) return value.join("");
  if (value === void 0) return "";
  return typeof value === "string" ? value : exactText(value, 2);
}
var plainText = (text) => joined(text).replace(TERMINAL_CODES, "").replace(/\r+\n/g, "\n").replace(/^.*\r(?=.)/gm, "");
function pre(text, kind = "") {
  const shown = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}
… ${text.length - MAX_TEXT} more characters` : text;
  return h("pre", { class: `pdnb-pre ${kind}`, tabindex: "0" }, shown);
}
function mergeStreams(outputs) {
  const merged = [];
  for (const output of outputs) {
    const last = merged.at(-1);
    if (output.output_type === "stream" && last?.output_type === "stream" && last.name === output.name) {
      merged[merged.length - 1] = { ...last, text: joined(last.text) + joined(output.text) };
    } else merged.push(output);
  }
  return merged;
}
var outputElements = (outputs) => mergeStreams(outputs).flatMap(elementsOf);
function elementsOf(output) {
  if (output.output_type === "stream") return [pre(plainText(output.text), output.name === "stderr" ? "pdnb-stderr" : "")];
  if (output.output_type === "error") {
    return [pre(plainText(output.traceback?.length ? output.traceback.join("\n") : `${output.ename}: ${output.evalue}`), "pdnb-bad")];
  }
  const data = output.data ?? {};
  const image = IMAGES.find((mime) => data[mime]);
  if (image) {
    const base64 = joined(data[image]).replace(/[^A-Za-z0-9+/=]/g, "");
    const alt = data["text/plain"] ? clip(plainText(data["text/plain"]), 200) : "image";
    return [h("img", { class: "pdnb-image", src: `data:${image};base64,${base64}`, alt })];
  }
  const elements = [];
  if (data["text/plain"] != null) elements.push(pre(plainText(data["text/plain"])));
  else if (data["application/json"] != null) elements.push(pre(exactText(data["application/json"], 2)));
  else if (data["text/markdown"] != null) elements.push(pre(plainText(data["text/markdown"])));
  if (data["text/html"] != null) elements.push(framed(joined(data["text/html"])));
  return elements;
}
function mailElement(mail) {
  const to = mail.to?.length ? ` to ${mail.to.join(", ")}` : "";
  const body = mail.text != null ? [pre(plainText(mail.text))] : [];
  if (mail.html != null) body.push(framed(mail.html));
  return h(
    "div",
    { class: "pdnb-export" },
    h("span", { class: "pdnb-key" }, mail.sent ? `mail sent${to}` : `mail in the outbox${to} (no mail server is configured)`),
    h("p", {}, mail.subject),
    ...body
  );
}
function framed(html) {
  const title = "Show formatted";
  const policy = `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">`;
  const box = h("details", { class: "pdnb-rich" }, h("summary", {}, title));
  box.addEventListener("toggle", () => {
    if (!box.open || box.querySelector("iframe")) return;
    box.append(h("iframe", { sandbox: "", srcdoc: policy + frameStyle(box) + html, title, class: "pdnb-frame", referrerpolicy: "no-referrer" }));
  });
  return box;
}
function frameStyle(around) {
  const { color, fontFamily } = getComputedStyle(around);
  const root = (
    /** @type {HTMLElement | null} */
    around.closest(".pdnb")
  );
  return `<style>html{color-scheme:${root?.dataset.theme === "dark" ? "dark" : "light"}}body{margin:8px;color:${color};font:13px ${fontFamily.replace(/[<>{}]/g, "")}}table{border-collapse:collapse}td,th{padding:3px 8px;border:1px solid #8886;text-align:right}img{max-width:100%}</style>`;
}

// src/card/attempt.js
function attemptState(attempt, run) {
  if (isPaused(run) && isPresent(attempt, run)) return { state: presentState(run), word: STEP_STATES[presentState(run)].word };
  const outcome = OUTCOMES[attempt.outcome];
  const ended = attempt.decision?.what === "cancelled" || attempt.decision?.what === "timed out";
  const state = (
    /** @type {StepState} */
    ended && outcome.state === "done" ? "cancelled" : outcome.state
  );
  return { state, word: attempt.decision && attempt.outcome !== "raised" ? attempt.decision.what : outcome.word };
}
var exportText = (value) => typeof value === "string" ? value : exactText(value, 2);
var AttemptView = class {
  constructor() {
    this.attempt = null;
    this.now = 0;
    this.opened = false;
    this.filled = "";
    this.sign = new Sign();
    this.name = h("span", { class: "pdnb-attempt-name" });
    this.word = h("span", { class: "pdnb-attempt-word" });
    this.value = h("span", { class: "pdnb-attempt-value" });
    this.took = h("span", { class: "pdnb-attempt-took" });
    this.body = h("div", { class: "pdnb-attempt-body" });
    this.el = h(
      "details",
      { class: "pdnb-attempt" },
      h("summary", {}, this.sign.el, this.name, this.word, this.value, this.took),
      this.body
    );
    this.el.addEventListener("toggle", () => this.fill());
  }
  /** @param {Attempt} attempt @param {Run} run @param {number} now */
  patch(attempt, run, now) {
    const { state, word } = attemptState(attempt, run);
    this.sign.patch(state);
    setAttribute(this.el, "data-state", state);
    setText(this.name, stepWithAttempt(attempt));
    setText(this.word, attempt.note ? `${word}, ${attempt.note}` : word);
    const value = attempt.exports?.$return_value;
    setText(this.value, value == null ? "" : clip(typeof value === "string" ? value : exactText(value), 200));
    setText(this.took, attempt.ended_ms == null ? "" : duration(attempt.ended_ms - attempt.started_ms));
    setAttribute(this.took, "title", `started ${fullMoment(attempt.started_ms)}`);
    if (!this.opened && (attempt.error || attempt.outputs?.length || attempt.mails?.length)) this.opened = this.el.open = true;
    [this.attempt, this.now] = [attempt, now];
    this.fill();
  }
  fill() {
    if (!this.el.open || !this.attempt) return;
    const { outputs, exports, mails, error, note, decision } = this.attempt;
    const made = JSON.stringify([outputs, exports, mails, error, note, decision]);
    if (made === this.filled) return;
    this.filled = made;
    this.replaceBody(contents(this.attempt, this.now), this.attempt.outcome === "running");
  }
  /** Those who read at the end of a text that grows go on reading there. @param {HTMLElement[]} parts @param {boolean} running */
  replaceBody(parts, running) {
    const before = [...this.body.querySelectorAll("pre")];
    const focus = before.findIndex((el) => el === document.activeElement);
    const places = before.map((el) => el.scrollTop + el.clientHeight >= el.scrollHeight - 4 ? Infinity : el.scrollTop);
    this.body.replaceChildren(...parts);
    this.body.querySelectorAll("pre").forEach((el, i) => {
      const place = places[i] ?? (running ? Infinity : 0);
      if (place && (running || place !== Infinity)) el.scrollTop = Math.min(place, el.scrollHeight);
      if (i === focus) el.focus({ preventScroll: true });
    });
  }
};
function contents(attempt, now) {
  const parts = [];
  const outputs = attempt.outputs ?? [];
  const hasOutput = (type) => outputs.some((output) => output.output_type === type);
  if (attempt.decision) parts.push(h("p", {}, fullStop(decisionPhrase(attempt.decision, now))));
  if (attempt.note) parts.push(h("p", {}, `Note: ${attempt.note}.`));
  if (attempt.error && !hasOutput("error")) parts.push(pre(plainText(attempt.error), "pdnb-bad"));
  parts.push(...outputElements(outputs), ...(attempt.mails ?? []).map(mailElement));
  for (const [name, value] of Object.entries(attempt.exports ?? {})) {
    if (name === "$return_value" && (value === null || hasOutput("execute_result"))) continue;
    parts.push(h("div", { class: "pdnb-export" }, h("span", { class: "pdnb-key" }, name), pre(exportText(value))));
  }
  if (!parts.length) parts.push(h("p", { class: "pdnb-quiet" }, attempt.outcome === "running" ? "Nothing printed yet." : "Nothing printed, nothing exported."));
  return parts;
}

// src/card/attempts.js
var MOST = 60;
var Attempts = class {
  constructor() {
    this.views = /* @__PURE__ */ new Map();
    this.el = h("div", { class: "pdnb-attempts" });
    this.earlier = null;
  }
  /** @param {RunDetail} run @param {number} now */
  patch(run, now) {
    const all = run.attempts ?? [];
    const shown = all.slice(-MOST);
    if (all.length > shown.length) {
      this.earlier ??= this.el.appendChild(h("p", { class: "pdnb-quiet" }));
      setText(this.earlier, `${all.length - shown.length} earlier attempts are not shown.`);
    }
    const keys = /* @__PURE__ */ new Set();
    for (const attempt of shown) {
      const key = `${attempt.position}/${attempt.runs}`;
      keys.add(key);
      let view = this.views.get(key);
      if (!view) {
        this.views.set(key, view = new AttemptView());
        this.el.append(view.el);
      }
      view.patch(attempt, run, now);
    }
    for (const [key, view] of this.views) {
      if (keys.has(key)) continue;
      view.el.remove();
      this.views.delete(key);
    }
  }
  /** Which have opened by themselves, and whether people left them open: `[key, open]`. @returns {[string, boolean][]} */
  get open() {
    return [...this.views].filter(([, view]) => view.opened).map(([key, view]) => [key, view.el.open]);
  }
  set open(keys) {
    for (const [key, open] of keys) {
      const view = this.views.get(key);
      if (view) [view.opened, view.el.open] = [true, open];
    }
  }
};

// src/sources/request_error.js
var RequestError = class extends Error {
  /** @param {string} message @param {number} status @param {string[] | null} problems @param {unknown} cause */
  constructor(message, status = 0, problems = null, cause = void 0) {
    super(message, { cause });
    this.status = status;
    this.problems = problems;
  }
};

// src/card/copy_link.js
var NOTICE_MS2 = 8e3;
var THIS_MACHINE = /^(localhost|127\.|\[::1\]|0\.0\.0\.0)/;
var CopyLink = class {
  /** @param {Source} source */
  constructor(source) {
    this.source = source;
    this.run = null;
    this.timer = void 0;
    this.button = button("pdnb-quiet-button", "Copy link");
    this.notice = h("span", { class: "pdnb-hint", role: "status" });
    this.el = h("span", { class: "pdnb-copy" }, this.button, this.notice);
    this.button.addEventListener("click", () => void this.copy());
  }
  /** @param {Run} run */
  patch(run) {
    this.run = run;
    show(this.el, isPaused(run));
    setAttribute(this.button, "aria-label", `Copy the link that approves step ${run.step}`);
  }
  async copy() {
    if (!this.run) return;
    clearTimeout(this.timer);
    setText(this.notice, await this.outcome(this.run));
    this.timer = setTimeout(() => setText(this.notice, ""), NOTICE_MS2);
  }
  /** What has come of it, for a person. @param {Run} run */
  async outcome(run) {
    try {
      const { resume_url: url } = await this.source.links(run);
      if (!url) return "This run has no link any more.";
      if (!await toClipboard(url)) return "The browser does not allow copying here.";
      return THIS_MACHINE.test(new URL(url).host) ? "Copied: reachable from this machine only" : "Copied";
    } catch (error) {
      if (error instanceof RequestError) return error.message;
      throw error;
    }
  }
};
async function toClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    let taken = false;
    const put2 = (event) => {
      event.clipboardData?.setData("text/plain", text);
      event.preventDefault();
      taken = true;
    };
    document.addEventListener("copy", put2, { once: true });
    document.execCommand("copy");
    document.removeEventListener("copy", put2);
    return taken;
  }
}

// src/card/done.js
var SHOWN_MS = 6e5;
function deedOf(before, after, action, at) {
  const early = Boolean(after.early) && !isOver(after) && after.step === before.step && after.runs === before.runs;
  const verb = VERBS[action === "resume" && before.prompt?.fields ? "answer" : action];
  return {
    at,
    early,
    after: action === "resume" ? before.prompt?.after ?? null : null,
    text: early ? `Received from you: it ${EARLY.applies}.` : `${verb.done[before.status]} by you`
  };
}
var DoneLine = class {
  constructor() {
    this.deed = null;
    this.drawn = "";
    this.el = h("div", { class: "pdnb-done", role: "status", hidden: "" });
  }
  /** @param {number} now by this machine's clock */
  draw(now) {
    const { deed } = this;
    const ago = deed ? now - deed.at : 0;
    const visible = deed && (deed.after || ago < SHOWN_MS);
    show(this.el, visible);
    if (!visible) return;
    const text = deed.early ? deed.text : `${deed.text} ${ago < 6e4 ? "just now" : `${wholeMinutes(ago)} ago`}.`;
    if (this.drawn === `${text}${deed.after}`) return;
    this.drawn = `${text}${deed.after}`;
    const href = safeUrl(deed.after);
    this.el.replaceChildren(h("span", {}, text));
    if (href) this.el.append(outwardLink(href, href));
    else if (deed.after) this.el.append(h("span", { class: "pdnb-after" }, deed.after));
  }
};

// src/card/progress.js
var WORTH_SHOWING_MS = 2e3;
var counted2 = (number) => number == null ? null : Number(String(number));
function shareOf(note) {
  const [done, total] = [counted2(note?.done), counted2(note?.total)];
  return total !== null && total > 0 && done !== null ? Math.min(1, Math.max(0, done / total)) : null;
}
function progressPhrase(note) {
  const share = shareOf(note);
  let count = "";
  if (note && share !== null) count = `${counted2(note.done)} of ${counted2(note.total)} (${Math.floor(share * 100)} %)`;
  else if (note?.done != null) count = `${counted2(note.done)} done`;
  return [count, note?.text].filter(Boolean).join(" · ");
}
var Progress = class {
  constructor() {
    this.fill = h("i");
    this.bar = h("div", { class: "pdnb-progress", role: "progressbar" }, this.fill);
    this.text = h("p", { class: "pdnb-quiet" });
    this.el = h("div", { hidden: "" }, this.bar, this.text);
  }
  /** @param {ProgressNote | null} note */
  drawShare(note) {
    const share = shareOf(note);
    const [least, most, now] = share === null ? [null, null, null] : [0, counted2(note?.total), counted2(note?.done)];
    setAttribute(this.bar, "aria-valuemin", least);
    setAttribute(this.bar, "aria-valuemax", most);
    setAttribute(this.bar, "aria-valuenow", now);
    setAttribute(this.bar, "data-unknown", share === null ? "" : null);
    this.fill.style.inlineSize = share === null ? "" : `${(100 * share).toFixed(1)}%`;
  }
  /** @param {RunDetail} run @param {number} now */
  draw(run, now) {
    const attempt = run.status === "running" ? run.attempts?.findLast((each) => each.outcome === "running") : void 0;
    const note = attempt?.progress ?? null;
    const for_ms = now - (attempt?.started_ms ?? run.since_ms);
    const visible = run.status === "running" && (note !== null || for_ms > WORTH_SHOWING_MS);
    show(this.el, visible);
    if (!visible) return;
    const text = progressPhrase(note);
    setAttribute(this.bar, "aria-label", `Progress of step ${run.step}`);
    setAttribute(this.bar, "aria-valuetext", text || `running for ${span(for_ms)}`);
    this.drawShare(note);
    setText(this.text, text);
  }
};

// src/card/steps.js
var Steps = class {
  constructor() {
    this.el = h("ol", { class: "pdnb-steps", "aria-label": "Steps" });
    this.views = [];
  }
  /** @param {RunDetail} run */
  patch(run) {
    truncate(this.el, run.steps.length);
    this.views.length = Math.min(this.views.length, run.steps.length);
    run.steps.forEach((name, position) => {
      let view = this.views[position];
      if (!view) {
        this.views.push(view = makeStep());
        this.el.append(view.el);
      }
      const state = stepState(run, position);
      const last = run.attempts?.findLast((attempt2) => attempt2.position === position);
      const attempt = position === run.position ? run.runs : last?.runs ?? 1;
      const word = state === "cancelled" && run.decision?.what === "timed out" ? run.decision.what : STEP_STATES[state].word;
      view.sign.patch(state);
      setAttribute(view.el, "data-state", state);
      setAttribute(view.el, "aria-current", position === run.position && !isOver(run) ? "step" : null);
      setText(view.name, name);
      setAttribute(view.name, "title", name);
      setText(view.word, attempt > 1 ? `${word} · attempt ${attempt}` : word);
      setText(view.note, last?.note ?? "");
    });
  }
};
function makeStep() {
  const [sign, name, word, note] = [new Sign(), h("b"), h("span"), h("em")];
  return { sign, name, word, note, el: h("li", {}, sign.el, name, word, note) };
}

// src/card/phases.js
function phasesOf(run, now) {
  const phases = [];
  let from = run.created_ms;
  const add = (kind, to) => {
    if (to <= from) return;
    phases.push({ kind, from, to });
    from = to;
  };
  for (const attempt of run.attempts ?? []) {
    add("queued", attempt.started_ms);
    add("active", attempt.ended_ms ?? (attempt.outcome === "running" ? now : from));
    if (["suspended", "rerun", "delay"].includes(attempt.outcome)) add("paused", attempt.decision?.at_ms ?? (isPaused(run) && isPresent(attempt, run) ? now : from));
  }
  if (!isOver(run)) add(run.status === "running" ? "active" : isPaused(run) ? "paused" : "queued", now);
  return phases;
}
function widthsOf(phases, whole) {
  const least = Math.min(whole / 200, whole * 0.4 / phases.length);
  const length = phases.reduce((sum, { from, to }) => sum + (to - from), 0);
  return phases.map(({ from, to }) => least + (whole - least * phases.length) * (to - from) / length);
}
function totalsOf(phases) {
  const totals = { active: 0, paused: 0, queued: 0 };
  for (const { kind, from, to } of phases) totals[kind] += to - from;
  return totals;
}

// src/card/timeline.js
var WORDS = { active: "active", paused: "paused", queued: STATUSES.queued.phrase.replace("waits", "waiting") };
var SHAPES = { active: [0, 12], paused: [3, 6], queued: [5, 2] };
var WIDTH = 1e3;
var Timeline = class {
  constructor() {
    this.svg = svg("svg", { viewBox: `0 0 ${WIDTH} 12`, preserveAspectRatio: "none", role: "img", class: "pdnb-strip" });
    this.legend = h("p", { class: "pdnb-legend" });
    this.el = h("div", { class: "pdnb-time" }, this.svg, this.legend);
  }
  /** @param {RunDetail} run @param {number} now */
  draw(run, now) {
    const phases = phasesOf(run, now);
    const last = phases.at(-1);
    show(this.el, last);
    if (!last) return;
    const widths = widthsOf(phases, WIDTH);
    let x = 0;
    phases.forEach(({ kind }, i) => {
      const rect = this.svg.children[i] ?? this.svg.appendChild(svg("rect"));
      const [y, height] = SHAPES[kind];
      const attributes = { class: `pdnb-${kind}`, x: x.toFixed(1), y, width: Math.max(1, widths[i] - 1).toFixed(1), height };
      for (const [name, value] of Object.entries(attributes)) setAttribute(rect, name, value);
      x += widths[i];
    });
    truncate(this.svg, phases.length);
    const totals = Object.entries(totalsOf(phases)).filter(([, ms]) => ms > 0);
    const texts = totals.map(([kind, ms]) => ({ kind, text: `${WORDS[
      /** @type {PhaseKind} */
      kind
    ]} ${duration(ms)}` }));
    const until = isOver(run) ? moment(last.to, now) : "now";
    setAttribute(this.svg, "aria-label", `Time from ${moment(run.created_ms, now)} to ${until}: ${texts.map(({ text }) => text).join(", ")}`);
    this.drawLegend(texts);
  }
  /** @param {{ kind: string, text: string }[]} texts */
  drawLegend(texts) {
    texts.forEach(({ kind, text }, i) => {
      const item = this.legend.children[i] ?? this.legend.appendChild(h("span", {}, h("i"), h("span")));
      setAttribute(item, "data-kind", kind);
      setText(item.children[1], text);
    });
    truncate(this.legend, texts.length);
  }
};

// src/card/card.js
var Card = class {
  /** @param {Source} source @param {(after: Run | null) => void} onAnswered is called after every press, with the run if it was done */
  constructor(source, onAnswered) {
    this.onAnswered = onAnswered;
    this.run = null;
    this.shownMessage = null;
    this.confirmation = new Confirmation();
    this.answer = new AnswerForm();
    this.gate = new Gate(source, {
      confirmation: this.confirmation,
      answer: (run) => this.answer.read(run),
      onAnswer: (before, after, error, action) => this.onAnswer(before, after, error, action)
    });
    this.copyLink = new CopyLink(source);
    this.title = h("h2", { class: "pdnb-title" });
    this.pill = new StatusPill();
    this.steps = new Steps();
    this.situation = h("p", { class: "pdnb-situation", tabindex: "-1", "data-place": "" });
    this.timeLeft = h("i");
    this.timeLeftBar = h("div", { class: "pdnb-bar", "aria-hidden": "true" }, this.timeLeft);
    this.progress = new Progress();
    this.message = h("div", { class: "pdnb-message", hidden: "" });
    this.summary = h("p", { class: "pdnb-summary", hidden: "" });
    this.note = h("p", { class: "pdnb-note", hidden: "" });
    this.error = pre("", "pdnb-bad");
    this.done = new DoneLine();
    this.timeline = new Timeline();
    this.attempts = new Attempts();
    this.foot = h("footer", { class: "pdnb-foot" });
    this.trouble = troubleLine();
    this.live = announcer();
    this.main = h(
      "div",
      { class: "pdnb-main", hidden: "" },
      h("header", { class: "pdnb-head" }, this.title, this.pill.el),
      this.steps.el,
      h(
        "div",
        { class: "pdnb-now" },
        this.summary,
        this.message,
        this.situation,
        this.timeLeftBar,
        this.progress.el,
        this.note,
        this.error,
        this.answer.el,
        h("div", { class: "pdnb-actions-line" }, this.gate.el, this.copyLink.el),
        this.confirmation.el,
        this.done.el
      ),
      this.timeline.el,
      this.attempts.el,
      this.foot
    );
    this.el = h("article", { class: "pdnb-card", "data-run": "" }, this.main, this.trouble, this.live.el);
    listenForPresses(this.el);
  }
  /** @param {RunDetail} document what it does not have stays as it was */
  patch(document2) {
    const before = this.run;
    if (before && document2.revision < before.revision) return;
    const run = this.run = { ...before, ...document2 };
    const now = clock.now();
    show(this.main, true);
    setAttribute(this.el, "aria-label", `Run of ${run.workflow}`);
    setAttribute(this.el, "data-state", presentState(run));
    setText(this.title, run.workflow);
    this.pill.patch(run);
    this.steps.patch(run);
    this.drawMessage(run);
    setOptionalText(this.summary, run.summary && run.summary.trim() !== run.prompt?.message?.trim() ? run.summary : null);
    setOptionalText(this.note, remark(run, now));
    setOptionalText(this.error, troubleOf(run) ? plainText(troubleOf(run) ?? "") : null);
    this.answer.patch(run);
    if (before && decisionKey(before) !== decisionKey(run)) this.confirmation.close(null);
    this.gate.patch(run);
    this.copyLink.patch(run);
    this.attempts.patch(run, now);
    const origin = run.notebook ? ` · from ${run.notebook}` : "";
    setText(this.foot, `Started ${moment(run.created_ms, now)}${run.by ? ` by ${run.by}` : ""} · ${counted(run.credits, "credit")} · run ${run.id}${origin}`);
    this.tick();
    if (before && hasMoved(before, run)) this.live.announce(announcement(run));
  }
  /** @param {RunDetail} run */
  drawMessage(run) {
    const html = run.prompt?.message_html ?? null;
    if (html === this.shownMessage) return;
    this.shownMessage = html;
    this.message.replaceChildren(...html ? [safeMarkup(html)] : []);
    show(this.message, html);
  }
  /** What depends on the time, once a second. */
  tick() {
    const { run } = this;
    if (!run) return;
    const now = clock.now();
    const due = run.pause?.due_ms;
    setText(this.situation, situation(run, now));
    setAttribute(this.situation, "title", `since ${fullMoment(run.since_ms)}${due ? `, until ${fullMoment(due)}` : ""}`);
    const whole = due ? due - run.since_ms : 0;
    show(this.timeLeftBar, isPaused(run) && whole > 0);
    if (due && whole > 0) this.timeLeft.style.inlineSize = `${Math.min(100, Math.max(0, 100 * (due - now) / whole)).toFixed(2)}%`;
    this.progress.draw(run, now);
    this.timeline.draw(run, now);
    this.done.draw(Date.now());
  }
  /**
   * After a press: what was wrong, or what has been done and what comes next.
   * @param {RunDetail} before @param {Run | null} after @param {RequestError | null} error @param {Action} action
   */
  onAnswer(before, after, error, action) {
    this.answer.showProblems(error?.problems ?? []);
    if (after) {
      this.done.deed = deedOf(before, after, action, Date.now());
      this.patch(after);
    }
    this.onAnswered(after);
  }
  /** @param {string | null} message */
  setTrouble(message) {
    setOptionalText(this.trouble, message);
  }
  /** To where an answer begins: the first field, or the button. */
  focusAnswer() {
    if (this.answer.views.length) this.answer.focus();
    else (this.gate.resumeButton.hidden ? this.situation : this.gate.resumeButton).focus({ preventScroll: true });
  }
  /** @returns {CardDraft} */
  get draft() {
    const here = (
      /** @type {HTMLElement | null} */
      document.activeElement
    );
    const field = this.answer.views.findIndex((view) => view.el.contains(here));
    const drafts = { field, answer: this.answer.draft, deed: this.done.deed, open: this.attempts.open };
    if (!here || !this.el.contains(here)) return { focus: null, ...drafts };
    const parked = here === this.gate.place ? this.gate.parked?.dataset.act : void 0;
    return { focus: here.dataset.act ?? parked ?? "card", ...drafts };
  }
  set draft({ focus, field, answer, deed, open }) {
    this.attempts.open = open;
    this.answer.draft = answer;
    this.done.deed = deed;
    this.done.draw(Date.now());
    const button2 = this.gate.buttons.find((each) => each.dataset.act === focus);
    if (field >= 0) this.answer.views[field]?.focus();
    else if (button2?.hidden) this.gate.park(button2);
    else if (focus) (button2 ?? this.situation).focus({ preventScroll: true });
  }
};
function remark(run, now) {
  if (run.early && !isOver(run)) return earlyPhrase(run.early, now);
  return run.decision && run.status !== "cancelled" ? fullStop(decisionPhrase(run.decision, now)) : null;
}

// src/frame.js
var DRAFT_KEPT_MS = 3e3;
function frameElement() {
  try {
    return (
      /** @type {HTMLElement | null} */
      window.frameElement
    );
  } catch {
    return null;
  }
}
function fitFrame(root) {
  const frame = frameElement();
  if (!frame) return;
  setAttribute(document.documentElement, "data-framed", "");
  new ResizeObserver(() => {
    const height = `${Math.ceil(root.getBoundingClientRect().height)}px`;
    if (height === "0px" || frame.style.height === height) return;
    frame.style.height = height;
    if (frame.parentElement) frame.parentElement.style.minHeight = height;
  }).observe(root);
}
var isFramed = () => document.documentElement.hasAttribute("data-framed");
function keepDraft(id, card) {
  const key = `pdnb-draft ${id}`;
  const stored = read(key);
  if (stored && Date.now() - stored.at < DRAFT_KEPT_MS) card.draft = stored;
  addEventListener("pagehide", () => {
    try {
      sessionStorage.setItem(key, JSON.stringify({ ...card.draft, at: Date.now() }));
    } catch {
    }
  });
}
function read(key) {
  try {
    return JSON.parse(sessionStorage.getItem(key) ?? "null");
  } catch {
    return null;
  }
}

// src/table/arrangement.js
function matches(run, { statuses, workflow, words }) {
  return (!statuses.size || statuses.has(run.status)) && (!workflow || run.workflow === workflow) && (!words || `${run.workflow}
${run.step}
${run.id}
${headline(run)}`.toLowerCase().includes(words));
}
var filtersSomething = ({ statuses, workflow, words }) => Boolean(statuses.size || workflow || words);
function mostUrgentFirst(a, b) {
  return Number(b.status === "suspended") - Number(a.status === "suspended") || (a.status === "suspended" ? (a.pause?.due_ms ?? Infinity) - (b.pause?.due_ms ?? Infinity) || 0 : 0) || b.created_ms - a.created_ms || (a.id < b.id ? -1 : 1);
}
function comparison(key, descending) {
  const sign = descending ? -1 : 1;
  return (a, b) => {
    const [x, y] = [key(a), key(b)];
    if (x < y) return -sign;
    return x > y ? sign : mostUrgentFirst(a, b);
  };
}

// src/table/bulk.js
var AT_ONCE = 6;
var NOTICE_MS3 = 2e4;
function divide(runs, action) {
  if (action === "cancel") return { meant: runs, leftOut: "" };
  const forms = runs.filter(asksForm).length;
  const sleeping = runs.filter((run) => run.status === "sleeping").length;
  const sentences = [];
  if (forms) sentences.push(`${counted(forms)} with a form ${forms === 1 ? "is left out: answer it in its own row" : "are left out: answer them one by one"}.`);
  if (sleeping) sentences.push(`${counted(sleeping)} that ${sleeping === 1 ? "sleeps is" : "sleep are"} left out.`);
  return { meant: runs.filter((run) => run.status === "suspended" && !asksForm(run)), leftOut: sentences.join(" ") };
}
function resultPhrase({ action, done, moved, errors }) {
  const sentences = [`${counted(done)} ${VERBS[action].done.suspended.toLowerCase()} by you just now.`];
  if (moved) sentences.push(`${counted(moved)} had moved on.`);
  if (errors.length) sentences.push(`${errors.length} not: ${[...new Set(errors)].slice(0, 2).join(" ")}`);
  return sentences.join(" ");
}
var BulkDecision = class {
  /**
   * @param {object} given
   * @param {Source} given.source
   * @param {Selection} given.selection
   * @param {Confirmation} given.confirmation
   * @param {() => ReadonlyMap<string, Run>} given.runs as they are now
   * @param {(after: Run) => void} given.onDone for each run that was decided
   * @param {() => void} given.onEnd
   */
  constructor(given) {
    this.given = given;
    this.timer = void 0;
  }
  /** @param {BulkAction} action */
  async decide(action) {
    const { selection, confirmation, runs } = this.given;
    const chosen = [...selection.keys.keys()].map((id) => runs().get(id)).filter((run) => run !== void 0);
    const { meant, leftOut } = divide(chosen, action);
    if (!meant.length) {
      this.notify(leftOut);
      return;
    }
    const keys = new Map(meant.map((run) => [run.id, decisionKey(run)]));
    const what = `${VERBS[action].buttons.suspended} ${counted(meant.length)}`;
    const sure = await confirmation.open({
      title: `${what}?`,
      text: `${leftOut ? `${leftOut} ` : ""}This cannot be undone.`,
      reason: action === "cancel",
      yes: what,
      no: "Keep them waiting",
      danger: action === "cancel"
    });
    if (!sure) return;
    const queue = meant.filter((run) => {
      const now = runs().get(run.id);
      return now && decisionKey(now) === keys.get(run.id);
    });
    selection.deciding = true;
    const { done, errors } = await this.send(action, queue, sure.reason || void 0, meant.length);
    selection.deciding = false;
    this.notify(resultPhrase({ action, done, moved: meant.length - done - errors.length, errors }));
    this.given.onEnd();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.notify(""), NOTICE_MS3);
  }
  /** @param {BulkAction} action @param {Run[]} queue @param {string | undefined} reason @param {number} all */
  async send(action, queue, reason, all) {
    const { source, selection, onDone } = this.given;
    let done = 0;
    const errors = [];
    const waiting = [...queue];
    const work = async () => {
      for (let run = waiting.shift(); run; run = waiting.shift()) {
        try {
          onDone(await (action === "cancel" ? source.cancel(run, reason) : source.resume(run)));
          done += 1;
        } catch (error) {
          if (!(error instanceof RequestError)) throw error;
          errors.push(error.message);
        }
        selection.keys.delete(run.id);
        setText(selection.notice, `${done + errors.length} of ${all}…`);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    return { done, errors };
  }
  /** @param {string} text */
  notify(text) {
    setText(this.given.selection.notice, text);
    this.given.selection.onChange();
  }
};

// src/table/columns.js
var textCell = (text, tooltip) => (td) => ({
  patch(run, now) {
    setText(td, text(run, now));
    if (tooltip) setAttribute(td, "title", tooltip(run));
  }
});
var STATUS_ORDER = ["suspended", "sleeping", "running", "queued", "failed", "succeeded", "cancelled"];
var SORTED_STATUSES = (
  /** @type {import("../types").Status[]} */
  STATUS_ORDER.filter((status) => status in STATUSES)
);
var COLUMNS = [
  { key: "check", title: "", width: "38px", cell: checkCell },
  { key: "workflow", title: "Workflow", width: "minmax(8em, 1.2fr)", rowHeader: true, sortBy: (run) => run.workflow.toLowerCase(), cell: workflowCell },
  { key: "step", title: "Step", below: "workflow", cell: textCell(stepWithAttempt) },
  { key: "status", title: "Status", width: "9.6em", sortBy: (run) => STATUS_ORDER.indexOf(run.status), cell: statusCell },
  { key: "when", title: "Waiting", width: "16.4em", sortBy: (run) => run.ended_ms ?? run.since_ms, cell: whenCell },
  {
    key: "started",
    title: "Started",
    width: "8em",
    wideOnly: true,
    sortBy: (run) => run.created_ms,
    cell: textCell((run, now) => moment(run.created_ms, now), (run) => fullMoment(run.created_ms))
  },
  { key: "summary", title: "Summary", width: "minmax(10em, 3fr)", sortBy: (run) => headline(run).toLowerCase(), cell: summaryCell },
  { key: "actions", title: "Actions", width: "14em", cell: () => ({}) }
  // filled by the row, which has a gate if it needs one
];
function checkCell(td) {
  const box = h("input", { type: "checkbox", tabindex: "-1", "data-control": "check" });
  td.append(box);
  return {
    control: box,
    patch(run) {
      show(box, isPaused(run));
      setAttribute(box, "aria-label", `Select the run of ${run.workflow} at step ${run.step}`);
    }
  };
}
function workflowCell(td) {
  const open = h("button", { type: "button", class: "pdnb-open", tabindex: "-1", "data-control": "open", "data-place": "" });
  td.append(open);
  return {
    control: open,
    patch(run) {
      const text = headline(run);
      setText(open, run.workflow);
      setAttribute(td, "title", `run ${run.id}`);
      setAttribute(
        open,
        "aria-label",
        `Show the run of ${run.workflow}, step ${stepWithAttempt(run)}, ${STATUSES[run.status].word}${text ? `: ${clip(text, 120)}` : ""}`
      );
    }
  };
}
function statusCell(td) {
  const pill = new StatusPill();
  td.append(pill.el);
  return { patch: (run) => pill.patch(run) };
}
function whenCell(td) {
  const [since, due] = [h("span"), h("span", { class: "pdnb-due" })];
  td.append(since, due);
  const tick = (run, now) => {
    const over = isOver(run);
    setText(since, over ? `ended ${moment(run.ended_ms ?? run.since_ms, now)}` : `since ${moment(run.since_ms, now)}`);
    setText(due, isPaused(run) ? duePhrase(run, now) : run.early && !over ? EARLY[run.early.what] : "");
  };
  return { patch: tick, tick };
}
function summaryCell(td) {
  const text = h("span");
  td.append(text);
  return {
    patch(run) {
      setText(text, headline(run));
      setAttribute(td, "title", headline(run) || null);
      setAttribute(td, "data-bad", run.status === "failed" && run.error ? "" : null);
    }
  };
}
function gridOf(columns) {
  const tracks = columns.filter(({ below }) => !below);
  const second = tracks.map(({ key }) => columns.find(({ below }) => below === key)?.key ?? key);
  const first = `"${tracks.map(({ key }) => key).join(" ")}"`;
  return { columns: tracks.map(({ width }) => width ?? "auto").join(" "), areas: `${first} "${second.join(" ")}"`, headAreas: first };
}

// src/table/detail.js
var Detail = class {
  /** @param {Source} source @param {(after: Run) => void} onDone @param {() => void} onClose */
  constructor(source, onDone, onClose) {
    this.source = source;
    this.onDone = onDone;
    this.onClose = onClose;
    this.el = h("aside", { class: "pdnb-aside", "aria-label": "The run", hidden: "" });
    this.shown = null;
  }
  get id() {
    return this.shown?.id ?? null;
  }
  /** @param {string} id @param {boolean} toAnswer whether the focus goes to where an answer begins */
  open(id, toAnswer) {
    this.clear();
    const close = button("pdnb-close", "Close", { "aria-label": "Close the run" });
    close.addEventListener("click", this.onClose);
    const card = new Card(this.source, (after) => {
      if (after) this.onDone(after);
      watch.refresh();
    });
    this.el.replaceChildren(close, card.el);
    show(this.el, true);
    let focusWhenDrawn = toAnswer;
    const watch = this.source.watchRun(id, this.el, (run) => {
      card.patch(run);
      if (focusWhenDrawn) {
        focusWhenDrawn = false;
        card.focusAnswer();
      }
    }, (message) => card.setTrouble(message));
    this.shown = { id, card, close, watch };
  }
  /** @param {boolean} toAnswer */
  focus(toAnswer) {
    if (toAnswer) this.shown?.card.focusAnswer();
    else this.shown?.close.focus({ preventScroll: true });
  }
  clear() {
    this.shown?.watch.stop();
    this.shown = null;
    show(this.el, false);
    this.el.replaceChildren();
  }
  refresh() {
    this.shown?.watch.refresh();
  }
  tick() {
    this.shown?.card.tick();
  }
};

// src/table/filters.js
var Filters = class {
  /** @param {() => void} onChange */
  constructor(onChange) {
    this.onChange = onChange;
    this.statuses = /* @__PURE__ */ new Set();
    this.workflow = "";
    this.words = "";
    this.names = "";
    this.search = h("input", { type: "search", class: "pdnb-input", id: uniqueId(), placeholder: "Search", "aria-label": "Search runs", autocomplete: "off", spellcheck: "false" });
    this.select = h("select", { class: "pdnb-input", id: uniqueId(), "aria-label": "Workflow" });
    this.chips = new Map(SORTED_STATUSES.map((status) => [status, this.makeChip(status)]));
    this.el = h(
      "div",
      { class: "pdnb-tools", role: "group", "aria-label": "Which runs are shown" },
      this.search,
      this.select,
      h("div", { class: "pdnb-chips", role: "group", "aria-label": "Status" }, ...[...this.chips.values()].map(({ el }) => el))
    );
    this.search.addEventListener("input", () => {
      this.words = this.search.value.trim().toLowerCase();
      onChange();
    });
    this.search.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.search.value) event.stopPropagation();
    });
    this.select.addEventListener("change", () => {
      this.workflow = this.select.value;
      onChange();
    });
  }
  /** @param {Status} status */
  makeChip(status) {
    const [sign, number] = [new Sign(), h("span", { class: "pdnb-number" })];
    const state = (
      /** @type {StepState} */
      status === "succeeded" ? "done" : status
    );
    sign.patch(state);
    const el = h("button", { type: "button", class: "pdnb-chip", "aria-pressed": "false", "data-state": state }, sign.el, h("span", {}, STATUSES[status].word), number);
    el.addEventListener("click", () => {
      if (!this.statuses.delete(status)) this.statuses.add(status);
      setAttribute(el, "aria-pressed", String(this.statuses.has(status)));
      this.onChange();
    });
    return { el, number };
  }
  clear() {
    this.statuses.clear();
    [this.workflow, this.words, this.search.value, this.select.value] = ["", "", "", ""];
    for (const { el } of this.chips.values()) setAttribute(el, "aria-pressed", "false");
    this.onChange();
  }
  /** Offer what there is among *runs*. @param {Run[]} runs @returns {number} how many wait for a person */
  patch(runs) {
    const counts = /* @__PURE__ */ new Map();
    const workflows = /* @__PURE__ */ new Set();
    for (const run of runs) {
      counts.set(run.status, (counts.get(run.status) ?? 0) + 1);
      workflows.add(run.workflow);
    }
    for (const [status, { el, number }] of this.chips) {
      const count = counts.get(status) ?? 0;
      setText(number, count.toLocaleString("en"));
      show(el, count || this.statuses.has(status));
      setAttribute(el, "aria-label", `${STATUSES[status].word}: ${counted(count)}`);
    }
    this.patchWorkflows([...workflows].sort());
    show(this.el, runs.length);
    return counts.get("suspended") ?? 0;
  }
  /** @param {string[]} names */
  patchWorkflows(names) {
    if (names.join("\n") !== this.names) {
      this.names = names.join("\n");
      this.select.replaceChildren(h("option", { value: "" }, "All workflows"), ...names.map((name) => h("option", { value: name }, name)));
      this.select.value = this.workflow;
    }
    show(this.select, names.length > 1 || this.workflow);
  }
};

// src/table/row.js
var ROWS = /* @__PURE__ */ new WeakMap();
var rowOf = (el) => el instanceof Element ? ROWS.get(el.closest("tr") ?? el) : void 0;
var Row = class {
  /** @param {Source} source @param {GateOptions} gateOptions @param {Run} run @param {number} now */
  constructor(source, gateOptions, run, now) {
    this.source = source;
    this.gateOptions = gateOptions;
    this.run = run;
    this.gate = null;
    this.tabStop = false;
    this.el = h("tr", { "data-run": "", role: "row" });
    ROWS.set(this.el, this);
    this.cells = COLUMNS.map((column) => {
      const attributes = { class: cellClass(column), role: column.rowHeader ? "rowheader" : "gridcell", scope: column.rowHeader ? "row" : null };
      const td = h(column.rowHeader ? "th" : "td", attributes);
      td.style.gridArea = column.key;
      this.el.append(td);
      return { key: column.key, td, ...column.cell(td) };
    });
    this.box = /** @type {HTMLInputElement} */
    this.cell("check").control;
    this.open = /** @type {HTMLButtonElement} */
    this.cell("workflow").control;
    this.patch(run, now);
  }
  /** @param {string} key */
  cell(key) {
    const found = this.cells.find((cell) => cell.key === key);
    if (!found) throw new Error(`the table has no column ${key}`);
    return found;
  }
  /** @param {Run} run @param {number} now */
  patch(run, now) {
    const isNew = this.run === run;
    this.run = run;
    for (const cell of this.cells) cell.patch?.(run, now);
    if (!this.gate && decisionKey(run) !== null) this.gate = this.makeGate(isNew);
    this.gate?.patch(run);
  }
  /** @param {boolean} rowIsNew */
  makeGate(rowIsNew) {
    const gate = new Gate(this.source, this.gateOptions);
    if (!rowIsNew) gate.key = null;
    this.cell("actions").td.append(gate.el);
    for (const button2 of gate.buttons) {
      setAttribute(button2, "data-control", button2.dataset.act);
      setAttribute(button2, "tabindex", this.tabStop ? "0" : "-1");
    }
    return gate;
  }
  /** Whether Tab stops here: in one row of all. @param {boolean} yes */
  setTabStop(yes) {
    if (this.tabStop === yes) return;
    this.tabStop = yes;
    for (const control of this.controls) setAttribute(control, "tabindex", yes ? "0" : "-1");
  }
  /** @param {boolean} yes @param {boolean} selectable */
  setSelected(yes, selectable) {
    this.box.checked = yes;
    setAttribute(this.el, "aria-selected", selectable ? String(yes) : null);
  }
  get controls() {
    return [this.box, this.open, ...this.gate?.buttons ?? []];
  }
  /** It shows a request under way or its outcome, and must not go. */
  get busy() {
    return this.gate !== null && (this.gate.busy !== null || !this.gate.notice.hidden);
  }
  /** @param {number} now */
  tick(now) {
    if (!isOver(this.run)) for (const cell of this.cells) cell.tick?.(this.run, now);
  }
};
var cellClass = ({ key, wideOnly }) => `pdnb-${key}${wideOnly ? " pdnb-wide-only" : ""}`;

// src/table/row_input.js
var RESTS_MS = 5e3;
var RowInput = class {
  /** @param {Viewport} viewport @param {Selection} selection @param {{ open: (run: Run) => void, onLeave: () => void }} options */
  constructor(viewport, selection, { open, onLeave }) {
    this.viewport = viewport;
    this.selection = selection;
    this.open = open;
    this.until = 0;
    const { body } = viewport;
    const rest = (event) => {
      if (event.pointerType !== "touch") this.until = performance.now() + RESTS_MS;
    };
    body.addEventListener("pointermove", rest);
    body.addEventListener("pointerdown", rest);
    body.addEventListener("pointerleave", () => {
      this.until = 0;
      onLeave();
    });
    body.addEventListener("click", (event) => this.onClick(event));
    body.addEventListener("keydown", (event) => this.onKey(event));
  }
  /** Whether the pointer moved over the table just now: then rows must not move under it. */
  get isOver() {
    return performance.now() < this.until;
  }
  /** @param {MouseEvent} event */
  onClick(event) {
    const target = (
      /** @type {Element} */
      event.target
    );
    const row = rowOf(target);
    if (!row || target.closest("[data-act]")) return;
    if (target === row.box) this.selection.choose(row.run, row.box.checked, event.shiftKey);
    else if (target === row.open) this.open(row.run);
    else if (!target.closest("button, input, .pdnb-notice, .pdnb-check") && getSelection()?.isCollapsed !== false) {
      this.viewport.setTabStop(row.run.id);
      this.open(row.run);
    }
  }
  /** @param {KeyboardEvent} event */
  onKey(event) {
    const focus = this.viewport.focus;
    const row = focus && this.viewport.rows.get(focus.id);
    if (!row || event.altKey || event.ctrlKey || event.metaKey) return;
    const { scroller, rowHeight, list } = this.viewport;
    const page = Math.max(1, Math.floor(scroller.clientHeight / rowHeight) - 2);
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity }[event.key];
    if (step !== void 0) {
      event.preventDefault();
      const target = Math.min(list.length - 1, Math.max(0, focus.index + step));
      if (event.shiftKey && Math.abs(step) === 1) {
        for (const i of [focus.index, target]) if (isPaused(list[i])) this.selection.set(list[i], true);
        this.selection.onChange();
      }
      this.viewport.focusRow(target, focus.control);
    } else if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
      event.preventDefault();
      focusBeside(row, event.key === "ArrowRight" ? 1 : -1);
    } else if (event.key === " " && focus.control === "open") {
      event.preventDefault();
      this.selection.choose(row.run, !this.selection.has(row.run.id), event.shiftKey);
    }
  }
};
function focusBeside(row, by) {
  const controls = row.controls.filter((el) => !el.hidden);
  controls[controls.findIndex((el) => el === document.activeElement) + by]?.focus();
}

// src/table/head.js
var Head = class {
  /** @param {HTMLInputElement} selectAll @param {(said: string) => void} onSort */
  constructor(selectAll, onSort) {
    this.onSort = onSort;
    this.sorted = null;
    this.cells = COLUMNS.map((column) => ({ column, th: this.makeCell(column, selectAll) }));
    this.el = h("thead", { role: "rowgroup" }, h("tr", { role: "row", "aria-rowindex": "1" }, ...this.cells.map(({ th }) => th)));
  }
  /** @param {Column} column @param {HTMLInputElement} selectAll */
  makeCell(column, selectAll) {
    const th = h("th", { class: cellClass(column), role: "columnheader", scope: "col" });
    th.style.gridArea = column.key;
    if (column.key === "check") th.append(selectAll);
    else if (!column.sortBy) th.append(column.title);
    else {
      const sort = h("button", { type: "button", class: "pdnb-sort" }, column.title, h("i", { "aria-hidden": "true" }));
      sort.addEventListener("click", () => this.sortBy(column));
      th.append(sort);
      setAttribute(th, "aria-sort", "none");
    }
    return th;
  }
  /** Ascending, descending, and back to the usual order. @param {Column} column */
  sortBy(column) {
    const again = this.sorted?.column === column ? this.sorted : null;
    if (!again) this.sorted = { column, descending: false };
    else this.sorted = again.descending ? null : { column, descending: true };
    const direction = this.sorted?.descending ? "descending" : "ascending";
    for (const cell of this.cells) if (cell.column.sortBy) setAttribute(cell.th, "aria-sort", this.sorted?.column === cell.column ? direction : "none");
    this.onSort(this.sorted ? `Sorted by ${column.title}, ${direction}` : "Sorted: those who wait for a person first");
  }
  get comparison() {
    return this.sorted?.column.sortBy ? comparison(this.sorted.column.sortBy, this.sorted.descending) : mostUrgentFirst;
  }
};

// src/table/selection.js
var Selection = class {
  /** @param {() => void} onChange */
  constructor(onChange) {
    this.onChange = onChange;
    this.keys = /* @__PURE__ */ new Map();
    this.anchor = null;
    this.deciding = false;
    this.shown = [];
    this.all = h("input", { type: "checkbox", "aria-label": "Select all shown runs that wait" });
    this.all.addEventListener("change", () => {
      for (const run of this.shown.filter(isPaused)) this.set(run, this.all.checked);
      this.onChange();
    });
    this.count = h("span", { class: "pdnb-bulk-count" });
    this.approve = button("pdnb-go", VERBS.resume.buttons.suspended, { "data-bulk": "resume" });
    this.cancel = button("", VERBS.cancel.buttons.suspended, { "data-bulk": "cancel" });
    this.clear = button("pdnb-quiet-button", "Clear selection");
    this.notice = h("span", { class: "pdnb-hint", role: "status" });
    this.el = h("div", { class: "pdnb-bulk", role: "group", "aria-label": "Selected runs", hidden: "" }, this.count, this.approve, this.cancel, this.clear, this.notice);
  }
  /** @param {string} id */
  has(id) {
    return this.keys.has(id);
  }
  /** @param {Run} run @param {boolean} yes */
  set(run, yes) {
    if (yes) this.keys.set(run.id, decisionKey(run));
    else this.keys.delete(run.id);
  }
  /** Select a run, or with *range* all from the one before to it. @param {Run} run @param {boolean} yes @param {boolean} range */
  choose(run, yes, range) {
    const index = (id) => this.shown.findIndex((each) => each.id === id);
    const to = index(run.id);
    const anchor = range ? index(this.anchor) : to;
    const from = anchor < 0 ? to : anchor;
    for (const each of this.shown.slice(Math.min(from, to), Math.max(from, to) + 1)) if (isPaused(each)) this.set(each, yes);
    this.anchor = run.id;
    this.onChange();
  }
  /** Forget those that have moved on. @param {ReadonlyMap<string, Run>} runs */
  prune(runs) {
    for (const [id, key] of this.keys) {
      const run = runs.get(id);
      if (!run || decisionKey(run) !== key || !isPaused(run)) this.keys.delete(id);
    }
  }
  /** @param {Run[]} shown */
  draw(shown) {
    this.shown = shown;
    const paused = shown.filter(isPaused);
    const selected = paused.filter((run) => this.keys.has(run.id)).length;
    this.all.checked = selected > 0 && selected === paused.length;
    this.all.indeterminate = selected > 0 && selected < paused.length;
    show(this.all, paused.length);
    const { size } = this.keys;
    setText(this.count, `${counted(size)} selected${size > selected ? `, ${counted(size - selected)} of them not shown` : ""}`);
    show(this.el, size || this.deciding || this.notice.textContent);
    for (const each of [this.approve, this.cancel, this.clear]) show(each, size && !this.deciding);
    show(this.count, size);
  }
  /** @param {(action: Action) => void} decide @param {() => void} onClear */
  listen(decide, onClear) {
    this.approve.addEventListener("click", () => decide("resume"));
    this.cancel.addEventListener("click", () => decide("cancel"));
    this.clear.addEventListener("click", () => {
      this.keys.clear();
      onClear();
    });
  }
};

// src/table/viewport.js
var OVERSCAN = 6;
var USUAL_ROW_HEIGHT = 52;
var Viewport = class {
  /**
   * @param {object} options
   * @param {(run: Run, now: number) => Row} options.makeRow
   * @param {(id: string) => boolean} options.isSelected
   * @param {() => string | null} options.openId the run that is shown beside the table
   */
  constructor(options) {
    this.options = options;
    this.list = [];
    this.rows = /* @__PURE__ */ new Map();
    this.current = null;
    this.rowHeight = USUAL_ROW_HEIGHT;
    this.body = h("tbody", { role: "rowgroup" });
    this.probe = h("i", { class: "pdnb-probe", "aria-hidden": "true" });
    this.table = h("table", { class: "pdnb-table", role: "grid", "aria-label": "Runs" }, this.body);
    this.scroller = h("div", { class: "pdnb-scroll", tabindex: "-1" }, this.table, this.probe);
    this.scroller.addEventListener("scroll", () => this.render(), { passive: true });
    this.body.addEventListener("focusin", (event) => {
      const row = rowOf(event.target);
      if (row) this.setTabStop(row.run.id);
    });
    new ResizeObserver(() => this.resize()).observe(this.scroller);
  }
  resize() {
    const top = this.scroller.scrollTop / this.rowHeight;
    const height = this.probe.offsetHeight;
    if (height && height !== this.rowHeight) {
      this.rowHeight = height;
      this.render();
      this.scroller.scrollTop = top * height;
    }
    this.render();
  }
  /** @param {string | null} id */
  indexOf(id) {
    return id === null ? -1 : this.list.findIndex((run) => run.id === id);
  }
  /**
   * Show *list*; the row that has the focus, or else the first in sight, stays where it is unless *fromTop*.
   * @param {Run[]} list
   * @param {boolean} fromTop
   */
  setList(list, fromTop) {
    const pinned = fromTop ? null : this.pinned();
    this.list = list;
    this.sizeBody();
    const index = pinned ? this.indexOf(pinned.id) : -1;
    if (pinned && index >= 0) this.scroller.scrollTop = index * this.rowHeight - pinned.offset;
    else if (fromTop) this.scroller.scrollTop = 0;
    this.render();
  }
  sizeBody() {
    const height = `${this.list.length * this.rowHeight}px`;
    if (this.body.style.blockSize !== height) this.body.style.blockSize = height;
    setAttribute(this.table, "aria-rowcount", this.list.length + 1);
  }
  render() {
    this.sizeBody();
    const wanted = this.wanted();
    const now = clock.now();
    this.current ??= this.list[0]?.id ?? null;
    const firstInSight = wanted.find((i) => i * this.rowHeight >= this.scroller.scrollTop);
    const stop = wanted.some((i) => this.list[i].id === this.current) ? this.current : firstInSight === void 0 ? null : this.list[firstInSight].id;
    this.order(wanted.map((i) => this.place(this.list[i], i, now, stop)));
  }
  /** The indices of the rows to draw, in order: those in sight, and those that a person is at. */
  wanted() {
    const { scrollTop, clientHeight } = this.scroller;
    const from = Math.max(0, Math.floor(scrollTop / this.rowHeight) - OVERSCAN);
    const to = Math.min(this.list.length, Math.ceil((scrollTop + (clientHeight || 400)) / this.rowHeight) + OVERSCAN);
    const wanted = new Set(Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i));
    const inSight = new Set([...wanted].map((i) => this.list[i].id));
    const focusedRow = rowOf(document.activeElement);
    for (const [id, row] of this.rows) {
      if (inSight.has(id)) continue;
      const index = row === focusedRow || row.busy ? this.indexOf(id) : -1;
      if (index >= 0) wanted.add(index);
      else {
        row.el.remove();
        this.rows.delete(id);
      }
    }
    return [...wanted].sort((a, b) => a - b);
  }
  /** @param {Run} run @param {number} index @param {number} now @param {string | null} tabStop */
  place(run, index, now, tabStop) {
    let row = this.rows.get(run.id);
    if (!row) this.rows.set(run.id, row = this.options.makeRow(run, now));
    else if (row.run !== run) row.patch(run, now);
    const place = `${index * this.rowHeight}px`;
    if (row.el.style.insetBlockStart !== place) row.el.style.insetBlockStart = place;
    setAttribute(row.el, "aria-rowindex", index + 2);
    setAttribute(row.el, "aria-current", this.options.openId() === run.id ? "true" : null);
    row.setSelected(this.options.isSelected(run.id), isPaused(run));
    row.setTabStop(run.id === tabStop);
    return row.el;
  }
  /** Put the rows in order by moving as few as possible, and never the one that has the focus. @param {HTMLElement[]} wanted */
  order(wanted) {
    const focus = wanted.findIndex((el) => el.contains(document.activeElement));
    const pivot = focus < 0 ? wanted.length : focus;
    const put2 = (els, end) => {
      let next = end;
      for (const el of els.toReversed()) {
        if (el.nextElementSibling !== next || el.parentNode !== this.body) this.body.insertBefore(el, next);
        next = el;
      }
    };
    put2(wanted.slice(pivot + 1), null);
    put2(wanted.slice(0, pivot), wanted[pivot] ?? null);
  }
  drawSelection() {
    for (const [id, row] of this.rows) row.setSelected(this.options.isSelected(id), isPaused(row.run));
  }
  /** The run that must stay where it is on screen, and how far below the upper edge. */
  pinned() {
    const { scrollTop, clientHeight } = this.scroller;
    const at = (i) => ({ id: this.list[i].id, offset: i * this.rowHeight - scrollTop });
    const row = rowOf(document.activeElement);
    if (row && this.body.contains(row.el)) {
      const i = this.indexOf(row.run.id);
      const inSight = i * this.rowHeight > scrollTop - this.rowHeight && i * this.rowHeight < scrollTop + clientHeight;
      if (i >= 0 && inSight && scrollTop > 0) return at(i);
    }
    const first = Math.floor(scrollTop / this.rowHeight);
    return scrollTop < 8 || !this.list[first] ? null : at(first);
  }
  /** @returns {Focus | null} */
  get focus() {
    const control = (
      /** @type {HTMLElement | null} */
      document.activeElement
    );
    const row = control && this.body.contains(control) ? rowOf(control) : void 0;
    return row ? { id: row.run.id, index: Number(row.el.getAttribute("aria-rowindex")) - 2, control: control?.dataset.control ?? "open" } : null;
  }
  /** @param {string} id */
  setTabStop(id) {
    this.current = id;
    for (const [other, row] of this.rows) row.setTabStop(other === id);
  }
  /** Scroll to a row and give one of its controls the focus; whether there is such a row. @param {number} index @param {string} control */
  focusRow(index, control = "open") {
    const place = Math.max(0, index);
    const run = this.list[place];
    if (!run) return false;
    const [top, height] = [place * this.rowHeight, this.rowHeight];
    const { scrollTop, clientHeight } = this.scroller;
    const room = clientHeight - this.body.offsetTop;
    if (top < scrollTop) this.scroller.scrollTop = top;
    else if (top + height > scrollTop + room) this.scroller.scrollTop = top + height - room;
    this.render();
    const row = this.rows.get(run.id);
    (row?.controls.find((el) => el.dataset.control === control && !el.hidden) ?? row?.open)?.focus({ preventScroll: true });
    return true;
  }
  /** @param {number} now */
  tick(now) {
    for (const row of this.rows.values()) row.tick(now);
  }
};

// src/table/table.js
var TOGETHER_MS = 100;
var MOST_ANNOUNCED = 3;
var Table = class {
  /** @param {Source} source @param {TableEvents} events @param {{ refresh: () => void, more: () => void }} watch how to ask for runs */
  constructor(source, events, watch) {
    this.source = source;
    this.events = events;
    this.watch = watch;
    this.runs = /* @__PURE__ */ new Map();
    this.page = { next: null, complete: false };
    this.pending = [];
    this.drawn = false;
    this.unsorted = false;
    this.steadyFrom = 0;
    this.confirmation = new Confirmation();
    this.selection = new Selection(() => this.drawSelection());
    this.filters = new Filters(() => this.arrange());
    this.head = new Head(this.selection.all, (said) => {
      this.arrange();
      this.live.announce(said);
    });
    this.detail = new Detail(source, (after) => this.take([after]), () => this.hide());
    this.viewport = new Viewport({
      makeRow: (run, now) => this.makeRow(run, now),
      isSelected: (id) => this.selection.has(id),
      openId: () => this.detail.id
    });
    this.hand = new RowInput(this.viewport, this.selection, { open: (run) => this.show(run.id), onLeave: () => this.settle() });
    this.bulk = new BulkDecision({
      source,
      selection: this.selection,
      confirmation: this.confirmation,
      runs: () => this.runs,
      onDone: (after) => this.takeSoon(after),
      onEnd: () => this.endBulk()
    });
    this.selection.listen((action) => void this.bulk.decide(action === "cancel" ? "cancel" : "resume"), () => {
      this.drawSelection();
      this.focusRow(this.viewport.indexOf(this.viewport.current));
    });
    this.live = announcer();
    this.count = h("span", { class: "pdnb-count" });
    this.trouble = troubleLine();
    this.empty = h(
      "div",
      { class: "pdnb-empty", hidden: "" },
      h("b", {}, "No runs yet."),
      h("span", {}, "Start one in a notebook: write steps in %%step cells, then %pdnb run. It appears here by itself.")
    );
    this.showAll = button("", "Show all runs");
    this.noMatch = h("div", { class: "pdnb-empty", hidden: "" }, h("b", {}, "No run matches."), this.showAll);
    this.more = button("pdnb-more", "Show older runs", { hidden: "" });
    this.el = this.makeElement();
    this.showAll.addEventListener("click", () => {
      this.filters.clear();
      this.filters.search.focus();
    });
    this.more.addEventListener("click", () => this.watch.more());
    listenForPresses(this.viewport.body, () => performance.now() >= this.steadyFrom);
    this.el.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.detail.id || event.defaultPrevented) return;
      event.preventDefault();
      this.hide();
    });
  }
  makeElement() {
    const { viewport, selection } = this;
    const grid = gridOf(COLUMNS);
    viewport.table.prepend(this.head.el);
    for (const [name, value] of [["columns", grid.columns], ["areas", grid.areas], ["head-areas", grid.headAreas]]) {
      viewport.table.style.setProperty(`--pdnb-wide-${name}`, value);
    }
    return h(
      "section",
      { class: "pdnb-panel", "aria-label": "Runs", "data-busy": "" },
      h("header", { class: "pdnb-head" }, h("h2", { class: "pdnb-title" }, "Runs"), this.count),
      this.filters.el,
      this.trouble,
      selection.el,
      this.confirmation.el,
      h("div", { class: "pdnb-split" }, h("div", { class: "pdnb-list" }, viewport.scroller, this.empty, this.noMatch, this.more), this.detail.el),
      this.live.el
    );
  }
  /** @param {Run} run @param {number} now */
  makeRow(run, now) {
    return new Row(this.source, {
      confirmation: this.confirmation,
      onAnswer: (before, after) => this.onAnswer(before, after),
      openForm: (one) => this.show(one.id, true)
    }, run, now);
  }
  // -- what is there, and in what order --
  /** Show *runs* instead of those before; a run never goes back to an older revision. @param {Run[]} runs @param {Page} page */
  patch(runs, page) {
    const before = this.runs;
    const moved = [];
    this.runs = new Map(runs.map((run) => {
      const known = before.get(run.id);
      if (!known) return [run.id, run];
      if (run.revision <= known.revision) return [run.id, known];
      if (hasMoved(known, run)) moved.push(run);
      return [run.id, run];
    }));
    this.page = page;
    setAttribute(this.el, "data-busy", page.complete ? null : "");
    this.arrange(moved);
    if (moved.length && !this.selection.deciding) this.announce(moved);
  }
  /** @param {Run[]} moved */
  announce(moved) {
    const said = moved.slice(0, MOST_ANNOUNCED).map(announcement).join("; ");
    this.live.announce(moved.length > MOST_ANNOUNCED ? `${said}; and ${moved.length - MOST_ANNOUNCED} more` : said);
  }
  /** Runs as an answer has brought them. @param {RunDetail[]} documents */
  take(documents) {
    const newer = new Map(documents.map((run) => [run.id, withoutDetail(run)]));
    this.patch([...this.runs.values()].map((run) => newer.get(run.id) ?? run), this.page);
  }
  /** Answers to many decisions, drawn together. @param {Run} run */
  takeSoon(run) {
    this.pending.push(run);
    if (this.pending.length > 1) return;
    setTimeout(() => {
      this.take(this.pending);
      this.pending = [];
    }, TOGETHER_MS);
  }
  /** Filter, sort, count and draw. *moved* are the runs an update has changed; `null`: a person has asked for other rows. @param {Run[] | null} moved */
  arrange(moved = null) {
    const before = this.viewport.list;
    const focus = this.viewport.focus;
    const all = [...this.runs.values()];
    const found = filtersSomething(this.filters) ? all.filter((run) => matches(run, this.filters)) : all;
    this.unsorted = moved !== null && this.drawn && this.hand.isOver;
    const list = this.unsorted ? this.inPlace(before, found) : [...found].sort(this.head.comparison);
    if (this.drawn && moved !== null && !this.unsorted && (list.length !== before.length || moved.length)) this.holdIfReordered(before, list);
    this.drawn = true;
    this.selection.prune(this.runs);
    const waiting = this.filters.patch(all);
    this.drawCounts(list.length, all.length, waiting);
    this.viewport.setList(list, moved === null);
    this.drawSelection();
    if (focus && this.viewport.indexOf(focus.id) < 0) this.focusRow(Math.min(focus.index, list.length - 1), this.runs.has(focus.id) ? "open" : focus.control);
    this.events.onUpdate?.(waiting);
  }
  /** The rows of *before* where they were, and below them those of *found* that are new. @param {Run[]} before @param {Run[]} found */
  inPlace(before, found) {
    const here = new Set(before.map((run) => run.id));
    return [...before.map((run) => this.runs.get(run.id)).filter((run) => run !== void 0), ...found.filter((run) => !here.has(run.id))];
  }
  /** Where rows in sight have changed places, a click may have been meant for another one. @param {Run[]} before @param {Run[]} list */
  holdIfReordered(before, list) {
    const places = new Map(list.map((run, i) => [run.id, i]));
    const inSight = before.filter((run) => this.viewport.rows.has(run.id)).map((run) => places.get(run.id)).filter((place) => place !== void 0);
    const swapped = inSight.some((place, i) => i > 0 && place < inSight[i - 1]);
    if (swapped || before.length && list[0]?.id !== before[0].id) this.steadyFrom = performance.now() + HOLD_MS;
  }
  /** @param {number} shown @param {number} all @param {number} waiting */
  drawCounts(shown, all, waiting) {
    const some = shown === all ? "" : `${shown.toLocaleString("en")} of `;
    const count = this.page.next ? `${all.toLocaleString("en")}+ runs` : counted(all);
    setText(this.count, `${some}${count}${waiting ? ` · ${waiting.toLocaleString("en")} ${STATUSES.suspended.phrase.replace("waits", "waiting")}` : ""}`);
    show(this.empty, !all);
    show(this.noMatch, all && !shown);
    show(this.viewport.scroller, shown);
    show(this.more, this.page.next);
  }
  drawSelection() {
    this.selection.draw(this.viewport.list);
    this.viewport.drawSelection();
  }
  // -- decisions --
  /** @param {Run} before @param {Run | null} after */
  onAnswer(before, after) {
    if (after) this.take([after]);
    if (this.detail.id === before.id) this.detail.refresh();
    this.watch.refresh();
  }
  endBulk() {
    this.drawSelection();
    const focus = (
      /** @type {HTMLElement | null} */
      document.activeElement
    );
    if (!this.el.contains(focus) || focus?.hidden) this.focusRow(Math.max(0, this.viewport.indexOf(this.viewport.current)));
    this.watch.refresh();
  }
  // -- one run beside the table --
  /** @param {string} id @param {boolean} toAnswer */
  show(id, toAnswer = false) {
    if (this.detail.id === id) {
      this.detail.focus(toAnswer);
      return;
    }
    this.detail.open(id, toAnswer);
    setAttribute(this.el, "data-detail", "");
    this.viewport.render();
    if (!toAnswer) this.detail.focus(false);
    this.detail.el.scrollIntoView({ block: "nearest" });
    this.events.onShow?.(id);
  }
  hide() {
    const { id } = this.detail;
    if (!id) return;
    this.close();
    this.focusRow(Math.max(0, this.viewport.indexOf(id)));
    this.events.onShow?.(null);
  }
  /** Show no run beside the table any more; the focus is left alone. */
  close() {
    this.detail.clear();
    setAttribute(this.el, "data-detail", null);
    this.viewport.render();
  }
  /** @param {number} index @param {string} control */
  focusRow(index, control = "open") {
    if (!this.viewport.focusRow(index, control)) this.filters.search.focus();
  }
  /** Put the rows in order that kept their places under a hand. */
  settle() {
    if (this.unsorted && !this.hand.isOver) this.patch([...this.runs.values()], this.page);
  }
  tick() {
    this.viewport.tick(clock.now());
    this.detail.tick();
    this.settle();
  }
  /** @param {string | null} message */
  setTrouble(message) {
    setOptionalText(this.trouble, message);
  }
};

// src/theme.js
var BORROWED = [
  "layout-color0",
  "layout-color1",
  "layout-color2",
  "ui-font-color0",
  "ui-font-color1",
  "border-color1",
  "border-color2",
  "brand-color1",
  "ui-inverse-font-color0",
  "ui-font-family",
  "ui-font-size1",
  "code-font-family"
].map((name) => `--jp-${name}`);
var STYLE_SHEET_LATE_MS = 300;
function isDark({ jpThemeLight, vscodeThemeKind }, systemIsDark) {
  if (jpThemeLight !== void 0) return jpThemeLight === "false";
  if (vscodeThemeKind) return /dark|black/.test(vscodeThemeKind) || vscodeThemeKind === "vscode-high-contrast";
  return systemIsDark;
}
function hostDocument() {
  const isThemed = (doc) => doc.body?.dataset.jpThemeLight !== void 0;
  try {
    if (!isThemed(document) && isThemed(window.parent.document)) return window.parent.document;
  } catch {
  }
  return document;
}
function followTheme(root) {
  const host = hostDocument();
  const system = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const theme = isDark(host.body.dataset, system.matches) ? "dark" : "light";
    setAttribute(root, "data-theme", theme);
    if (document.body.classList.contains("pdnb-page")) setAttribute(document.body, "data-theme", theme);
    if (host === document) return;
    const theirs = (host.defaultView ?? window).getComputedStyle(host.body);
    for (const name of BORROWED) document.body.style.setProperty(name, theirs.getPropertyValue(name));
  };
  const observer = new MutationObserver(() => {
    apply();
    setTimeout(apply, STYLE_SHEET_LATE_MS);
  });
  observer.observe(host.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "data-jp-theme-name", "data-vscode-theme-kind"] });
  system.addEventListener("change", apply);
  apply();
  return () => {
    observer.disconnect();
    system.removeEventListener("change", apply);
  };
}

// src/mount.js
var LIST_LIMIT = 200;
function mount(root, view) {
  root.classList.add("pdnb");
  setAttribute(root, "data-lm-suppress-shortcuts", "true");
  root.append(view.el);
  const stopFollowing = followTheme(root);
  const timer = setInterval(() => {
    if (document.visibilityState === "visible") view.tick();
  }, 1e3);
  return () => {
    clearInterval(timer);
    stopFollowing();
    view.el.remove();
  };
}
function drawCard(root, source, id, initial) {
  const card = new Card(source, () => watch.refresh());
  mount(root, card);
  if (isFramed()) card.gate.hold();
  if (initial) card.patch(initial);
  if (isFramed()) keepDraft(id, card);
  const watch = source.watchRun(id, root, (run) => card.patch(run), (message) => card.setTrouble(message));
}
function drawTable(root, source, events = {}) {
  const table = new Table(source, events, { refresh: () => watch.refresh(), more: () => watch.more() });
  const unmount = mount(root, table);
  const watch = source.watchList(LIST_LIMIT, root, (runs, page) => table.patch(runs, page), (message) => table.setTrouble(message));
  const undo = () => {
    watch.stop();
    table.close();
    unmount();
  };
  return { table, undo };
}

// src/sources/requests.js
var PATIENCE_MS = 1e4;
var Requests = class {
  /** @param {(message: Message) => void} post @param {number} patience_ms */
  constructor(post, patience_ms = PATIENCE_MS) {
    this.post = post;
    this.patience_ms = patience_ms;
    this.count = 0;
    this.open = /* @__PURE__ */ new Map();
  }
  /** The answer to *message*; rejects with a `RequestError`. @param {Message} message @returns {Promise<Message>} */
  send(message) {
    const seq = `${NONCE}.${this.count += 1}`;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.open.delete(seq);
        reject(new RequestError("The kernel has not answered: it is busy, or gone. If it is busy, the request applies when it is free."));
      }, this.patience_ms);
      this.open.set(seq, { resolve, reject, timer });
      try {
        this.post({ ...message, seq });
      } catch (error) {
        this.open.delete(seq);
        clearTimeout(timer);
        reject(new RequestError("The kernel is gone.", 0, null, error));
      }
    });
  }
  /** Settle the request that *message* answers; those of other pages on the same channel are not here. @param {Message} message */
  receive(message) {
    const request2 = this.open.get(message.seq);
    if (!request2) return;
    this.open.delete(message.seq);
    clearTimeout(request2.timer);
    if (message.error) request2.reject(new RequestError(message.error, 0, message.problems ?? null));
    else request2.resolve(message);
  }
};

// src/sources/rows.js
function decodeRows({ fields, rows, constants, choices, bases }) {
  const common = Object.entries(constants);
  const readers = fields.map((field) => reader(choices[field], bases[field]));
  const objects = [...new Set([...fields, ...Object.keys(constants)].filter((field) => field.includes(".")).map((field) => field.split(".")[0]))];
  return rows.map((cells) => {
    const document2 = {};
    for (const name of objects) document2[name] = {};
    for (const [field, value] of common) put(document2, field, value);
    fields.forEach((field, i) => put(document2, field, readers[i](cells[i])));
    for (const name of objects) if (Object.values(
      /** @type {Document} */
      document2[name]
    ).every((value) => value === null)) document2[name] = null;
    return document2;
  });
}
function reader(values, base) {
  if (values) return (cell) => values[
    /** @type {number} */
    cell
  ];
  return base === void 0 ? (cell) => cell : (cell) => cell === null ? null : (
    /** @type {number} */
    cell + base
  );
}
function put(document2, field, value) {
  const dot = field.indexOf(".");
  if (dot < 0) document2[field] = value;
  else document2[field.slice(0, dot)][field.slice(dot + 1)] = value;
}

// src/sources/run_cache.js
var RunCache = class {
  constructor() {
    this.runs = /* @__PURE__ */ new Map();
    this.complete = false;
    this.listeners = /* @__PURE__ */ new Set();
    this.scheduled = false;
  }
  /** Keep what is new in *runs*. @param {Run[]} runs as lists show them */
  merge(runs) {
    for (const run of runs) {
      const known = this.runs.get(run.id);
      if (!known || known.revision < run.revision) this.runs.set(run.id, run);
    }
    this.changed();
  }
  /** What is asked for by itself is kept only of runs that are listed. @param {Run} run */
  mergeDetail(run) {
    if (this.runs.has(run.id)) this.merge([withoutDetail(run)]);
  }
  /** @param {string} id */
  revision(id) {
    return this.runs.get(id)?.revision;
  }
  /** Call *listener* after changes, many at once. @param {() => void} listener @returns {() => void} what stops that */
  listen(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
  changed() {
    if (this.scheduled) return;
    this.scheduled = true;
    setTimeout(() => {
      this.scheduled = false;
      for (const listener of [...this.listeners]) listener();
    }, 0);
  }
};

// src/sources/widget.js
var POLL_MS = 1e3;
var MOST_TRIES = 100;
var CHANNELS = /* @__PURE__ */ new WeakMap();
var Channel = class {
  /** @param {Model} model */
  constructor(model) {
    this.cache = new RunCache();
    this.requests = new Requests((message) => model.send(message));
    model.on("msg:custom", (message) => {
      this.merge(message);
      if (message) this.requests.receive(message);
    });
    this.merge(model.get("page"));
    void this.loadPages();
  }
  /** @param {unknown} message */
  merge(message) {
    if (isTable(message)) this.cache.merge(runsIn(message));
  }
  async loadPages() {
    for (let [cursor, tries] = [
      /** @type {unknown} */
      "",
      0
    ]; cursor !== null && tries < MOST_TRIES; ) {
      try {
        const page = await this.requests.send({ act: "page", cursor });
        clock.learn(
          /** @type {number} */
          page.now_ms
        );
        cursor = page.next;
      } catch {
        tries += 1;
        await new Promise((resolve) => {
          setTimeout(resolve, POLL_MS);
        });
      }
    }
    this.cache.complete = true;
    this.cache.changed();
  }
  /** @param {string} act @param {Run} run what was on display @param {Message} more @returns {Promise<Run>} the run after it */
  async decide(act, run, more = {}) {
    const answer = await this.requests.send({ act, id: run.id, step: run.step, runs: run.runs, ...more });
    return runsIn(
      /** @type {any} */
      answer
    )[0];
  }
};
var isTable = (message) => typeof message === "object" && message !== null && "rows" in message;
var runsIn = (table) => (
  /** @type {Run[]} */
  /** @type {unknown} */
  decodeRows(table)
);
function widgetSource(model) {
  let channel = CHANNELS.get(model);
  if (!channel) CHANNELS.set(model, channel = new Channel(model));
  const { cache, requests } = channel;
  const { decide } = (
    /** @type {{ decide: Channel["decide"] }} */
    { decide: channel.decide.bind(channel) }
  );
  return {
    resume: (run, answer = {}) => decide(
      "resume",
      run,
      /** @type {Message} */
      answer
    ),
    cancel: (run, reason) => decide("cancel", run, reason === void 0 ? {} : { reason }),
    retry: (run) => decide("retry", run),
    links: async (run) => (
      /** @type {any} */
      await requests.send({ act: "links", id: run.id })
    ),
    watchList(_limit, _el, draw) {
      const refresh = () => draw([...cache.runs.values()], { next: null, complete: cache.complete });
      const stop = cache.listen(refresh);
      refresh();
      return { refresh: () => {
      }, more: () => {
      }, stop };
    },
    watchRun: (id, _el, draw, trouble) => watchRun(cache, requests, id, draw, trouble)
  };
}
function watchRun(cache, requests, id, draw, trouble) {
  let [stopped, asking, again] = [false, false, false];
  let seen = null;
  let timer;
  const refresh = async () => {
    if (stopped || asking) {
      again = true;
      return;
    }
    [asking, again] = [true, false];
    clearTimeout(timer);
    try {
      const { run: text } = (
        /** @type {{ run: string | null }} */
        /** @type {unknown} */
        await requests.send({ act: "detail", id, seen })
      );
      if (stopped) return;
      trouble(null);
      if (text) {
        const run = (
          /** @type {RunDetail} */
          parseExact(text)
        );
        seen = run.revision;
        draw(run);
        cache.mergeDetail(run);
      }
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      trouble(error.message);
    } finally {
      asking = false;
      if (again) void refresh();
      else if (!stopped && cache.runs.get(id)?.status === "running") timer = setTimeout(() => {
        seen = null;
        void refresh();
      }, POLL_MS);
    }
  };
  let revision = cache.revision(id);
  const stopListening = cache.listen(() => {
    if (cache.revision(id) === revision) return;
    revision = cache.revision(id);
    if (revision !== seen) void refresh();
  });
  void refresh();
  return { refresh: () => void refresh(), more: () => {
  }, stop() {
    stopped = true;
    clearTimeout(timer);
    stopListening();
  } };
}

// src/sources/http.js
var PATIENCE_MS2 = 3e4;
var USUAL = {
  401: "Jupyter asks for a login: reload the page.",
  403: "Jupyter does not allow this: log in and reload the page.",
  404: "This run is not in the store any more."
};
var xsrfToken = (cookie) => cookie.match(/(?:^|; )_xsrf=([^;]*)/)?.[1];
async function request(url, { method = "GET", json, etag = null } = {}) {
  const headers = { Accept: "application/json" };
  const token = method === "GET" ? void 0 : xsrfToken(document.cookie);
  if (etag) headers["If-None-Match"] = etag;
  if (json) headers["Content-Type"] = "application/json";
  if (token) headers["X-XSRFToken"] = token;
  let response;
  try {
    response = await fetch(url, {
      method,
      headers,
      cache: "no-store",
      credentials: "same-origin",
      redirect: "error",
      body: json,
      signal: AbortSignal.timeout(PATIENCE_MS2)
    });
  } catch (error) {
    throw new RequestError("The server does not answer.", 0, null, error);
  }
  clock.learnFromHeader(response.headers.get("Date"));
  if (response.status === 304) return null;
  const body = await jsonOf(response);
  if (response.ok && body) return { json: body, etag: response.headers.get("ETag") };
  throw refusal(response.status, body);
}
var refusal = (status, body) => new RequestError(body?.message || USUAL[status] || `The server answered ${status}.`, status, body?.problems ?? null);
async function jsonOf(response) {
  try {
    return parseExact(await response.text());
  } catch {
    return null;
  }
}

// src/sources/polling.js
var POLL_MS2 = 1e3;
var IDLE_MS = 15e3;
var SLOWEST_RETRY_MS = 1e4;
function restBetween({ failures, unfinished: unfinished2, ending, inSight }) {
  if (failures) return Math.min(SLOWEST_RETRY_MS, POLL_MS2 * 1.5 ** failures);
  if (!unfinished2) return ending ? null : IDLE_MS;
  return inSight ? POLL_MS2 : IDLE_MS;
}
var Polling = class {
  /**
   * @param {object} options
   * @param {Element} options.el what shows it
   * @param {boolean} options.ending see {@link restBetween}
   * @param {(all: boolean) => Promise<boolean>} options.ask asks for *all* or for a part in turn; whether it is unfinished
   * @param {(message: string | null) => void} options.trouble
   */
  constructor({ el, ending, ask, trouble }) {
    this.ending = ending;
    this.ask = ask;
    this.trouble = trouble;
    this.stopped = false;
    this.asking = false;
    this.again = false;
    this.inView = true;
    this.unfinished = true;
    this.failures = 0;
    this.timer = void 0;
    this.onVisible = () => {
      if (document.visibilityState === "visible") this.refresh();
    };
    document.addEventListener("visibilitychange", this.onVisible);
    this.observer = new IntersectionObserver((entries) => {
      const [before, now] = [this.inView, entries.at(-1)?.isIntersecting ?? false];
      this.inView = now;
      if (now && !before) this.refresh();
    });
    this.observer.observe(el);
    this.refresh();
  }
  refresh() {
    void this.look(true);
  }
  /** @param {boolean} all */
  async look(all) {
    if (this.stopped || this.asking) {
      this.again ||= all;
      return;
    }
    [this.asking, this.again] = [true, false];
    clearTimeout(this.timer);
    try {
      this.unfinished = await this.ask(all);
      this.failures = 0;
      if (!this.stopped) this.trouble(null);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      this.failures += 1;
      if (!this.stopped) this.trouble(error.status ? error.message : `${error.message} What you see may be out of date.`);
      if (error.status === 404) this.stopped = true;
    } finally {
      this.asking = false;
      this.next();
    }
  }
  next() {
    if (this.stopped) return;
    if (this.again) {
      this.refresh();
      return;
    }
    const { failures, unfinished: unfinished2, ending } = this;
    const rest = restBetween({ failures, unfinished: unfinished2, ending, inSight: document.visibilityState === "visible" && this.inView });
    if (rest !== null) this.timer = setTimeout(() => void this.look(false), rest);
  }
  stop() {
    this.stopped = true;
    clearTimeout(this.timer);
    this.observer.disconnect();
    document.removeEventListener("visibilitychange", this.onVisible);
  }
};

// src/sources/api.js
var MOST_SUSPENDED = 500;
var PAGE = 1e3;
function newestRuns(lists) {
  const newest = /* @__PURE__ */ new Map();
  for (const run of lists.flatMap((list) => list?.runs ?? [])) {
    const known = newest.get(run.id);
    if (!known || known.revision < run.revision) newest.set(run.id, run);
  }
  return [...newest.values()];
}
function apiSource(baseUrl, via) {
  const runs = `${baseUrl}pdnb/api/runs`;
  const urlOf = (id) => `${runs}/${encodeURIComponent(id)}`;
  const post = async (run, action, more = {}, body = "") => {
    const meant = JSON.stringify({ step: run.step, runs: run.runs, via, ...more });
    const json = body ? `${meant.slice(0, -1)},"body":${body}}` : meant;
    return (await request(`${urlOf(run.id)}/${action}`, { method: "POST", json }))?.json;
  };
  return {
    resume: (run, { fields, json } = {}) => post(run, "resume", fields ? { fields } : {}, json),
    cancel: (run, reason) => post(run, "cancel", reason === void 0 ? {} : { reason }),
    retry: (run) => post(run, "retry"),
    links: async (run) => (await request(`${urlOf(run.id)}/links`))?.json,
    watchRun: (id, el, draw, trouble) => watchRun2(urlOf(id), el, draw, trouble),
    watchList: (limit, el, draw, trouble) => watchList(runs, limit, el, draw, trouble)
  };
}
function watchRun2(url, el, draw, trouble) {
  let [etag, over] = [
    /** @type {string | null} */
    null,
    false
  ];
  const polling = new Polling({
    el,
    trouble,
    ending: true,
    async ask() {
      const answer = await request(url, { etag });
      if (answer && !polling.stopped) {
        [etag, over] = [answer.etag, isOver(answer.json)];
        draw(answer.json);
      }
      return !over;
    }
  });
  return { refresh: () => polling.refresh(), more: () => {
  }, stop: () => polling.stop() };
}
function watchList(runs, limit, el, draw, trouble) {
  const queryOf = (parameters) => (
    /** @type {Query} */
    { url: `${runs}?${parameters}`, etag: null, list: null }
  );
  const queries = [queryOf(`limit=${limit}`), queryOf(`status=suspended&limit=${MOST_SUSPENDED}`)];
  const active = () => queries[0].list?.next ? queries : queries.slice(0, 1);
  const oldest = () => queries.length > 2 ? queries[queries.length - 1] : queries[0];
  let [turn, unfinished2] = [0, true];
  const changed = async (query) => {
    const answer = await request(query.url, { etag: query.etag });
    if (answer) [query.list, query.etag] = [answer.json, answer.etag];
    return answer !== null;
  };
  const polling = new Polling({
    el,
    trouble,
    ending: false,
    async ask(all) {
      let any = false;
      if (all) {
        for (let i = 0; i < Math.min(2, active().length); i++) any = await changed(queries[i]) || any;
        for (const query of queries.slice(2)) if (!query.list) any = await changed(query) || any;
      } else {
        turn = (turn + 1) % active().length;
        any = await changed(active()[turn]);
      }
      if (any && !polling.stopped) {
        const newest = newestRuns(active().map(({ list }) => list));
        unfinished2 = newest.some((run) => !isOver(run));
        draw(newest, { next: oldest().list?.next ?? null, complete: true });
      }
      return unfinished2;
    }
  });
  return {
    refresh: () => polling.refresh(),
    more() {
      const cursor = oldest().list?.next;
      if (cursor) queries.push(queryOf(`limit=${PAGE}&cursor=${encodeURIComponent(cursor)}`));
      polling.refresh();
    },
    stop: () => polling.stop()
  };
}

// src/page.js
function drawPage(root) {
  const { view, base = "/", run = "" } = root.dataset;
  const initial = document.getElementById("pdnb-initial")?.textContent;
  fitFrame(root);
  if (view === "card") drawCard(root, apiSource(base, "card"), run, initial ? parseExact(initial) : null);
  else drawInbox(root, base);
}
function runInAddress({ hash, search }) {
  const named = [hash.slice(1), new URLSearchParams(search).get("run") ?? ""];
  return named.find((id) => /^[0-9a-z]{20}$/.test(id)) ?? null;
}
function drawInbox(root, base) {
  const name = document.title;
  const { table } = drawTable(root, apiSource(base, "inbox"), {
    onUpdate(waiting) {
      document.title = waiting ? `(${waiting}) ${name}` : name;
    },
    onShow(id) {
      history.replaceState(null, "", `${location.pathname}${id ? `#${id}` : ""}`);
    }
  });
  const follow = () => {
    const id = runInAddress(location);
    if (id) table.show(id);
    else table.hide();
  };
  addEventListener("hashchange", follow);
  if (runInAddress(location)) follow();
}

// src/index.js
var index_default = {
  /** @param {{ model: Model, el: HTMLElement }} view @returns {() => void} what undoes it */
  render: ({ model, el }) => drawTable(el, widgetSource(model)).undo
};
export {
  index_default as default,
  drawPage
};
