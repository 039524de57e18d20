// Draws one run as a card and many as a table; where runs come from is a source's business.
//
// - A *run document* is what the API and the kernel send; in lists `exports` and `attempts` are absent.
// - A *source* has `watch(what, draw, trouble) → {look, stop}`, `resume(run, answer)`, `cancel(run, reason)`,
//   `retry(run)` and `links(run)`; `what` is `{id}` or `{limit}`, an answer `{}`, `{body}` or `{fields}` (strings, as an
//   HTML form has them). Requests carry the step and `runs` of the document that was on display.
// - Users' data becomes text nodes, never markup: a script on a Jupyter origin is code execution in the kernel. A
//   message's markup is made anew from a short list of elements. A link's token is in no document.
// - The document is patched, not rebuilt: focus, selection, scroll and opened details survive every update.
// - A button that has just changed its meaning takes no click for HOLD_MS; rows keep their places while a hand is on them.
// - Of a long table only the rows in sight are in the document; Tab stops at one row, the arrows go on from there.

const HOLD_MS = 700;
const HAND_MS = 5_000;
const POLL_MS = 1_000;
const IDLE_MS = 15_000;
const KEPT_MS = 3_000;
const MAX_ATTEMPTS = 60;
const MAX_TEXT = 100_000;
const MAX_WAITING = 500;
const MAX_PAGE = 1_000;
const MAX_TRIES = 100;

// ---- words ---------------------------------------------------------------------------------------------------------

const WORDS = {
  done: "done", queued: "queued", running: "running", suspended: "suspended", sleeping: "sleeping", failed: "failed",
  cancelled: "cancelled", upcoming: "to come", unreached: "not reached",
};
const AT_STEP = {
  queued: "queued", running: "running", suspended: "suspended", sleeping: "sleeping", succeeded: "done",
  failed: "failed", cancelled: "cancelled",
};
const VIA = {
  link: "by link", card: "on the card", panel: "in the panel", inbox: "in the inbox", magic: "in a notebook",
  python: "from Python", shell: "from the shell", api: "through the API",
};
const ACTS = {
  resume: { usual: "Approve", sleeping: "Resume now", busy: "Sending…" },
  cancel: { usual: "Cancel", busy: "Cancelling…" },
  retry: { usual: "Retry", busy: "Retrying…" },
};
const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

const isOver = (run) => run.status === "succeeded" || run.status === "failed" || run.status === "cancelled";
const waits = (run) => run.status === "suspended" || run.status === "sleeping";
const two = (n) => String(n).padStart(2, "0");

/** A length of time in at most two units: "23 h 59 min". */
export function span(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  const [d, h, m] = [Math.floor(s / 86_400), Math.floor(s / 3600) % 24, Math.floor(s / 60) % 60];
  if (d) return h ? `${d} d ${h} h` : `${d} d`;
  if (h) return m ? `${h} h ${m} min` : `${h} h`;
  if (m) return s % 60 ? `${m} min ${s % 60} s` : `${m} min`;
  return `${s} s`;
}

/** A moment in local time, as short as today allows: "10:31", "20 Nov 10:31". */
export function at(ms, now = clock.now()) {
  const [d, today] = [new Date(ms), new Date(now)];
  const time = `${two(d.getHours())}:${two(d.getMinutes())}`;
  if (d.toDateString() === today.toDateString()) return time;
  const year = d.getFullYear() === today.getFullYear() ? "" : ` ${d.getFullYear()}`;
  return `${d.getDate()} ${MONTHS[d.getMonth()]}${year} ${time}`;
}

/** How long work took, where parts of a second count: "412 ms", "1.8 s". */
function work(ms) {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  return ms < 60_000 ? `${(ms / 1000).toFixed(1)} s` : span(ms);
}

const inFull = (ms) => `${new Date(ms).toLocaleString("sv-SE")} (local time)`;
const left = (due, now) => (due - now < 1000 ? "any moment" : `in ${span(due - now)}`);
const clip = (text, n) => (text.length > n ? `${text.slice(0, n - 1)}…` : text);

/** The time by the server's clock, as far as its answers tell; a wrong clock here must not bend a countdown. */
export const clock = {
  skew: 0,
  now() { return Date.now() + this.skew; },
  learn(header) {
    this.tell(Date.parse(header ?? "") + 500);  // the header has whole seconds
  },
  tell(ms) {
    const off = ms - Date.now();
    if (!Number.isNaN(off)) this.skew = Math.abs(off) > 2_000 ? off : 0;
  },
};

function who(decision) {
  const via = VIA[decision.via] ?? "";
  return `${decision.by ? ` by ${decision.by}` : ""}${via ? ` ${via}` : ""}`;
}

function decided(decision, now) {
  const when = `at ${at(decision.at_ms, now)}`;
  const why = decision.reason ? `: ${decision.reason}` : "";
  if (decision.what === "timed out") return `Nobody answered in time: timed out ${when}`;
  if (decision.what === "elapsed") return `Went on by itself ${when}`;
  if (decision.what === "retried") return `Retried ${when}${who(decision)}`;
  return `${decision.what === "cancelled" ? "Cancelled" : "Resumed"} ${when}${who(decision)}${why}`;
}

/** As a sentence: with one full stop. */
const full = (text) => `${text}.`.replace(/([.!?…])\.$/, "$1");

/** How the pause ends by itself, as a phrase: "cancels itself in 23 h 59 min". */
function fate(run, now) {
  const due = run.pause?.due_ms ?? run.due_ms;
  if (due == null) return "";
  const kind = run.pause?.kind ?? (run.status === "sleeping" ? "delay" : "suspend");
  const verb = kind === "rerun" ? "runs again" : kind === "delay" || run.pause?.on_timeout === "resume"
    ? "goes on by itself" : "cancels itself";
  return `${verb} ${left(due, now)}`;
}

function sentence(run, now) {
  const since = at(run.pause?.since_ms ?? run.since_ms, now);
  const long = now - (run.pause?.since_ms ?? run.since_ms);
  const ago = long >= 60_000 ? ` (${span(long - (long % 60_000))})` : "";
  const step = `Step ${run.step}`;
  const nth = run.runs > 1 ? `, attempt ${run.runs},` : "";
  const end = fate(run, now);
  switch (run.status) {
    case "queued": return `${step} is ready since ${since}${ago} and waits for a worker.`;
    case "running": return `${step}${nth} is running since ${since}, for ${span(now - run.since_ms)}.`;
    case "suspended": return `${step}${nth} waits for a person since ${since}${ago}${end && `, ${end}`}.`;
    case "sleeping": return `${step}${nth} sleeps since ${since}${ago}${end && `, ${end}`}.`;
    case "succeeded": {
      const early = run.position < run.steps.length - 1 ? `Ended early by step ${run.step}` : "Finished";
      return `${early} at ${at(run.ended_ms ?? run.since_ms, now)}, ${work((run.ended_ms ?? now) - run.created_ms)} after it started.`;
    }
    case "failed": return `Failed in step ${run.step}${nth} at ${at(run.ended_ms ?? run.since_ms, now)}.`;
    default: {
      if (run.decision?.what === "timed out") return `Cancelled itself at ${at(run.decision.at_ms, now)}: nobody answered step ${run.step} in time.`;
      if (run.decision?.what === "cancelled") return full(decided(run.decision, now));
      return `Cancelled in step ${run.step} at ${at(run.ended_ms ?? run.since_ms, now)}.`;
    }
  }
}

function stateOf(run, i) {
  if (i < run.position) return "done";
  if (i > run.position) return isOver(run) ? "unreached" : "upcoming";
  return AT_STEP[run.status] ?? "upcoming";
}

// ---- the document --------------------------------------------------------------------------------------------------

function h(tag, attrs = {}, ...kids) {
  const el = document.createElement(tag);
  for (const [name, value] of Object.entries(attrs)) setAttr(el, name, value);
  el.append(...kids);
  return el;
}

/** The same for SVG. */
function make(tag, attrs = {}) {
  const el = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attrs)) setAttr(el, name, value);
  return el;
}

let ids = 0;
const uid = () => `pdnb-${NONCE}-${(ids += 1)}`;

function setText(el, text) {
  if (el.textContent !== text) el.textContent = text;
}

function setAttr(el, name, value) {
  if (value == null || value === false) {
    if (el.hasAttribute(name)) el.removeAttribute(name);
  } else if (el.getAttribute(name) !== String(value)) el.setAttribute(name, String(value));
}

const ROUND = "M10 2a8 8 0 1 0 0 16 8 8 0 1 0 0-16Z";
const MARKS = {  // state → [outline, what stands in it]: the shape alone tells the states apart
  done: [ROUND, "m6.4 10.3 2.5 2.5 4.8-5.2"],
  running: [ROUND, "M10 5.2A4.8 4.8 0 0 1 14.8 10"],
  suspended: ["M10 1 19 10 10 19 1 10Z", "M8.2 7.4v5.2M11.8 7.4v5.2"],
  sleeping: [ROUND, "M10 5.8V10l2.9 1.8"],
  failed: ["M6.6 2h6.8L18 6.6v6.8L13.4 18H6.6L2 13.4V6.6Z", "m7.3 7.3 5.4 5.4M12.7 7.3l-5.4 5.4"],
  cancelled: [ROUND, "M6.4 10h7.2"],
  queued: [ROUND, "M7 10h.01M10 10h.01M13 10h.01"],
  upcoming: [ROUND, ""],
  unreached: [ROUND, ""],
};

function mark() {
  const svg = make("svg", { viewBox: "0 0 20 20", class: "pdnb-mark", "aria-hidden": "true" });
  svg.append(make("path"), make("path"));
  return svg;
}

function setMark(svg, state) {
  if (svg.dataset.state === state) return;
  svg.dataset.state = state;
  svg.children[0].setAttribute("d", MARKS[state][0]);
  svg.children[1].setAttribute("d", MARKS[state][1]);
}

function pill() {
  const word = h("span");
  const el = h("span", { class: "pdnb-pill" }, mark(), word);
  return {
    el,
    patch(run) {
      const state = AT_STEP[run.status] ?? "upcoming";
      setAttr(el, "data-state", state);
      setMark(el.firstChild, state);
      setText(word, run.status);
    },
  };
}

/** A polite live region; the same words twice in a row are said once. */
function announcer() {
  const el = h("div", { class: "pdnb-live", "aria-live": "polite", role: "status" });
  return { el, say: (text) => setText(el, text) };
}

// ---- questions before what cannot be undone ------------------------------------------------------------------------

/** A question in its place on the page. Escape says no; the focus goes back to where it was. */
class Confirm {
  constructor() {
    const [title, text, field] = [uid(), uid(), uid()];
    this.title = h("p", { class: "pdnb-ask-title", id: title });
    this.text = h("p", { id: text });
    this.reason = h("input", { type: "text", class: "pdnb-input", id: field, maxlength: "500", autocomplete: "off" });
    this.why = h("div", { class: "pdnb-field" }, h("label", { for: field }, "Reason (optional)"), this.reason);
    this.yes = h("button", { type: "button", class: "pdnb-button", "data-yes": "" });
    this.no = h("button", { type: "button", class: "pdnb-button", "data-no": "" });
    this.el = h("div", { class: "pdnb-confirm", role: "alertdialog", tabindex: "-1", hidden: "", "aria-labelledby": title, "aria-describedby": text },
      this.title, this.text, this.why, h("div", { class: "pdnb-gate" }, this.yes, this.no));
    this.yes.addEventListener("click", () => { if (performance.now() >= this.deafUntil) this.end({ reason: this.reason.value.trim() }); });
    this.no.addEventListener("click", () => this.end(null));
    this.el.addEventListener("keydown", (event) => {
      if (event.key === "Escape") { event.stopPropagation(); this.end(null); }
      if (event.key === "Enter" && event.repeat) event.preventDefault();
    });
  }

  /** `{reason}` for yes, `null` for no. */
  ask({ title, text, reason = false, yes, no, danger = false }) {
    this.end(null);
    setText(this.title, title);
    setText(this.text, text);
    setAttr(this.why, "hidden", reason ? null : "");
    this.reason.value = "";
    setText(this.yes, yes);
    setText(this.no, no);
    this.yes.classList.toggle("pdnb-danger", danger);
    this.yes.classList.toggle("pdnb-go", !danger);
    this.back = document.activeElement;
    this.deafUntil = performance.now() + HOLD_MS;  // the second half of a double click is no answer
    setAttr(this.yes, "aria-disabled", "true");
    clearTimeout(this.timer);
    this.timer = setTimeout(() => setAttr(this.yes, "aria-disabled", null), HOLD_MS);
    setAttr(this.el, "hidden", null);
    this.el.focus();
    this.el.scrollIntoView({ block: "nearest" });
    return new Promise((done) => { this.done = done; });
  }

  end(answer) {
    if (!this.done) return;
    const done = this.done;
    this.done = null;
    const mine = this.el.contains(document.activeElement);
    setAttr(this.el, "hidden", "");
    if (mine && this.back?.isConnected) this.back.focus({ preventScroll: true });
    done(answer);
  }
}

// ---- the buttons of a run ------------------------------------------------------------------------------------------

const keyOf = (run) => (waits(run) || run.status === "failed" ? `${run.step} ${run.runs} ${run.status}` : null);
const asksForm = (run) => run.status === "suspended" && Boolean(run.prompt ? run.prompt.fields : run.pause?.form);

/** Approve, Cancel and Retry for one run. Sends what was on display; deaf while in flight and just after its meaning changed. */
class Gate {
  /** *wishes*: `changed(run, doc, message, problems)`, `answer(run)`, `confirm`, `open(run)` where a form is filled elsewhere. */
  constructor(source, wishes) {
    [this.source, this.wishes] = [source, wishes];
    [this.run, this.key, this.busy, this.deafUntil, this.saidAt] = [null, undefined, null, 0, 0];
    this.go = h("button", { type: "button", class: "pdnb-button pdnb-go", "data-act": "resume" });
    this.stop = h("button", { type: "button", class: "pdnb-button", "data-act": "cancel" });
    this.again = h("button", { type: "button", class: "pdnb-button pdnb-go", "data-act": "retry" });
    this.said = h("span", { class: "pdnb-said", role: "alert", hidden: "" });
    this.el = h("span", { class: "pdnb-gate" }, this.go, this.stop, this.again, this.said);
    this.buttons = [this.go, this.stop, this.again];
    for (const button of this.buttons) button.pdnbGate = this;
  }

  get deaf() { return this.busy !== null || performance.now() < this.deafUntil; }

  patch(run) {
    const key = keyOf(run);
    if (key !== this.key) {
      if (this.key !== undefined && key !== null) this.hold();
      if (performance.now() - this.saidAt > 3_000) this.say(null);
      this.key = key;
    }
    this.run = run;
    this.draw();
  }

  hold() {
    this.deafUntil = performance.now() + HOLD_MS;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.draw(), HOLD_MS + 10);
  }

  draw() {
    const none = this.key === null && this.busy === null;
    setAttr(this.el, "hidden", none && this.said.hidden ? "" : null);
    for (const button of this.buttons) {
      const act = button.dataset.act;
      const hide = none || (act === "retry") !== (this.run.status === "failed" || this.busy === "retry");
      if (hide && button === document.activeElement) this.park(button);
      setAttr(button, "hidden", hide ? "" : null);
      if (hide) continue;
      if (this.parked === button) this.unpark();
      setAttr(button, "aria-disabled", this.deaf ? "true" : null);  // not `disabled`, which would lose the focus
      if (this.key === null) continue;
      const form = act === "resume" && asksForm(this.run) && this.wishes.open;
      const verb = form ? "Answer…" : ACTS[act][this.run.status] ?? ACTS[act].usual;
      setText(button, this.busy === act ? ACTS[act].busy : verb);
      const step = `step ${this.run.step} of ${this.run.workflow}`;
      setAttr(button, "aria-label", act === "cancel" ? `${verb} ${this.run.workflow} at step ${this.run.step}` : `${verb} ${step}`);
    }
  }

  /** The focus of a button that goes rests on the run itself, and comes back with the button. */
  park(button) {
    [this.parked, this.place] = [button, button.closest("[data-run]")?.querySelector("[data-place]")];
    this.place?.focus({ preventScroll: true });
  }

  unpark() {
    const back = document.activeElement === this.place;
    if (back) this.parked.focus({ preventScroll: true });
    this.parked = null;
  }

  say(message) {
    this.saidAt = performance.now();
    setText(this.said, message ?? "");
    setAttr(this.said, "hidden", message ? null : "");
    if (message) setAttr(this.el, "hidden", null);
  }

  async press(act) {
    if (this.deaf || this.key === null) return;
    const [run, key] = [this.run, this.key];
    if (act === "resume" && asksForm(run) && this.wishes.open) { this.wishes.open(run); return; }
    let answer = {};
    try {
      if (act !== "retry") answer = this.wishes.answer?.(run, act) ?? {};
    } catch (error) {
      this.say(error.message);
      return;
    }
    if (act === "cancel") {
      const sure = await this.wishes.confirm.ask({
        title: `Cancel the run of ${run.workflow}?`, text: `It ends at step ${run.step}; no further step runs. This cannot be undone.`,
        reason: true, yes: "Cancel this run", no: run.status === "suspended" ? "Keep it waiting" : "Keep it", danger: true,
      });
      if (!sure) return;
      if (this.key !== key) { this.say("The run has moved on meanwhile: nothing was cancelled."); return; }
      answer = { reason: sure.reason || undefined };
    }
    await this.send(act, run, answer);
  }

  async send(act, run, answer) {
    this.busy = act;
    this.say(null);
    this.draw();
    let [doc, trouble] = [null, null];
    try {
      doc = await (act === "cancel" ? this.source.cancel(run, answer.reason) : this.source[act](run, answer));
    } catch (error) {
      trouble = error;
    }
    this.busy = null;
    if (trouble && !trouble.problems?.length) this.say(trouble.message);
    this.wishes.changed(run, doc, trouble, act);
    this.draw();
  }
}

/** One listener for all gates in *root*. A press by pointer counts only if it began and ended on the same meaning. */
function listen(root, steady = () => true) {
  let pressed = null;
  const gateOf = (event) => event.target.closest?.("button[data-act]");
  root.addEventListener("pointerdown", (event) => {
    const button = gateOf(event);
    pressed = button && !button.pdnbGate.deaf && steady() ? [button, button.pdnbGate.key] : null;
  });
  root.addEventListener("keydown", (event) => {
    if (event.repeat && gateOf(event)) event.preventDefault();  // a held Enter must not walk through the gates
  });
  root.addEventListener("click", (event) => {
    const button = gateOf(event);
    if (!button) return;
    const byHand = event.detail > 0;  // 0: keyboard, assistive technology
    const meant = !byHand || (pressed?.[0] === button && pressed[1] === button.pdnbGate.key);
    pressed = null;
    if (meant) button.pdnbGate.press(button.dataset.act);
  });
}

// ---- what people are asked -----------------------------------------------------------------------------------------

const SAFE = new Set("p br strong em code pre ul ol li blockquote a h3 h4 h5 h6 table thead tbody tr th td hr del".split(" "));
const ALIKE = { h1: "h3", h2: "h3", b: "strong", i: "em", s: "del" };

/** Markup made anew from the few elements and the one attribute that a message needs; of all else, the text. */
function rebuilt(html) {
  const build = (from, into, depth) => {
    for (const node of from.childNodes) {
      if (node.nodeType === Node.TEXT_NODE) into.append(node.data);
      if (node.nodeType !== Node.ELEMENT_NODE) continue;
      const name = ALIKE[node.localName] ?? node.localName;
      const href = name === "a" ? outward(node.getAttribute("href")) : null;
      const kept = depth < 40 && node instanceof HTMLElement && SAFE.has(name) && (name !== "a" || href);
      const place = kept ? h(name, href ? { href, target: "_blank", rel: "noopener noreferrer" } : {}) : into;
      build(node, place, depth + 1);
      if (kept) into.append(place);
    }
    return into;
  };
  return build(new DOMParser().parseFromString(html, "text/html").body, document.createDocumentFragment(), 0);
}

/** An address that may be followed, or `null`. */
function outward(text) {
  try {
    const url = new URL(text);
    return ["http:", "https:", "mailto:"].includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

/** One field of a form: a label, what helps, an input of its kind, and what was wrong with it. */
class FieldView {
  constructor(field) {
    this.field = field;
    const [id, help, wrong] = [uid(), uid(), uid()];
    this.problem = h("p", { class: "pdnb-problem", id: wrong, hidden: "" });
    const must = field.required && field.kind !== "boolean" && field.kind !== "choices";
    const title = h("span", { class: "pdnb-label" }, field.title);
    if (must) title.append(h("span", { class: "pdnb-must" }, " (required)"));
    const hint = [field.description, range(field)].filter(Boolean).join(" ");
    const about = hint ? h("p", { class: "pdnb-hint", id: help }, hint) : "";
    const described = `${hint ? `${help} ` : ""}${wrong}`;
    const many = field.kind === "choices" || (field.kind === "choice" && field.choices.length <= 4);
    if (many) {
      const type = field.kind === "choices" ? "checkbox" : "radio";
      this.inputs = field.choices.map((choice) => h("input", { type, name: id, value: choice.key, "aria-describedby": wrong }));
      const options = field.choices.map((choice, i) => h("label", { class: "pdnb-option" }, this.inputs[i], h("span", {}, choice.label)));
      if (type === "radio" && !field.required) {
        this.inputs.push(h("input", { type, name: id, value: "" }));
        options.push(h("label", { class: "pdnb-option" }, this.inputs.at(-1), h("span", {}, "no answer")));
      }
      this.el = h("fieldset", { class: "pdnb-field", "aria-describedby": described }, h("legend", {}, title), about, h("div", { class: "pdnb-options" }, ...options), this.problem);
    } else {
      this.inputs = [this.input(field, { id, "aria-describedby": described, "aria-required": must ? "true" : null })];
      const label = h("label", { for: id, class: field.kind === "boolean" ? "pdnb-option" : null });
      if (field.kind === "boolean") label.append(this.inputs[0], title); else label.append(title);
      this.el = h("div", { class: "pdnb-field" }, label, about, ...(field.kind === "boolean" ? [] : this.inputs), this.problem);
    }
    this.value = this.initial();
    this.el.addEventListener("input", () => this.wrong(null));
  }

  input(field, attrs) {
    const own = { ...attrs, class: "pdnb-input", placeholder: field.placeholder, maxlength: field.max_length };
    switch (field.kind) {
      case "choice": {
        const options = field.choices.map((choice) => h("option", { value: choice.key }, choice.label));
        return h("select", own, h("option", { value: "" }, field.required ? "choose…" : "no answer"), ...options);
      }
      case "boolean": return h("input", { ...attrs, type: "checkbox" });
      case "multiline": return h("textarea", { ...own, rows: "4" });
      case "json": return h("textarea", { ...own, rows: "4", class: "pdnb-input pdnb-code", spellcheck: "false" });
      case "date": return h("input", { ...own, type: "date" });
      case "number": case "integer":
        return h("input", { ...own, type: "number", min: field.minimum, max: field.maximum, step: field.step ?? "any", inputmode: field.kind === "integer" ? "numeric" : "decimal" });
      default: return h("input", { ...own, type: "text", autocomplete: "off" });
    }
  }

  initial() {
    const { kind, default: value, choices } = this.field;
    const key = (one) => choices.find((choice) => JSON.stringify(choice.value) === JSON.stringify(one))?.key;
    if (kind === "choices") return (value ?? []).map?.(key) ?? [];
    if (kind === "boolean") return value === true ? ["on"] : [];
    if (value == null) return [""];
    if (kind === "choice") return [key(value) ?? ""];
    return [kind === "json" ? JSON.stringify(value, null, 2) : String(value)];
  }

  get ticked() { return ["checkbox", "radio"].includes(this.inputs[0]?.type); }

  /** The strings that an HTML form would send for it. */
  get value() {
    if (this.field.kind === "boolean") return this.inputs[0].checked ? ["on"] : [];
    return this.ticked ? this.inputs.filter((input) => input.checked).map((input) => input.value) : [this.inputs[0].value];
  }

  set value(strings) {
    for (const input of this.inputs) {
      if (this.ticked) input.checked = this.field.kind === "boolean" ? strings.length > 0 : strings.includes(input.value);
      else input.value = strings[0] ?? "";
    }
  }

  wrong(text) {
    setText(this.problem, text ?? "");
    setAttr(this.problem, "hidden", text ? null : "");
    for (const input of this.inputs) setAttr(input, "aria-invalid", text ? "true" : null);
  }

  focus() { (this.inputs.find((input) => input.checked) ?? this.inputs[0])?.focus(); }
}

function range({ minimum, maximum, kind }) {
  if (kind !== "number" && kind !== "integer") return "";
  if (minimum != null && maximum != null) return `From ${minimum} to ${maximum}.`;
  return minimum != null ? `At least ${minimum}.` : maximum != null ? `At most ${maximum}.` : "";
}

/** What goes along with an approval: the form's fields, or a comment for who wants to leave one. */
class Answer {
  constructor() {
    const [id, help] = [uid(), uid()];
    this.views = [];
    this.text = h("textarea", { class: "pdnb-input", id, rows: "2", "aria-describedby": help });
    this.comment = h("details", { class: "pdnb-comment" }, h("summary", {}, "Add a comment or data"), h("div", { class: "pdnb-field" },
      h("label", { for: id, class: "pdnb-label" }, "Comment"),
      h("p", { class: "pdnb-hint", id: help }, "The workflow receives it with your approval as {\"comment\": …}, and JSON as it is."), this.text));
    this.alert = h("div", { class: "pdnb-wrong", role: "alert", hidden: "" });
    this.form = h("div", { class: "pdnb-form", role: "group", "aria-label": "Your answer" });
    this.el = h("div", { class: "pdnb-answer", hidden: "" }, this.alert, this.form, this.comment);
  }

  patch(run) {
    const key = run.status === "suspended" && run.prompt !== undefined ? `${run.step} ${run.runs} ${JSON.stringify(run.prompt?.fields)}` : null;
    if (key !== this.key) {
      this.key = key;
      this.views = key === null ? [] : (run.prompt?.fields ?? []).map((field) => new FieldView(field));
      this.form.replaceChildren(...this.views.map((view) => view.el));
      this.text.value = "";
      this.problems([]);
    }
    setAttr(this.el, "hidden", key === null ? "" : null);
    setAttr(this.form, "hidden", this.views.length ? null : "");
    setAttr(this.comment, "hidden", run.prompt?.fields ? "" : null);
  }

  /** What to send; raises an error for a person when it cannot be read. */
  value(run) {
    if (run.prompt?.fields) {
      const fields = {};
      for (const { field, value } of this.views) if (value.length) fields[field.name] = value.length > 1 || field.kind === "choices" ? value : value[0];
      return { fields };
    }
    const text = this.comment.open ? this.text.value.trim() : "";
    if (!text) return {};
    if (!/^[[{]/.test(text)) return { body: { comment: text } };
    try {
      return { body: JSON.parse(text) };
    } catch (error) {
      this.text.focus();
      throw new Error(`What you wrote begins like JSON but is none: ${error.message}`);
    }
  }

  /** Say what the server found wrong: in a list, at each field, and with the focus on the first. */
  problems(lines) {
    for (const view of this.views) view.wrong(null);
    const entries = lines.map((line) => {
      const view = this.views.filter(({ field: { name } }) => line.startsWith(name) && /^[:.[]/.test(line.slice(name.length)))
        .sort((a, b) => b.field.name.length - a.field.name.length)[0];
      const text = view ? line.slice(view.field.name.length).replace(/^: /, "") : line;
      if (view && view.problem.hidden) view.wrong(text.charAt(0).toUpperCase() + text.slice(1));
      return { view, text: view ? `${view.field.title}: ${text}` : line };
    });
    setAttr(this.alert, "hidden", lines.length ? null : "");
    this.alert.replaceChildren();
    if (!lines.length) return;
    this.alert.append(h("p", {}, lines.length === 1 ? "One answer needs a correction. Nothing was sent on." : `${lines.length} answers need a correction. Nothing was sent on.`),
      h("ul", {}, ...entries.map(({ text }) => h("li", {}, text))));
    const first = this.views.find((view) => !view.problem.hidden);
    first?.focus();
  }

  focus() { (this.views[0] ?? null)?.focus(); }

  get held() { return { key: this.key, values: this.views.map((view) => view.value), text: this.text.value, open: this.comment.open }; }

  set held({ key, values, text, open }) {
    if (key !== this.key) return;
    values.forEach((value, i) => { this.views[i].value = value; });
    [this.text.value, this.comment.open] = [text, open];
  }
}

/** Copies a run's link. The link is in no document: it goes from the answer to the clipboard. */
class Copier {
  constructor(source) {
    this.source = source;
    this.button = h("button", { type: "button", class: "pdnb-button pdnb-quiet-button" }, "Copy link");
    this.said = h("span", { class: "pdnb-hint", role: "status" });
    this.el = h("span", { class: "pdnb-copy" }, this.button, this.said);
    this.button.addEventListener("click", () => this.copy());
  }

  patch(run) {
    this.run = run;
    setAttr(this.el, "hidden", waits(run) && this.source.links ? null : "");
    setAttr(this.button, "aria-label", `Copy the link that approves step ${run.step}`);
  }

  async copy() {
    clearTimeout(this.timer);
    try {
      const { resume_url: url } = await this.source.links(this.run);
      if (!url) throw new Error("This run has no link any more.");
      await toClipboard(url);
      const here = /^(localhost|127\.|\[::1\]|0\.0\.0\.0)/.test(new URL(url).host);
      setText(this.said, here ? "Copied: reachable from this machine only" : "Copied");
    } catch (error) {
      setText(this.said, error instanceof Trouble || error.message?.startsWith("Th") ? error.message : "The browser does not allow copying here.");
    }
    this.timer = setTimeout(() => setText(this.said, ""), 8_000);
  }
}

async function toClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {  // no permission, or a page that is not served securely
    let took = false;
    const put = (event) => { event.clipboardData.setData("text/plain", text); event.preventDefault(); took = true; };
    document.addEventListener("copy", put, { once: true });
    document.execCommand("copy");
    document.removeEventListener("copy", put);
    if (!took) throw new Error("The browser does not allow copying here.");
  }
}

// ---- time as a picture ---------------------------------------------------------------------------------------------

const SPELLS = { active: "active", paused: "paused", queued: "waiting for a worker" };

/** The stretches of a run, in order: `[kind, from, to]`. */
function spells(run, now) {
  const found = [];
  let at_ms = run.created_ms;
  const add = (kind, to) => { if (to > at_ms) { found.push([kind, at_ms, to]); at_ms = to; } };
  for (const attempt of run.attempts ?? []) {
    add("queued", attempt.started_ms);
    add("active", attempt.ended_ms ?? (attempt.outcome === "running" ? now : at_ms));
    const present = attempt.position === run.position && attempt.runs === run.runs;
    if (["suspended", "rerun", "delay"].includes(attempt.outcome)) add("paused", attempt.decision?.at_ms ?? (present && waits(run) ? now : at_ms));
  }
  if (!isOver(run)) add(run.status === "running" ? "active" : waits(run) ? "paused" : "queued", now);
  return found;
}

/** A strip: what ran stands tall, pauses are a band, waiting for a worker is a line. Very short stretches stay visible. */
class Strip {
  constructor() {
    this.svg = make("svg", { viewBox: "0 0 1000 12", preserveAspectRatio: "none", role: "img", class: "pdnb-strip" });
    this.legend = h("p", { class: "pdnb-legend" });
    this.el = h("div", { class: "pdnb-time" }, this.svg, this.legend);
  }

  draw(run, now) {
    const found = spells(run, now);
    setAttr(this.el, "hidden", found.length ? null : "");
    if (!found.length) return;
    const least = Math.min(5, 400 / found.length);
    const whole = found.reduce((sum, [, from, to]) => sum + (to - from), 0);
    const widths = found.map(([, from, to]) => least + ((1000 - least * found.length) * (to - from)) / whole);
    const total = { active: 0, paused: 0, queued: 0 };
    let x = 0;
    found.forEach(([kind, from, to], i) => {
      const rect = this.svg.children[i] ?? this.svg.appendChild(make("rect"));
      const [y, height] = { active: [0, 12], paused: [3, 6], queued: [5, 2] }[kind];
      for (const [name, value] of Object.entries({ class: `pdnb-${kind}`, x: x.toFixed(1), y, width: Math.max(1, widths[i] - 1).toFixed(1), height })) setAttr(rect, name, value);
      x += widths[i];
      total[kind] += to - from;
    });
    while (this.svg.children.length > found.length) this.svg.lastChild.remove();
    const said = Object.entries(total).filter(([, ms]) => ms > 0).map(([kind, ms]) => [kind, `${SPELLS[kind]} ${work(ms)}`]);
    setAttr(this.svg, "aria-label", `Time from ${at(run.created_ms, now)} to ${isOver(run) ? at(found.at(-1)[2], now) : "now"}: ${said.map(([, text]) => text).join(", ")}`);
    said.forEach(([kind, text], i) => {
      const item = this.legend.children[i] ?? this.legend.appendChild(h("span", {}, h("i"), h("span")));
      setAttr(item, "data-kind", kind);
      setText(item.lastChild, text);
    });
    while (this.legend.children.length > said.length) this.legend.lastChild.remove();
  }
}

/** How far a long step is: as it says itself, or for how long it runs. */
class Progress {
  constructor() {
    this.fill = h("i");
    this.bar = h("div", { class: "pdnb-progress", role: "progressbar" }, this.fill);
    this.text = h("p", { class: "pdnb-quiet" });
    this.el = h("div", { hidden: "" }, this.bar, this.text);
  }

  draw(run, now) {
    const attempt = run.status === "running" ? run.attempts?.findLast((a) => a.outcome === "running") : null;
    const told = attempt?.progress ?? null;
    const for_ms = now - (attempt?.started_ms ?? run.since_ms);
    const show = run.status === "running" && (told || for_ms > 2_000);
    setAttr(this.el, "hidden", show ? null : "");
    if (!show) return;
    const known = told?.total > 0 && told.done != null;
    const share = known ? Math.min(1, Math.max(0, told.done / told.total)) : null;
    const count = known ? `${told.done} of ${told.total} (${Math.floor(share * 100)} %)` : told?.done != null ? `${told.done} done` : "";
    const text = [count, told?.text].filter(Boolean).join(" · ");
    setAttr(this.bar, "aria-label", `Progress of step ${run.step}`);
    for (const [name, value] of [["aria-valuemin", 0], ["aria-valuemax", told?.total], ["aria-valuenow", told?.done]]) setAttr(this.bar, name, known ? value : null);
    setAttr(this.bar, "aria-valuetext", text || `running for ${span(for_ms)}`);
    setAttr(this.bar, "data-unknown", known ? null : "");
    this.fill.style.inlineSize = known ? `${(100 * share).toFixed(1)}%` : "";
    setText(this.text, text);
  }
}

// ---- what a step left ----------------------------------------------------------------------------------------------

const IMAGES = ["image/png", "image/jpeg", "image/gif", "image/webp"];
const joined = (value) => (Array.isArray(value) ? value.join("") : typeof value === "string" ? value : JSON.stringify(value, null, 2));
// eslint-disable-next-line no-control-regex
const ANSI = /\u001b(?:\[[0-9;:<=>?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[ -/]*[0-~])/g;
/** Text as a terminal would leave it: no colour codes, and what a carriage return overwrote is gone. */
const bare = (text) => joined(text).replace(ANSI, "").replace(/\r+\n/g, "\n").replace(/^.*\r(?=.)/gm, "");

function pre(text, kind = "") {
  const shown = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}\n… ${text.length - MAX_TEXT} more characters` : text;
  return h("pre", { class: `pdnb-pre ${kind}`, tabindex: "0" }, shown);
}

/** HTML of a step, in a frame without scripts and without an origin, that loads nothing. */
function framed(html, title) {
  const policy = `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">`;
  const box = h("details", { class: "pdnb-rich" }, h("summary", {}, title));
  box.addEventListener("toggle", () => {
    if (!box.open || box.querySelector("iframe")) return;
    const look = getComputedStyle(box);
    const scheme = box.closest(".pdnb")?.dataset.theme === "dark" ? "dark" : "light";
    const style = `<style>html{color-scheme:${scheme}}body{margin:8px;color:${look.color};font:13px ${look.fontFamily.replace(/[<>{}]/g, "")}}`
      + "table{border-collapse:collapse}td,th{padding:3px 8px;border:1px solid #8886;text-align:right}img{max-width:100%}</style>";
    box.append(h("iframe", { sandbox: "", srcdoc: policy + style + html, title, class: "pdnb-frame", referrerpolicy: "no-referrer" }));
  });
  return box;
}

function outputOf(output) {
  if (output.output_type === "stream") return [pre(bare(output.text), output.name === "stderr" ? "pdnb-stderr" : "")];
  if (output.output_type === "error") {
    return [pre(bare(output.traceback?.length ? output.traceback.join("\n") : `${output.ename}: ${output.evalue}`), "pdnb-bad")];
  }
  const data = output.data ?? {};
  const image = IMAGES.find((mime) => data[mime]);
  if (image) {
    const base64 = joined(data[image]).replace(/[^A-Za-z0-9+/=]/g, "");
    const alt = data["text/plain"] ? clip(bare(data["text/plain"]), 200) : "image";
    return [h("img", { class: "pdnb-image", src: `data:${image};base64,${base64}`, alt })];
  }
  const nodes = [];
  if (data["text/plain"] != null) nodes.push(pre(bare(data["text/plain"])));
  else if (data["application/json"] != null) nodes.push(pre(JSON.stringify(data["application/json"], null, 2)));
  else if (data["text/markdown"] != null) nodes.push(pre(bare(data["text/markdown"])));
  if (data["text/html"] != null) nodes.push(framed(joined(data["text/html"]), "Show formatted"));
  return nodes;
}

function outputs(list) {
  const merged = [];
  for (const output of list ?? []) {
    const last = merged.at(-1);
    if (output.output_type === "stream" && last?.output_type === "stream" && last.name === output.name) {
      merged[merged.length - 1] = { ...last, text: joined(last.text) + joined(output.text) };
    } else merged.push(output);
  }
  return merged.flatMap(outputOf);
}

/** A mail that a step sent, or put into the outbox where no mail server is configured. */
function mailOf(mail) {
  const to = mail.to?.length ? ` to ${mail.to.join(", ")}` : "";
  const body = mail.text != null ? [pre(bare(mail.text))] : [];
  if (mail.html != null) body.push(framed(mail.html, "Show formatted"));
  return h("div", { class: "pdnb-export" },
    h("span", { class: "pdnb-key" }, mail.sent ? `mail sent${to}` : `mail in the outbox${to} (no mail server is configured)`),
    h("p", {}, mail.subject), ...body);
}

const ENDED = {
  running: "running", returned: "done", suspended: "waited", rerun: "asked to run again", delay: "waited", exited: "ended the run",
  raised: "failed", lost: "interrupted",
};

/** One attempt as a `details`; its inside is made when it is opened. */
class AttemptView {
  constructor() {
    this.mark = mark();
    [this.name, this.word, this.value, this.took] = ["name", "word", "value", "took"].map((c) => h("span", { class: `pdnb-a-${c}` }));
    this.body = h("div", { class: "pdnb-a-body" });
    this.el = h("details", { class: "pdnb-attempt" },
      h("summary", {}, this.mark, this.name, this.word, this.value, this.took), this.body);
    this.el.addEventListener("toggle", () => this.fill());
  }

  patch(attempt, run, now) {
    const here = waits(run) && attempt.position === run.position && attempt.runs === run.runs;
    const state = here ? AT_STEP[run.status]
      : { running: "running", raised: "failed", lost: "failed" }[attempt.outcome]
        ?? (attempt.decision?.what === "cancelled" || attempt.decision?.what === "timed out" ? "cancelled" : "done");
    const word = here ? WORDS[state] : attempt.decision && attempt.outcome !== "raised" ? attempt.decision.what : ENDED[attempt.outcome];
    setMark(this.mark, state);
    setAttr(this.el, "data-state", state);
    setText(this.name, attempt.runs > 1 ? `${attempt.step} · attempt ${attempt.runs}` : attempt.step);
    setText(this.word, attempt.note ? `${word}, ${attempt.note}` : word);
    const value = attempt.exports?.$return_value;
    setText(this.value, value == null ? "" : clip(typeof value === "string" ? value : JSON.stringify(value), 200));
    setText(this.took, attempt.ended_ms == null ? "" : work(attempt.ended_ms - attempt.started_ms));
    setAttr(this.took, "title", `started ${inFull(attempt.started_ms)}`);
    if (!this.opened && (attempt.error || attempt.outputs?.length || attempt.mails?.length)) this.opened = this.el.open = true;  // once: people may close it
    [this.attempt, this.now] = [attempt, now];
    this.fill();
  }

  fill() {
    if (!this.el.open || !this.attempt) return;
    const a = this.attempt;
    const signature = JSON.stringify([a.outputs, a.exports, a.mails, a.error, a.note, a.decision]);
    if (signature === this.filled) return;
    this.filled = signature;
    const parts = [];
    if (a.decision) parts.push(h("p", {}, full(decided(a.decision, this.now))));
    if (a.note) parts.push(h("p", {}, `Note: ${a.note}.`));
    const printed = outputs(a.outputs);
    const traced = a.outputs?.some((o) => o.output_type === "error");
    if (a.error && !traced) parts.push(pre(bare(a.error), "pdnb-bad"));
    parts.push(...printed, ...(a.mails ?? []).map(mailOf));
    const shown = a.outputs?.some((o) => o.output_type === "execute_result");  // a body's value, as a notebook shows it
    for (const [name, value] of Object.entries(a.exports ?? {})) {
      const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
      if (name === "$return_value" && (value === null || shown)) continue;
      parts.push(h("div", { class: "pdnb-export" }, h("span", { class: "pdnb-key" }, name), pre(text)));
    }
    if (!parts.length) parts.push(h("p", { class: "pdnb-quiet" }, a.outcome === "running" ? "Nothing printed yet." : "Nothing printed, nothing exported."));
    const before = [...this.body.querySelectorAll("pre")];
    const focused = before.indexOf(document.activeElement);
    const places = before.map((el) => (el.scrollTop + el.clientHeight >= el.scrollHeight - 4 ? Infinity : el.scrollTop));
    this.body.replaceChildren(...parts);
    this.body.querySelectorAll("pre").forEach((el, i) => {  // who reads at the end goes on reading there
      const place = places[i] ?? (a.outcome === "running" ? Infinity : 0);
      if (place && (a.outcome === "running" || place !== Infinity)) el.scrollTop = Math.min(place, el.scrollHeight);
      if (i === focused) el.focus({ preventScroll: true });
    });
  }
}

// ---- the card ------------------------------------------------------------------------------------------------------

const DONE = { resume: "Approved", cancel: "Cancelled", retry: "Retried" };

class Card {
  /** *wishes*: `{changed(run, doc)}` for who shows the same run elsewhere. */
  constructor(source, wishes = {}) {
    [this.run, this.views, this.dots, this.wishes, this.just] = [null, new Map(), [], wishes, null];
    this.confirm = new Confirm();
    this.answer = new Answer();
    this.gate = new Gate(source, { changed: (...given) => this.answered(...given), answer: (run, act) => (act === "resume" ? this.answer.value(run) : {}), confirm: this.confirm });
    this.copier = new Copier(source);
    this.title = h("h2", { class: "pdnb-title" });
    this.pill = pill();
    this.steps = h("ol", { class: "pdnb-steps", "aria-label": "Steps" });
    this.sentence = h("p", { class: "pdnb-say", tabindex: "-1", "data-place": "" });
    this.bar = h("div", { class: "pdnb-bar", "aria-hidden": "true" }, h("i"));
    this.progress = new Progress();
    this.message = h("div", { class: "pdnb-message", hidden: "" });
    [this.summary, this.note] = ["pdnb-summary", "pdnb-note"].map((c) => h("p", { class: c, hidden: "" }));
    this.error = pre("", "pdnb-bad");
    this.status = h("div", { class: "pdnb-just", role: "status", hidden: "" });
    this.strip = new Strip();
    this.attempts = h("div", { class: "pdnb-attempts" });
    this.foot = h("footer", { class: "pdnb-foot" });
    this.trouble = h("p", { class: "pdnb-trouble", role: "status", hidden: "" });
    this.live = announcer();
    this.head = h("header", { class: "pdnb-head" }, this.title, this.pill.el);
    this.main = h("div", { class: "pdnb-main", hidden: "" }, this.head, this.steps,
      h("div", { class: "pdnb-now" }, this.summary, this.message, this.sentence, this.bar, this.progress.el, this.note, this.error,
        this.answer.el, h("div", { class: "pdnb-acts-line" }, this.gate.el, this.copier.el), this.confirm.el, this.status),
      this.strip.el, this.attempts, this.foot);
    this.el = h("article", { class: "pdnb-card", "data-run": "" }, this.main, this.trouble, this.live.el);
    listen(this.el);
  }

  patch(doc) {
    if (this.run && doc.revision < this.run.revision) return;  // an older answer that came late
    const [before, run] = [this.run, { ...this.run, ...doc }];
    this.run = run;
    const now = clock.now();
    setAttr(this.main, "hidden", null);
    setAttr(this.el, "aria-label", `Run of ${run.workflow}`);
    setAttr(this.el, "data-state", AT_STEP[run.status]);
    setText(this.title, run.workflow);
    this.pill.patch(run);
    this.drawSteps(run);
    this.drawMessage(run);
    this.optional(this.summary, run.summary && run.summary.trim() !== run.prompt?.message?.trim() ? run.summary : null);
    this.optional(this.note, this.remark(run, now));
    this.optional(this.error, run.status === "failed" && run.error ? bare(run.error) : null);
    this.answer.patch(run);
    if (before && keyOf(before) !== keyOf(run)) this.confirm.end(null);
    this.gate.patch(run);
    this.copier.patch(run);
    this.drawAttempts(run, now);
    const credits = `${run.credits} credit${run.credits === 1 ? "" : "s"}`;
    setText(this.foot, `Started ${at(run.created_ms, now)}${run.by ? ` by ${run.by}` : ""} · ${credits} · run ${run.id}`);
    this.tick();
    if (before && (before.status !== run.status || before.position !== run.position || before.runs !== run.runs)) {
      this.live.say(`${run.workflow}: step ${run.step} ${run.status}`);
    }
  }

  optional(el, text) {
    setText(el, text ?? "");
    setAttr(el, "hidden", text ? null : "");
  }

  drawMessage(run) {
    const html = run.prompt?.message_html ?? null;
    if (html === this.shownMessage) return;
    this.shownMessage = html;
    this.message.replaceChildren(...(html ? [rebuilt(html)] : []));
    setAttr(this.message, "hidden", html ? null : "");
  }

  /** After a press: what was wrong, or what has been done and what comes next. */
  answered(was, doc, trouble, act) {
    this.answer.problems(trouble?.problems ?? []);
    if (doc) {
      const asked = was.prompt?.fields && act === "resume" ? "Answered" : DONE[act];
      const kept = doc.early && !isOver(doc) && doc.step === was.step && doc.runs === was.runs;
      this.just = { at: Date.now(), text: kept ? "Received from you: it applies as soon as the step ends." : `${asked} by you`, kept, after: act === "resume" ? was.prompt?.after ?? null : null };
      this.patch(doc);
      this.drawJust();
      this.wishes.changed?.(was, doc);
    }
    this.look?.();
  }

  drawJust() {
    const just = this.just;
    const ago = just ? Date.now() - just.at : 0;
    const show = just && (just.after || ago < 600_000);
    setAttr(this.status, "hidden", show ? null : "");
    if (!show) return;
    const text = just.kept ? just.text : `${just.text} ${ago < 60_000 ? "just now" : `${span(ago - (ago % 60_000))} ago`}.`;
    if (this.status.dataset.said !== `${text}${just.after}`) {
      this.status.dataset.said = `${text}${just.after}`;
      const href = just.after && outward(just.after);
      this.status.replaceChildren(h("span", {}, text));
      if (href) this.status.append(h("a", { href, target: "_blank", rel: "noopener noreferrer" }, href));
      else if (just.after) this.status.append(h("span", { class: "pdnb-after" }, just.after));
    }
  }

  remark(run, now) {
    if (run.early && !isOver(run)) {
      const asked = run.early.what === "cancelled" ? "Asked to cancel" : "Resumed early";
      return `${asked} at ${at(run.early.at_ms, now)}${who(run.early)}: applies when the step ends.`;
    }
    if (run.decision && run.status !== "cancelled") return full(decided(run.decision, now));
    return null;
  }

  drawSteps(run) {
    while (this.dots.length > run.steps.length) this.dots.pop().el.remove();
    run.steps.forEach((name, i) => {
      const dot = this.dots[i] ??= this.newDot();
      const state = stateOf(run, i);
      setMark(dot.mark, state);
      setAttr(dot.el, "data-state", state);
      setAttr(dot.el, "aria-current", i === run.position && !isOver(run) ? "step" : null);
      setText(dot.name, name);
      setAttr(dot.name, "title", name);
      const last = (run.attempts ?? []).findLast((a) => a.position === i);
      const count = i === run.position ? run.runs : last?.runs ?? 1;
      const timedOut = state === "cancelled" && run.decision?.what === "timed out";
      setText(dot.word, `${timedOut ? "timed out" : WORDS[state]}${count > 1 ? ` · attempt ${count}` : ""}`);
      setText(dot.note, last?.note ?? "");
    });
  }

  newDot() {
    const dot = { mark: mark(), name: h("b"), word: h("span"), note: h("em") };
    dot.el = h("li", {}, dot.mark, dot.name, dot.word, dot.note);
    this.steps.append(dot.el);
    return dot;
  }

  drawAttempts(run, now) {
    const all = run.attempts ?? [];
    const shown = all.slice(-MAX_ATTEMPTS);
    if (all.length > shown.length) {
      this.hiddenNote ??= this.attempts.appendChild(h("p", { class: "pdnb-quiet" }));
      setText(this.hiddenNote, `${all.length - shown.length} earlier attempts are not shown.`);
    }
    const keys = new Set();
    for (const attempt of shown) {
      const key = `${attempt.position}/${attempt.runs}`;
      keys.add(key);
      let view = this.views.get(key);
      if (!view) {
        this.views.set(key, view = new AttemptView());
        this.attempts.append(view.el);
      }
      view.patch(attempt, run, now);
    }
    for (const [key, view] of this.views) {
      if (!keys.has(key)) { view.el.remove(); this.views.delete(key); }
    }
  }

  tick() {
    if (!this.run) return;
    const [run, now] = [this.run, clock.now()];
    setText(this.sentence, sentence(run, now));
    setAttr(this.sentence, "title", run.due_ms ? `since ${inFull(run.since_ms)}, until ${inFull(run.due_ms)}` : `since ${inFull(run.since_ms)}`);
    const whole = run.due_ms - run.since_ms;
    setAttr(this.bar, "hidden", waits(run) && whole > 0 ? null : "");
    if (whole > 0) this.bar.firstChild.style.inlineSize = `${Math.min(100, Math.max(0, (100 * (run.due_ms - now)) / whole)).toFixed(2)}%`;
    this.progress.draw(run, now);
    this.strip.draw(run, now);
    this.drawJust();
  }

  say(message) { this.optional(this.trouble, message); }

  /** To where an answer begins: the first field, or the button. */
  focusAnswer() {
    if (this.answer.views.length) this.answer.focus();
    else (this.gate.go.hidden ? this.sentence : this.gate.go).focus({ preventScroll: true });
  }

  /** What a person has in hand: which attempts are open, what is typed, where the focus is. */
  hand() {
    const here = document.activeElement;
    const focus = this.el.contains(here) ? here.dataset.act ?? (here === this.gate.place ? this.gate.parked?.dataset.act : null) ?? "card" : null;
    const field = this.answer.views.findIndex((view) => view.el.contains(here));
    return { focus, field, typed: this.answer.held, just: this.just, open: [...this.views].map(([key, view]) => [key, view.el.open, view.opened]) };
  }

  recall({ focus, field, typed, just, open }) {
    for (const [key, is, was] of open) {
      const view = this.views.get(key);
      if (view && was) [view.opened, view.el.open] = [true, is];
    }
    if (typed) this.answer.held = typed;
    this.just = just ?? null;
    this.drawJust();
    const button = { resume: this.gate.go, cancel: this.gate.stop, retry: this.gate.again }[focus];
    if (field >= 0) this.answer.views[field]?.focus();
    else if (button?.hidden) this.gate.park(button);
    else if (focus) (button ?? this.sentence).focus({ preventScroll: true });
  }
}

// ---- the table -----------------------------------------------------------------------------------------------------

const COLUMNS = [  // name, title, what it sorts by
  ["check", ""], ["workflow", "Workflow", (run) => run.workflow.toLowerCase()], ["step", "Step"],
  ["status", "Status", (run) => STATUSES.indexOf(run.status)], ["when", "Waiting", (run) => run.ended_ms ?? run.since_ms],
  ["started", "Started", (run) => run.created_ms], ["summary", "Summary", (run) => told(run).toLowerCase()], ["acts", "Actions"],
];
const STATUSES = ["suspended", "sleeping", "running", "queued", "failed", "succeeded", "cancelled"];
const OVERSCAN = 6;

const told = (run) => (run.status === "failed" && run.error ? run.error : run.summary ?? "");
const things = (n, one = "run") => `${n.toLocaleString("en")} ${one}${n === 1 ? "" : "s"}`;
const first = (a, b) => (b.status === "suspended") - (a.status === "suspended")
  || (a.status === "suspended" ? (a.due_ms ?? Infinity) - (b.due_ms ?? Infinity) : 0)
  || b.created_ms - a.created_ms || (a.id < b.id ? -1 : 1);

class Row {
  constructor(table) {
    this.table = table;
    this.el = h("tr", { "data-run": "", role: "row" });
    for (const [name] of COLUMNS) {
      this[name] = name === "workflow" ? h("th", { class: "pdnb-workflow", role: "rowheader", scope: "row" })
        : h("td", { class: `pdnb-${name}`, role: "gridcell" });
      this.el.append(this[name]);
    }
    this.box = h("input", { type: "checkbox", tabindex: "-1", "data-control": "check" });
    this.check.append(this.box);
    this.open = h("button", { type: "button", class: "pdnb-open", tabindex: "-1", "data-control": "open", "data-place": "" });
    this.workflow.append(this.open);
    this.pill = pill();
    this.status.append(this.pill.el);
    this.since = h("span");
    this.due = h("span", { class: "pdnb-due" });
    this.when.append(this.since, this.due);
    this.text = h("span");
    this.summary.append(this.text);
    this.el.pdnbRow = this;
  }

  patch(run, now) {
    const before = this.run;
    this.run = run;
    setText(this.open, run.workflow);
    setAttr(this.workflow, "title", `run ${run.id}`);
    const step = run.runs > 1 ? `${run.step} · attempt ${run.runs}` : run.step;
    setText(this.step, step);
    setAttr(this.open, "aria-label", `Show the run of ${run.workflow}, step ${step}, ${run.status}${told(run) ? `: ${clip(told(run), 120)}` : ""}`);
    setAttr(this.box, "hidden", waits(run) ? null : "");
    setAttr(this.box, "aria-label", `Select the run of ${run.workflow} at step ${run.step}`);
    this.pill.patch(run);
    setText(this.started, at(run.created_ms, now));
    setAttr(this.started, "title", inFull(run.created_ms));
    setText(this.text, told(run));
    setAttr(this.summary, "title", told(run) || null);
    setAttr(this.summary, "data-bad", run.status === "failed" && run.error ? "" : null);
    if (!this.gate && keyOf(run) !== null) {
      const { table } = this;
      this.gate = new Gate(table.source, { changed: (...given) => table.answered(...given), confirm: table.confirm, open: (one) => table.show(one.id, true) });
      if (before) this.gate.key = null;  // it appears where none was: held like any change of meaning
      this.acts.append(this.gate.el);
      for (const button of this.gate.buttons) setAttr(button, "data-control", button.dataset.act);
      this.reach(this.reached);
    }
    this.gate?.patch(run);
    this.tick(now);
  }

  /** Whether Tab stops here: in one row of all. */
  reach(yes) {
    this.reached = yes;
    for (const control of this.controls) setAttr(control, "tabindex", yes ? "0" : "-1");
  }

  get controls() { return [this.box, this.open, ...(this.gate?.buttons ?? [])]; }

  get busy() { return this.gate && (this.gate.busy !== null || !this.gate.said.hidden); }

  tick(now) {
    const run = this.run;
    const over = isOver(run);
    setText(this.since, over ? `ended ${at(run.ended_ms ?? run.since_ms, now)}` : `since ${at(run.since_ms, now)}`);
    setText(this.due, waits(run) ? fate(run, now) : run.early && !over ? "an answer is kept" : "");
  }
}

class Table {
  constructor(source) {
    [this.source, this.rows, this.runs, this.list, this.steadyFrom, this.drawn, this.next] = [source, new Map(), new Map(), [], 0, false, null];
    [this.chosen, this.statuses, this.workflowOnly, this.words, this.sorted, this.current, this.last] = [new Map(), new Set(), "", "", null, null, null];
    this.count = h("span", { class: "pdnb-count" });
    this.trouble = h("p", { class: "pdnb-trouble", role: "status", hidden: "" });
    this.confirm = new Confirm();
    this.makeTools();
    this.makeGrid();
    this.empty = h("div", { class: "pdnb-empty", hidden: "" }, h("b", {}, "No runs yet."),
      h("span", {}, "Start one in a notebook: write steps in %%step cells, then %pdnb run. It appears here by itself."));
    this.clear = h("button", { type: "button", class: "pdnb-button" }, "Show all runs");
    this.none = h("div", { class: "pdnb-empty", hidden: "" }, h("b", {}, "No run matches."), this.clear);
    this.clear.addEventListener("click", () => { this.unfilter(); this.search.focus(); });
    this.more = h("button", { type: "button", class: "pdnb-button pdnb-more", hidden: "" }, "Show older runs");
    this.live = announcer();
    this.aside = h("aside", { class: "pdnb-aside", "aria-label": "The run", hidden: "" });
    this.el = h("section", { class: "pdnb-panel", "aria-label": "Runs", "data-busy": "" },
      h("header", { class: "pdnb-head" }, h("h2", { class: "pdnb-title" }, "Runs"), this.count), this.tools, this.trouble, this.bulk, this.confirm.el,
      h("div", { class: "pdnb-split" }, h("div", { class: "pdnb-list" }, this.scroller, this.empty, this.none, this.more), this.aside), this.live.el);
    listen(this.body, () => performance.now() >= this.steadyFrom);
    this.el.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.detail && !event.defaultPrevented) { event.preventDefault(); this.hide(); }
    });
  }

  makeTools() {
    const [search, select] = [uid(), uid()];
    this.search = h("input", { type: "search", class: "pdnb-input", id: search, placeholder: "Search", "aria-label": "Search runs", autocomplete: "off", spellcheck: "false" });
    this.pick = h("select", { class: "pdnb-input", id: select, "aria-label": "Workflow" });
    this.chips = new Map(STATUSES.map((status) => {
      const [sign, number] = [mark(), h("span", { class: "pdnb-number" })];
      setMark(sign, AT_STEP[status]);
      const el = h("button", { type: "button", class: "pdnb-chip", "aria-pressed": "false", "data-state": AT_STEP[status] }, sign, h("span", {}, status), number);
      el.addEventListener("click", () => {
        if (!this.statuses.delete(status)) this.statuses.add(status);
        setAttr(el, "aria-pressed", this.statuses.has(status));
        this.arrange();
      });
      return [status, { el, number }];
    }));
    this.tools = h("div", { class: "pdnb-tools", role: "group", "aria-label": "Which runs are shown" }, this.search, this.pick,
      h("div", { class: "pdnb-chips", role: "group", "aria-label": "Status" }, ...[...this.chips.values()].map(({ el }) => el)));
    this.search.addEventListener("input", () => { this.words = this.search.value.trim().toLowerCase(); this.arrange(); });
    this.search.addEventListener("keydown", (event) => { if (event.key === "Escape" && this.search.value) event.stopPropagation(); });  // it clears the words
    this.pick.addEventListener("change", () => { this.workflowOnly = this.pick.value; this.arrange(); });
    const act = (name, act_) => {
      const button = h("button", { type: "button", class: `pdnb-button ${act_ === "resume" ? "pdnb-go" : ""}`, "data-bulk": act_ }, name);
      button.addEventListener("click", () => this.decideAll(act_));
      return button;
    };
    this.bulkCount = h("span", { class: "pdnb-bulk-count" });
    [this.approveAll, this.cancelAll] = [act("Approve", "resume"), act("Cancel", "cancel")];
    this.unchoose = h("button", { type: "button", class: "pdnb-button pdnb-quiet-button" }, "Clear selection");
    this.unchoose.addEventListener("click", () => { this.chosen.clear(); this.drawChosen(); this.focusRow(this.at(this.current)); });
    this.bulkSaid = h("span", { class: "pdnb-hint", role: "status" });
    this.bulk = h("div", { class: "pdnb-bulk", role: "group", "aria-label": "Selected runs", hidden: "" }, this.bulkCount, this.approveAll, this.cancelAll, this.unchoose, this.bulkSaid);
  }

  makeGrid() {
    // Rows are grids, and only those in sight are there; the roles give back what that takes from a table.
    this.body = h("tbody", { role: "rowgroup" });
    this.all = h("input", { type: "checkbox", "aria-label": "Select all shown runs that wait" });
    this.all.addEventListener("change", () => {
      const waiting = this.list.filter(waits);
      for (const run of waiting) if (this.all.checked) this.chosen.set(run.id, keyOf(run)); else this.chosen.delete(run.id);
      this.drawChosen();
    });
    this.heads = COLUMNS.map(([name, title, by]) => {
      const th = h("th", { class: `pdnb-${name}`, role: "columnheader", scope: "col" });
      if (name === "check") th.append(this.all);
      else if (!by) th.append(title);
      else {
        const button = h("button", { type: "button", class: "pdnb-sort" }, title, h("i", { "aria-hidden": "true" }));
        button.addEventListener("click", () => this.sortBy(name));
        th.append(button);
        setAttr(th, "aria-sort", "none");
      }
      return [name, th];
    });
    this.table = h("table", { class: "pdnb-table", role: "grid", "aria-label": "Runs" }, h("thead", { role: "rowgroup" },
      h("tr", { role: "row", "aria-rowindex": "1" }, ...this.heads.map(([, th]) => th))), this.body);
    this.probe = h("i", { class: "pdnb-probe", "aria-hidden": "true" });
    this.scroller = h("div", { class: "pdnb-scroll", tabindex: "-1" }, this.table, this.probe);
    this.scroller.addEventListener("scroll", () => this.render(), { passive: true });
    this.rowHeight = 52;
    new ResizeObserver(() => {
      const top = this.scroller.scrollTop / this.rowHeight;
      const height = this.probe.offsetHeight;
      if (height && height !== this.rowHeight) { this.rowHeight = height; this.render(); this.scroller.scrollTop = top * height; }
      this.render();
    }).observe(this.scroller);
    [this.handUntil, this.unsorted] = [0, false];
    const hand = (event) => { if (event.pointerType !== "touch") this.handUntil = performance.now() + HAND_MS; };
    for (const type of ["pointermove", "pointerdown"]) this.body.addEventListener(type, hand);
    this.body.addEventListener("pointerleave", () => { this.handUntil = 0; this.settle(); });
    this.body.addEventListener("focusin", (event) => {
      const row = event.target.closest("tr")?.pdnbRow;
      if (row) this.reachOnly(row.run.id);
    });
    this.body.addEventListener("click", (event) => this.clicked(event));
    this.body.addEventListener("keydown", (event) => this.typed(event));
  }

  // -- what is there, and in what order --

  patch(docs, next = null, { whole = true } = {}) {
    const was = this.runs;
    const runs = new Map();
    const changed = [];
    for (const doc of docs) {
      const old = was.get(doc.id);
      const run = old && doc.revision <= old.revision ? old : doc;
      runs.set(doc.id, run);
      if (old && run !== old && (old.status !== run.status || old.step !== run.step || old.runs !== run.runs)) changed.push(run);
    }
    [this.runs, this.next] = [runs, next];
    setAttr(this.el, "data-busy", whole ? null : "");
    this.arrange(changed);
    if (changed.length && !this.deciding) {
      const said = changed.slice(0, 3).map((run) => `${run.workflow}: step ${run.step} ${run.status}`).join("; ");
      this.live.say(changed.length > 3 ? `${said}; and ${changed.length - 3} more` : said);
    }
  }

  matches(run) {
    return (!this.statuses.size || this.statuses.has(run.status)) && (!this.workflowOnly || run.workflow === this.workflowOnly)
      && (!this.words || `${run.workflow}\n${run.step}\n${run.id}\n${told(run)}`.toLowerCase().includes(this.words));
  }

  /** Filter, sort, count and draw; whoever is in sight or has the focus stays where it is. */
  arrange(changed = null) {
    const before = this.list;
    const all = [...this.runs.values()];
    const filtered = this.statuses.size || this.workflowOnly || this.words;
    const found = filtered ? all.filter((run) => this.matches(run)) : all;
    this.unsorted = changed !== null && this.drawn && performance.now() < this.handUntil;
    if (this.unsorted) {
      const here = new Set(before.map((run) => run.id));
      this.list = before.map((run) => this.runs.get(run.id)).filter(Boolean);
      this.list.push(...found.filter((run) => !here.has(run.id)));
    } else this.list = found.sort(this.comparison());
    const pinned = changed === null ? null : this.pinned(before);
    const order = this.list;
    if (this.drawn && changed !== null && !this.unsorted && (order.length !== before.length || changed.length)) {
      const seen = [...this.rows.values()].filter((row) => row.el.isConnected).map((row) => row.run.id);
      const now = new Map(order.map((run, i) => [run.id, i]));
      if (seen.some((id, i) => i && now.get(id) < now.get(seen[i - 1])) || (before.length && order[0]?.id !== before[0]?.id)) this.steadyFrom = performance.now() + HOLD_MS;
    }
    this.drawn = true;
    this.drawCounts(all);
    for (const [id, key] of this.chosen) if (!this.runs.has(id) || keyOf(this.runs.get(id)) !== key || !waits(this.runs.get(id))) this.chosen.delete(id);
    const focus = this.held();
    this.sizeBody();
    if (pinned) {
      const i = order.findIndex((run) => run.id === pinned.id);
      if (i >= 0) this.scroller.scrollTop = i * this.rowHeight - pinned.offset;
    } else if (changed === null) this.scroller.scrollTop = 0;
    this.render();
    this.drawChosen();
    if (focus && !this.runs.has(focus.id)) this.focusRow(Math.min(focus.index, this.list.length - 1), focus.control);
    else if (focus && this.at(focus.id) < 0) this.focusRow(Math.min(focus.index, this.list.length - 1), "open");
    this.onchange?.(all);
  }

  comparison() {
    if (!this.sorted) return first;
    const { name, down } = this.sorted;
    const by = COLUMNS.find(([column]) => column === name)[2];
    const sign = down ? -1 : 1;
    return (a, b) => {
      const [x, y] = [by(a), by(b)];
      return x < y ? -sign : x > y ? sign : first(a, b);
    };
  }

  sortBy(name) {
    const now = this.sorted?.name === name ? this.sorted : null;
    this.sorted = !now ? { name, down: false } : now.down ? null : { name, down: true };
    for (const [column, th] of this.heads) {
      if (!th.hasAttribute("aria-sort")) continue;
      const mine = this.sorted?.name === column;
      setAttr(th, "aria-sort", mine ? (this.sorted.down ? "descending" : "ascending") : "none");
    }
    this.arrange();
    this.live.say(this.sorted ? `Sorted by ${name}, ${this.sorted.down ? "descending" : "ascending"}` : "Sorted: those who wait for a person first");
  }

  unfilter() {
    this.statuses.clear();
    [this.workflowOnly, this.words, this.search.value, this.pick.value] = ["", "", "", ""];
    for (const { el } of this.chips.values()) setAttr(el, "aria-pressed", "false");
    this.arrange();
  }

  drawCounts(all) {
    const [counts, workflows] = [new Map(), new Set()];
    for (const run of all) { counts.set(run.status, (counts.get(run.status) ?? 0) + 1); workflows.add(run.workflow); }
    for (const [status, { el, number }] of this.chips) {
      const n = counts.get(status) ?? 0;
      setText(number, n.toLocaleString("en"));
      setAttr(el, "hidden", n || this.statuses.has(status) ? null : "");
      setAttr(el, "aria-label", `${status}: ${things(n)}`);
    }
    const names = [...workflows].sort();
    if (names.join("\n") !== this.named) {
      this.named = names.join("\n");
      this.pick.replaceChildren(h("option", { value: "" }, "All workflows"), ...names.map((name) => h("option", { value: name }, name)));
      this.pick.value = this.workflowOnly;
    }
    setAttr(this.pick, "hidden", names.length > 1 || this.workflowOnly ? null : "");
    const waiting = counts.get("suspended") ?? 0;
    const shown = this.list.length === all.length ? "" : `${this.list.length.toLocaleString("en")} of `;
    setText(this.count, `${shown}${all.length.toLocaleString("en")}${this.next ? "+" : ""} run${all.length === 1 ? "" : "s"}${waiting ? ` · ${waiting.toLocaleString("en")} waiting for a person` : ""}`);
    this.waiting = waiting;
    setAttr(this.empty, "hidden", all.length ? "" : null);
    setAttr(this.none, "hidden", all.length && !this.list.length ? null : "");
    setAttr(this.scroller, "hidden", this.list.length ? null : "");
    setAttr(this.tools, "hidden", all.length ? null : "");
    setAttr(this.more, "hidden", this.next ? null : "");
  }

  // -- the part in sight --

  at(id) { return id === null ? -1 : this.list.findIndex((run) => run.id === id); }

  sizeBody() {
    const height = `${this.list.length * this.rowHeight}px`;
    if (this.body.style.blockSize !== height) this.body.style.blockSize = height;
    setAttr(this.table, "aria-rowcount", this.list.length + 1);
  }

  render() {
    this.sizeBody();
    const { scrollTop, clientHeight } = this.scroller;
    const from = Math.max(0, Math.floor(scrollTop / this.rowHeight) - OVERSCAN);
    const to = Math.min(this.list.length, Math.ceil((scrollTop + (clientHeight || 400)) / this.rowHeight) + OVERSCAN);
    const wanted = new Map();
    for (let i = from; i < to; i++) wanted.set(this.list[i].id, i);
    const focused = document.activeElement?.closest?.("tr")?.pdnbRow;
    for (const [id, row] of this.rows) {
      if (wanted.has(id)) continue;
      const i = row === focused || row.busy ? this.at(id) : -1;
      if (i >= 0) wanted.set(id, i);
      else { row.el.remove(); this.rows.delete(id); }
    }
    const now = clock.now();
    const sorted = [...wanted].sort((a, b) => a[1] - b[1]);
    if (this.current === null || !this.runs.has(this.current)) this.current = this.list[0]?.id ?? null;
    const stop = wanted.has(this.current) ? this.current : sorted.find(([, i]) => i * this.rowHeight >= scrollTop)?.[0];
    const els = sorted.map(([id, i]) => {
      let row = this.rows.get(id);
      if (!row) this.rows.set(id, row = new Row(this));
      const run = this.runs.get(id);
      if (row.run !== run) row.patch(run, now);
      const place = `${i * this.rowHeight}px`;
      if (row.el.style.insetBlockStart !== place) row.el.style.insetBlockStart = place;
      setAttr(row.el, "aria-rowindex", i + 2);
      setAttr(row.el, "aria-current", this.detail?.id === id ? "true" : null);
      row.box.checked = this.chosen.has(id);
      setAttr(row.el, "aria-selected", waits(run) ? String(row.box.checked) : null);
      if (row.reached !== (id === stop)) row.reach(id === stop);
      return row.el;
    });
    this.order(els);
  }

  /** Put the rows in order by moving as few as possible, and never the one that has the focus. */
  order(wanted) {
    const focused = wanted.find((el) => el.contains(document.activeElement));
    const pivot = focused ? wanted.indexOf(focused) : wanted.length;
    const place = (list, end) => {
      let next = end;
      for (let i = list.length - 1; i >= 0; i--) {
        if (list[i].nextElementSibling !== next || list[i].parentNode !== this.body) this.body.insertBefore(list[i], next);
        next = list[i];
      }
    };
    place(wanted.slice(pivot + 1), null);
    place(wanted.slice(0, pivot), focused ?? null);
  }

  /** The run that must stay where it is on screen: the one with the focus, else the first in sight. */
  pinned(list) {
    const { scrollTop, clientHeight } = this.scroller;
    const focused = document.activeElement?.closest?.("tr")?.pdnbRow;
    const of = (i) => ({ id: list[i].id, offset: i * this.rowHeight - scrollTop });
    if (focused && this.body.contains(focused.el)) {
      const i = list.findIndex((run) => run.id === focused.run.id);
      if (i >= 0 && i * this.rowHeight > scrollTop - this.rowHeight && i * this.rowHeight < scrollTop + clientHeight && scrollTop > 0) return of(i);
    }
    if (scrollTop < 8) return null;
    const i = Math.floor(scrollTop / this.rowHeight);
    return list[i] ? of(i) : null;
  }

  // -- hands --

  held() {
    const control = document.activeElement;
    const row = this.body.contains(control) ? control.closest("tr")?.pdnbRow : null;
    return row ? { id: row.run.id, index: Number(row.el.getAttribute("aria-rowindex")) - 2, control: control.dataset.control ?? "open" } : null;
  }

  reachOnly(id) {
    this.current = id;
    for (const [other, row] of this.rows) if (row.reached !== (other === id)) row.reach(other === id);
  }

  focusRow(index, control = "open") {
    const run = this.list[Math.max(0, index)];
    if (!run) { this.search.focus(); return; }
    const [top, height] = [Math.max(0, index) * this.rowHeight, this.rowHeight];
    const head = this.body.offsetTop;
    const { scrollTop, clientHeight } = this.scroller;
    if (top < scrollTop) this.scroller.scrollTop = top;
    else if (top + height > scrollTop + clientHeight - head) this.scroller.scrollTop = top + height - clientHeight + head;
    this.render();
    const row = this.rows.get(run.id);
    const wanted = row.controls.find((el) => el.dataset.control === control && !el.hidden) ?? row.open;
    wanted.focus({ preventScroll: true });
  }

  typed(event) {
    const held = this.held();
    if (!held || event.altKey || event.ctrlKey || event.metaKey) return;
    const page = Math.max(1, Math.floor(this.scroller.clientHeight / this.rowHeight) - 2);
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    const row = this.rows.get(held.id);
    if (event.key in moves) {
      event.preventDefault();
      const target = Math.min(this.list.length - 1, Math.max(0, held.index + moves[event.key]));
      if (event.shiftKey && Math.abs(moves[event.key]) === 1) {
        for (const i of [held.index, target]) if (waits(this.list[i])) this.chosen.set(this.list[i].id, keyOf(this.list[i]));
        this.drawChosen();
      }
      this.focusRow(target, held.control);
    } else if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
      event.preventDefault();
      const controls = row.controls.filter((el) => !el.hidden);
      controls[controls.findIndex((el) => el === document.activeElement) + (event.key === "ArrowRight" ? 1 : -1)]?.focus();
    } else if (event.key === " " && held.control === "open") {
      event.preventDefault();
      this.choose(row.run, !this.chosen.has(row.run.id), event.shiftKey);
    }
  }

  clicked(event) {
    const row = event.target.closest("tr")?.pdnbRow;
    if (!row || event.target.closest("[data-act]")) return;
    if (event.target === row.box) this.choose(row.run, row.box.checked, event.shiftKey);
    else if (event.target === row.open || (!event.target.closest("button, input, .pdnb-said") && getSelection()?.isCollapsed !== false && !event.target.closest(".pdnb-check"))) {
      if (event.target !== row.open) this.reachOnly(row.run.id);
      this.show(row.run.id);
    }
  }

  choose(run, yes, shift) {
    const to = this.at(run.id);
    const from = shift && this.last !== null ? this.at(this.last) : to;
    for (let i = Math.min(from < 0 ? to : from, to); i <= Math.max(from, to); i++) {
      const one = this.list[i];
      if (!waits(one)) continue;
      if (yes) this.chosen.set(one.id, keyOf(one)); else this.chosen.delete(one.id);
    }
    this.last = run.id;
    this.drawChosen();
  }

  drawChosen() {
    for (const [id, row] of this.rows) {
      row.box.checked = this.chosen.has(id);
      if (waits(row.run)) setAttr(row.el, "aria-selected", String(row.box.checked));
    }
    const waiting = this.list.filter(waits);
    const shown = waiting.filter((run) => this.chosen.has(run.id)).length;
    this.all.checked = shown > 0 && shown === waiting.length;
    this.all.indeterminate = shown > 0 && shown < waiting.length;
    setAttr(this.all, "hidden", waiting.length ? null : "");
    const n = this.chosen.size;
    setText(this.bulkCount, `${things(n)} selected${n > shown ? `, ${things(n - shown)} of them not shown` : ""}`);
    setAttr(this.bulk, "hidden", n || this.deciding || this.bulkSaid.textContent ? null : "");
    for (const button of [this.approveAll, this.cancelAll, this.unchoose]) setAttr(button, "hidden", n && !this.deciding ? null : "");
    setAttr(this.bulkCount, "hidden", n ? null : "");
  }

  // -- decisions --

  answered(was, doc, trouble) {
    if (doc && this.runs.has(doc.id)) this.take(doc);
    if (this.detail?.id === was.id) this.detail.look();
    this.look?.(was, trouble);
  }

  /** A document that came as an answer. */
  take(doc) {
    const { attempts: _, exports: __, prompt: ___, ...light } = doc;
    const old = this.runs.get(doc.id);
    if (old && old.revision >= doc.revision) return;
    this.source.learn?.(light);
    this.patch([...this.runs.values()].map((run) => (run.id === doc.id ? { ...run, ...light } : run)), this.next);
  }

  /** One question, then one decision after the other, each on what was on display. */
  async decideAll(act) {
    const runs = [...this.chosen.keys()].map((id) => this.runs.get(id));
    const meant = act === "cancel" ? runs : runs.filter((run) => run.status === "suspended" && !asksForm(run));
    const forms = act === "cancel" ? 0 : runs.filter(asksForm).length;
    const asleep = act === "cancel" ? 0 : runs.filter((run) => run.status === "sleeping").length;
    const left = [forms ? `${things(forms)} with a form ${forms === 1 ? "is" : "are"} left out: answer ${forms === 1 ? "it in its own row" : "them one by one"}.` : "",
      asleep ? `${things(asleep)} that sleep${asleep === 1 ? "s" : ""} ${asleep === 1 ? "is" : "are"} left out.` : ""].filter(Boolean).join(" ");
    const verb = act === "cancel" ? "Cancel" : "Approve";
    if (!meant.length) { setText(this.bulkSaid, left); this.drawChosen(); return; }
    const keys = new Map(meant.map((run) => [run.id, keyOf(run)]));
    const sure = await this.confirm.ask({
      title: `${verb} ${things(meant.length)}?`, text: `${left ? `${left} ` : ""}This cannot be undone.`,
      reason: act === "cancel", yes: `${verb} ${things(meant.length)}`, no: "Keep them waiting", danger: act === "cancel",
    });
    if (!sure) return;
    this.deciding = true;
    let [done, good] = [0, 0];
    const failed = [];
    const queue = meant.filter((run) => this.runs.get(run.id) && keyOf(this.runs.get(run.id)) === keys.get(run.id));
    const moved = meant.length - queue.length;
    const one = async () => {
      for (let run = queue.shift(); run; run = queue.shift()) {
        try {
          const doc = await (act === "cancel" ? this.source.cancel(run, sure.reason || undefined) : this.source.resume(run, {}));
          good += 1;
          this.later(doc);
        } catch (error) {
          failed.push(error.message);
        }
        this.chosen.delete(run.id);
        done += 1;
        setText(this.bulkSaid, `${done} of ${meant.length}…`);
      }
    };
    await Promise.all(Array.from({ length: 6 }, one));
    this.deciding = false;
    const past = act === "cancel" ? "cancelled" : "approved";
    const said = [`${things(good)} ${past} by you just now.`, moved ? `${things(moved)} had moved on.` : "",
      failed.length ? `${failed.length} not: ${[...new Set(failed)].slice(0, 2).join(" ")}` : ""].filter(Boolean).join(" ");
    setText(this.bulkSaid, said);
    this.later(null);
    this.drawChosen();
    if (!this.el.contains(document.activeElement) || document.activeElement.hidden) this.focusRow(Math.max(0, this.at(this.current)));
    clearTimeout(this.saidTimer);
    this.saidTimer = setTimeout(() => { setText(this.bulkSaid, ""); this.drawChosen(); }, 20_000);
    this.look?.(null);
  }

  /** Answers of many decisions, drawn together. */
  later(doc) {
    this.waitingDocs ??= [];
    if (doc) this.waitingDocs.push(doc);
    if (this.drawing) return;
    this.drawing = setTimeout(() => {
      const docs = new Map(this.waitingDocs.map((one) => [one.id, one]));
      [this.drawing, this.waitingDocs] = [null, []];
      const light = (run) => {
        const { attempts: _, exports: __, prompt: ___, ...rest } = docs.get(run.id) ?? run;
        return docs.has(run.id) ? { ...run, ...rest } : run;
      };
      for (const one of docs.values()) this.source.learn?.(one);
      this.patch([...this.runs.values()].map(light), this.next);
    }, 100);
  }

  // -- one run beside the table --

  show(id, toAnswer = false) {
    if (this.detail?.id === id) { if (toAnswer) this.detail.card.focusAnswer(); else this.detail.close.focus(); return; }
    const back = this.held() ?? this.detail?.back ?? null;
    this.hide(false);
    const card = new Card(this.source, { changed: (was, doc) => { if (this.runs.has(doc.id)) this.take(doc); } });
    const close = h("button", { type: "button", class: "pdnb-button pdnb-close", "aria-label": "Close the run" }, "Close");
    close.addEventListener("click", () => this.hide());
    this.aside.replaceChildren(close, card.el);
    setAttr(this.aside, "hidden", null);
    setAttr(this.el, "data-detail", "");
    let waitsForFocus = toAnswer;
    const watch = this.source.watch({ id, el: this.aside }, ([run]) => {
      if (!run) return;
      card.patch(run);
      if (waitsForFocus) { waitsForFocus = false; card.focusAnswer(); }
    }, (message) => card.say(message));
    card.look = () => watch.look();
    this.detail = { id, card, close, back, look: () => watch.look(), stop: () => watch.stop() };
    this.render();
    if (!toAnswer) close.focus({ preventScroll: true });
    this.aside.scrollIntoView({ block: "nearest" });
    this.onshow?.(id);
  }

  hide(refocus = true) {
    if (!this.detail) return;
    const { id, stop } = this.detail;
    stop();
    this.detail = null;
    setAttr(this.el, "data-detail", null);
    setAttr(this.aside, "hidden", "");
    this.aside.replaceChildren();
    this.render();
    if (!refocus) return;
    this.focusRow(this.at(id) < 0 ? 0 : this.at(id));
    this.onshow?.(null);
  }

  redraw() { this.patch([...this.runs.values()], this.next); }

  /** Put the rows in order that kept their places under a hand. */
  settle() { if (this.unsorted && performance.now() >= this.handUntil) this.redraw(); }

  tick() {
    const now = clock.now();
    for (const row of this.rows.values()) if (!isOver(row.run)) row.tick(now);
    this.detail?.card.tick();
    this.settle();
  }

  say(message) {
    setText(this.trouble, message ?? "");
    setAttr(this.trouble, "hidden", message ? null : "");
  }
}

// ---- sources -------------------------------------------------------------------------------------------------------

class Trouble extends Error {
  constructor(message, status = 0, problems = null) {
    super(message);
    [this.status, this.problems] = [status, problems];
  }
}

const xsrf = () => document.cookie.match(/(?:^|; )_xsrf=([^;]*)/)?.[1];

async function ask(url, { method = "GET", json, etag } = {}) {
  const headers = { Accept: "application/json" };
  if (etag) headers["If-None-Match"] = etag;
  if (json) headers["Content-Type"] = "application/json";
  if (method !== "GET" && xsrf()) headers["X-XSRFToken"] = xsrf();
  let answer;
  try {
    answer = await fetch(url, {
      method, headers, cache: "no-store", credentials: "same-origin", redirect: "error",
      body: json && JSON.stringify(json), signal: AbortSignal.timeout(30_000),
    });
  } catch {
    throw new Trouble("The server does not answer.");
  }
  clock.learn(answer.headers.get("Date"));
  if (answer.status === 304) return { same: true, etag };
  let doc = null;
  try {
    doc = await answer.json();
  } catch { /* an error page, or half an answer */ }
  if (answer.ok && doc) return { doc, etag: answer.headers.get("ETag") };
  const usual = { 401: "Jupyter asks for a login: reload the page.", 403: "Jupyter does not allow this: log in and reload the page.", 404: "This run is not in the store any more." };
  throw new Trouble(doc?.message || usual[answer.status] || `The server answered ${answer.status}.`, answer.status, doc?.problems);
}

/** Runs over HTTP. *baseUrl* is Jupyter's base URL (ends in a slash); *via* is what decisions are recorded under. */
export function apiSource(baseUrl, { via = "card" } = {}) {
  const runs = `${baseUrl}pdnb/api/runs`;
  const one = (id) => `${runs}/${encodeURIComponent(id)}`;
  const post = async (run, act, more) => (await ask(`${one(run.id)}/${act}`, {
    method: "POST", json: { step: run.step, runs: run.runs, via, ...more },
  })).doc;
  return {
    resume: (run, answer = {}) => post(run, "resume", answer),
    cancel: (run, reason) => post(run, "cancel", reason === undefined ? {} : { reason }),
    retry: (run) => post(run, "retry", {}),
    links: async (run) => (await ask(`${one(run.id)}/links`)).doc,

    /**
     * Look once a second while it is in view and unfinished, else seldom; one finished run only when it is shown again.
     * A list that is cut off is asked in turns with the suspended runs: those who wait longest must not be the hidden
     * ones. `more()` adds the page before; pages that were added are asked in turns as well.
     */
    watch(what, draw, trouble) {
      const queries = what.id ? [{ url: one(what.id) }]
        : [{ url: `${runs}?limit=${what.limit}` }, { url: `${runs}?status=suspended&limit=${MAX_WAITING}` }];
      let [timer, stopped, failures, turn, unfinished, looking, again, inView] = [0, false, 0, 0, true, false, false, true];
      const active = () => (queries[0].doc?.next ? queries : queries.slice(0, 1));
      const oldest = () => (queries.length > 2 ? queries.at(-1) : queries[0]);
      const pause = () => {
        if (failures) return Math.min(10_000, POLL_MS * 1.5 ** failures);
        if (!unfinished) return what.id ? null : IDLE_MS;  // a list may still get a new run
        return document.visibilityState === "visible" && inView ? POLL_MS : IDLE_MS;
      };
      const show = () => {
        const newest = new Map();
        for (const { doc } of active()) {
          for (const run of what.id ? [doc] : doc?.runs ?? []) {
            if (!(newest.get(run.id)?.revision >= run.revision)) newest.set(run.id, run);
          }
        }
        const list = [...newest.values()];
        unfinished = list.some((run) => !isOver(run));
        draw(list, what.id ? null : oldest().doc?.next ?? null);
      };
      const askOne = async (query) => {
        const answer = await ask(query.url, { etag: query.etag });
        if (!answer.same) Object.assign(query, { etag: answer.etag, doc: answer.doc });
        return !answer.same;
      };
      async function look(all = true) {
        if (stopped || looking) { again ||= all; return; }
        [looking, again] = [true, false];
        clearTimeout(timer);
        try {
          let news = false;
          if (all) {
            for (let i = 0; i < Math.min(2, active().length); i++) news = (await askOne(queries[i])) || news;
            for (const query of queries.slice(2)) if (!query.doc) news = (await askOne(query)) || news;
          } else {
            turn = (turn + 1) % active().length;
            news = await askOne(active()[turn]);
          }
          failures = 0;
          if (stopped) return;
          trouble(null);
          if (news) show();
        } catch (error) {
          if (stopped) return;
          failures += 1;
          trouble(error.status ? error.message : `${error.message} What you see may be out of date.`);
          if (error.status === 404) stopped = true;
        } finally {
          looking = false;
          const ms = pause();
          if (again) look();
          else if (!stopped && ms !== null) timer = setTimeout(look, ms, false);
        }
      }
      const shown = () => { if (document.visibilityState === "visible") look(); };
      document.addEventListener("visibilitychange", shown);
      const eye = new IntersectionObserver((entries) => {
        const [was, now] = [inView, entries.at(-1).isIntersecting];
        inView = now;
        if (now && !was) look();
      });
      if (what.el) eye.observe(what.el);
      look();
      return {
        look: () => look(),
        more() {
          const cursor = oldest().doc?.next;
          if (cursor) queries.push({ url: `${runs}?limit=${MAX_PAGE}&cursor=${encodeURIComponent(cursor)}` });
          look();
        },
        stop() {
          stopped = true;
          clearTimeout(timer);
          eye.disconnect();
          document.removeEventListener("visibilitychange", shown);
        },
      };
    },
  };
}

const LETTERS = "0123456789abcdefghjkmnpqrstvwxyz";
const PAUSES = ["suspend", "delay", "rerun"];

/** A row of the panel as the document that the API would list; see `pdnb/kernel/roll.py`. */
function unpacked([id, kind, status, position, runs, since, flags, version, text = null, due = null, ended = null], kinds) {
  const [workflow, steps] = kinds[kind];
  let created_ms = 0;
  for (const letter of id.slice(0, 10)) created_ms = created_ms * 32 + LETTERS.indexOf(letter);
  const since_ms = created_ms + since;
  const due_ms = due === null ? null : since_ms + due;
  const failed = STATUSES[status] === "failed" && (flags & 64) !== 0;
  return {
    id, workflow, steps, step: steps[position], position, runs, status: STATUSES[status], version, created_ms, since_ms, due_ms,
    ended_ms: ended === null ? null : since_ms + ended, summary: failed ? null : text, error: failed ? text : null,
    pause: due_ms === null ? null : { kind: PAUSES[flags & 3], since_ms, due_ms, on_timeout: flags & 4 ? "resume" : "cancel", form: (flags & 8) !== 0 },
    early: flags & 16 ? {} : null,
  };
}

/**
 * Runs over a widget's comm: the trait `page` to begin with, then the rest page by page, and news; answers are matched
 * by `seq`. All views of a model share what came.
 */
export function widgetSource(model) {
  const shared = sharedBy(model);
  const send = (act, run, more) => shared.send({ act, id: run.id, step: run.step, runs: run.runs, ...more });
  return {
    resume: async (run, answer = {}) => (await send("resume", run, answer)).run,
    cancel: async (run, reason) => (await send("cancel", run, reason === undefined ? {} : { reason })).run,
    retry: async (run) => (await send("retry", run, {})).run,
    links: (run) => shared.send({ act: "links", id: run.id }),
    learn: (run) => shared.learn(run),

    watch(what, draw, trouble) {
      if (!what.id) {
        const look = () => draw([...shared.runs.values()], null, { whole: shared.whole });
        shared.drawers.add(look);
        look();
        const again = async (was) => {  // after an answer, and after none: what has become of it
          try {
            const { run } = was ? await shared.send({ act: "detail", id: was.id }) : {};
            if (run) shared.learn(run);
          } catch { /* it was said where the button is */ }
        };
        return { look: again, stop: () => shared.drawers.delete(look) };
      }
      let [timer, stopped, looking, again, seen] = [0, false, false, false, null];
      const look = async () => {
        if (stopped || looking) { again = true; return; }
        [looking, again] = [true, false];
        clearTimeout(timer);
        try {
          const { run } = await shared.send({ act: "detail", id: what.id, seen });
          if (stopped) return;
          if (run) { draw([run]); seen = run.revision; shared.learn(run); }
          trouble(null);
        } catch (error) {
          trouble(error.message);
        } finally {
          looking = false;
          const running = shared.runs.get(what.id)?.status === "running";
          if (again) look();
          else if (!stopped && running) timer = setTimeout(() => { seen = null; look(); }, POLL_MS);  // it tells how far it is
        }
      };
      let version = shared.runs.get(what.id)?.revision;
      const news = () => {
        const now = shared.runs.get(what.id)?.revision;
        if (now !== version) { version = now; look(); }
      };
      shared.drawers.add(news);
      look();
      return { look, stop() { stopped = true; clearTimeout(timer); shared.drawers.delete(news); } };
    },
  };
}

const SHARED = new WeakMap();

function sharedBy(model) {
  if (SHARED.has(model)) return SHARED.get(model);
  let [seq, drawing] = [0, 0];
  const open = new Map();
  const shared = {
    runs: new Map(), drawers: new Set(), whole: false,
    learn(run) {
      const old = shared.runs.get(run.id);
      if (!old || old.revision >= run.revision) return;
      const { attempts: _, exports: __, prompt: ___, ...light } = run;
      shared.runs.set(run.id, { ...old, ...light });
      shared.draw();
    },
    draw() {
      drawing ||= setTimeout(() => { drawing = 0; for (const drawer of [...shared.drawers]) drawer(); }, 0);
    },
    take({ kinds, rows }) {
      for (const row of rows) {
        const run = unpacked(row, kinds);
        if (!(shared.runs.get(run.id)?.revision >= run.revision)) shared.runs.set(run.id, run);
      }
      shared.draw();
    },
    send: (message) => new Promise((ok, no) => {
      seq += 1;
      const mine = `${NONCE}.${seq}`;
      const timer = setTimeout(() => {
        open.delete(mine);
        no(new Trouble("The kernel has not answered: it is busy, or gone. If it is busy, the request applies when it is free."));
      }, 10_000);
      open.set(mine, { ok, no, timer });
      model.send({ ...message, seq: mine });
    }),
    async load(next) {
      for (let [cursor, tries] = [next, 0]; cursor !== null && tries < MAX_TRIES;) {
        try {
          const page = await shared.send({ act: "page", cursor });
          clock.tell(page.now_ms);
          shared.take(page);
          cursor = page.next;
        } catch {  // the kernel is busy: it answers when it is free; or it is gone
          tries += 1;
          await new Promise((done) => { setTimeout(done, POLL_MS); });
        }
      }
      shared.whole = true;
      shared.draw();
    },
  };
  SHARED.set(model, shared);
  model.on("msg:custom", (message) => {
    if (message?.rows && message.seq === undefined) shared.take(message);
    const request = open.get(message?.seq);
    if (!request) return;
    open.delete(message.seq);
    clearTimeout(request.timer);
    if (message.error) request.no(new Trouble(message.error, 0, message.problems)); else request.ok(message);
  });
  const page = model.get("page");
  if (page?.rows) shared.take(page);
  shared.load("");  // from the start again: what changed before this listener was there is in it
  return shared;
}

/** Tells the requests of this page from those of another one on the same widget. */
const NONCE = Math.random().toString(36).slice(2, 10);

// ---- mounting ------------------------------------------------------------------------------------------------------

const BORROWED = ["layout-color0", "layout-color1", "layout-color2", "ui-font-color0", "ui-font-color1", "border-color1", "border-color2",
  "brand-color1", "ui-inverse-font-color0", "ui-font-family", "ui-font-size1", "code-font-family"].map((name) => `--jp-${name}`);

/** Keep *root* as light or dark as its host: this document's JupyterLab, the one around this frame, or the system. */
function followTheme(root) {
  const themed = (doc) => doc?.body?.dataset.jpThemeLight !== undefined;
  let host = document;
  try {
    if (!themed(document) && themed(window.parent.document)) host = window.parent.document;
  } catch { /* another origin's frame */ }
  const system = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const { jpThemeLight: light, vscodeThemeKind: kind } = host.body.dataset;
    const dark = light !== undefined ? light === "false" : kind ? /dark|black/.test(kind) || kind === "vscode-high-contrast" : system.matches;
    setAttr(root, "data-theme", dark ? "dark" : "light");
    if (document.body.classList.contains("pdnb-page")) setAttr(document.body, "data-theme", dark ? "dark" : "light");
    if (host === document) return;
    const theirs = host.defaultView.getComputedStyle(host.body);
    for (const name of BORROWED) document.body.style.setProperty(name, theirs.getPropertyValue(name));
  };
  const observer = new MutationObserver(() => { apply(); setTimeout(apply, 300); });  // its style sheet may come after
  observer.observe(host.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "data-jp-theme-name", "data-vscode-theme-kind"] });
  system.addEventListener("change", apply);
  apply();
  return () => { observer.disconnect(); system.removeEventListener("change", apply); };
}

/** JupyterLab draws a frame anew whenever the kernel updates it: what a person had in hand is there again. */
function keepHand(id, card) {
  const key = `pdnb-hand ${id}`;
  try {
    const kept = JSON.parse(sessionStorage.getItem(key));
    if (kept && Date.now() - kept.at < KEPT_MS) card.recall(kept);
  } catch { /* no storage, or not ours */ }
  addEventListener("pagehide", () => {
    try {
      sessionStorage.setItem(key, JSON.stringify({ at: Date.now(), ...card.hand() }));
    } catch { /* no storage */ }
  });
}

/** As high as its content: a frame around this page has no scroll bar of its own. */
function fitFrame(root) {
  let frame = null;
  try {
    frame = window.frameElement;
  } catch { /* another origin's frame */ }
  if (!frame) return () => {};
  setAttr(document.documentElement, "data-framed", "");
  const observer = new ResizeObserver(() => {
    const height = `${Math.ceil(root.getBoundingClientRect().height)}px`;
    if (height === "0px" || frame.style.height === height) return;
    frame.style.height = height;
    if (frame.parentElement) frame.parentElement.style.minHeight = height;  // nothing jumps when the host draws the frame anew
  });
  observer.observe(root);
  return () => observer.disconnect();
}

function mount(el, view, start) {
  el.classList.add("pdnb");
  setAttr(el, "data-lm-suppress-shortcuts", "true");  // keys are for the control that has the focus, not for the notebook
  el.append(view.el);
  const stops = [followTheme(el), start()];
  const timer = setInterval(() => { if (document.visibilityState === "visible") view.tick(); }, 1_000);
  return () => {
    clearInterval(timer);
    for (const stop of stops) stop();
    view.el.remove();
  };
}

/** Draw the card of run *id* into *el*; *initial* is its document if it is at hand. Returns what undoes it. */
export function drawCard(el, source, id, initial = null) {
  const card = new Card(source);
  return mount(el, card, () => {
    const framed = document.documentElement.hasAttribute("data-framed");
    if (framed) card.gate.hold();  // a click may have been meant for the frame that was here a moment ago
    if (initial) card.patch(initial);
    if (framed) keepHand(id, card);
    const watch = source.watch({ id, el }, ([run]) => run && card.patch(run), (message) => card.say(message));
    card.look = () => watch.look();
    return watch.stop;
  });
}

/** Draw the table of runs into *el*; *wishes* are called: `onchange(runs)`, `onshow(id | null)`. Returns what undoes it. */
export function drawTable(el, source, { limit = 200, ...wishes } = {}) {
  const table = Object.assign(new Table(source), wishes);
  const undo = mount(el, table, () => {
    const watch = source.watch({ limit, el }, (runs, next, how) => table.patch(runs, next, how), (message) => table.say(message));
    table.look = (was) => watch.look(was);
    table.more.addEventListener("click", () => watch.more());
    return () => { watch.stop(); table.hide(false); };
  });
  return Object.assign(undo, { table });
}

/** Start what a page of pdnb asks for in the data attributes of *root*. */
export function drawPage(root) {
  const { view, base, run } = root.dataset;
  const data = document.getElementById("pdnb-initial")?.textContent;
  const initial = data ? JSON.parse(data) : null;
  fitFrame(root);
  if (view === "card") drawCard(root, apiSource(base, { via: "card" }), run, initial);
  else drawInbox(root, apiSource(base, { via: "inbox" }));
}

/** The table as a page: its title says how many wait, and its address which run is shown. */
function drawInbox(root, source) {
  const name = document.title;
  const asked = () => [location.hash.slice(1), new URLSearchParams(location.search).get("run") ?? ""].find((id) => /^[0-9a-z]{20}$/.test(id));
  const { table } = drawTable(root, source, {
    onchange() { document.title = this.waiting ? `(${this.waiting}) ${name}` : name; },
    onshow(id) { history.replaceState(null, "", `${location.pathname}${id ? `#${id}` : ""}`); },
  });
  const follow = () => { const id = asked(); if (id) table.show(id); else if (table.detail) table.hide(); };
  addEventListener("hashchange", follow);
  if (asked()) follow();
}

export default {
  render({ model, el }) {
    return drawTable(el, widgetSource(model));
  },
};
