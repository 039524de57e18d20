// Draws one run as a card and many as a table; where runs come from is a source's business.
//
// - A *run document* is what the API and the kernel send; in lists `exports` and `attempts` are absent.
// - A *source* has `watch(what, draw, trouble) → {look, stop}`, `resume(run, body)`, `cancel(run, reason)` and
//   `href(run)`; `what` is `{id}` or `{limit}`. Requests carry the step and `runs` of the document that was on display.
// - Users' data becomes text nodes, never markup: a script on a Jupyter origin is code execution in the kernel.
// - The document is patched, not rebuilt: focus, selection, scroll and opened details survive every update.
// - A button that has just changed its meaning takes no click for HOLD_MS; rows keep their places while a hand is on them.

const HOLD_MS = 700;
const HAND_MS = 5_000;
const POLL_MS = 1_000;
const IDLE_MS = 15_000;
const KEPT_MS = 3_000;
const MAX_ATTEMPTS = 60;
const MAX_TEXT = 100_000;
const MAX_WAITING = 500;

// ---- words ---------------------------------------------------------------------------------------------------------

const WORDS = {
  done: "done", queued: "queued", running: "running", waiting: "waiting", sleeping: "asleep", failed: "failed",
  cancelled: "cancelled", coming: "to come", skipped: "not reached",
};
const AT_STEP = {
  queued: "queued", running: "running", suspended: "waiting", sleeping: "sleeping", succeeded: "done",
  failed: "failed", cancelled: "cancelled",
};
const VIA = {
  link: "by link", card: "on the card", panel: "in the panel", inbox: "in the inbox", magic: "in a notebook",
  python: "from Python", shell: "from the shell", api: "through the API",
};
const ACTS = {
  resume: { suspended: "Approve", sleeping: "Run now", busy: "Sending…" },
  cancel: { suspended: "Cancel", sleeping: "Cancel", busy: "Cancelling…" },
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
    const off = Date.parse(header ?? "") + 500 - Date.now();  // the header has whole seconds
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
  if (decision.what === "timed out") return `Nobody answered in time: ended by itself ${when}`;
  if (decision.what === "elapsed") return `Went on by itself ${when}`;
  return `${decision.what === "cancelled" ? "Cancelled" : "Resumed"} ${when}${who(decision)}${why}`;
}

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
  const step = `Step ${run.step}`;
  const nth = run.runs > 1 ? `, run ${run.runs},` : "";
  const end = fate(run, now);
  switch (run.status) {
    case "queued": return `${step} is ready since ${since} and waits for a worker.`;
    case "running": return `${step}${nth} is running since ${since}, for ${span(now - run.since_ms)}.`;
    case "suspended": return `${step}${nth} waits for a person since ${since}${end && `, ${end}`}.`;
    case "sleeping": return `${step}${nth} sleeps since ${since}${end && `, ${end}`}.`;
    case "succeeded": {
      const early = run.position < run.steps.length - 1 ? `Ended early by step ${run.step}` : "Finished";
      return `${early} at ${at(run.ended_ms ?? run.since_ms, now)}, ${work((run.ended_ms ?? now) - run.created_ms)} after it started.`;
    }
    case "failed": return `Failed in step ${run.step}${nth} at ${at(run.ended_ms ?? run.since_ms, now)}.`;
    default: {
      if (run.decision?.what === "timed out") return `Cancelled itself at ${at(run.decision.at_ms, now)}: nobody answered step ${run.step} in time.`;
      if (run.decision?.what === "cancelled") return `${decided(run.decision, now)}.`.replace(/([.!?…])\.$/, "$1");
      return `Cancelled in step ${run.step} at ${at(run.ended_ms ?? run.since_ms, now)}.`;
    }
  }
}

function stateOf(run, i) {
  if (i < run.position) return "done";
  if (i > run.position) return isOver(run) ? "skipped" : "coming";
  return AT_STEP[run.status] ?? "coming";
}

// ---- the document --------------------------------------------------------------------------------------------------

function h(tag, attrs = {}, ...kids) {
  const el = document.createElement(tag);
  for (const [name, value] of Object.entries(attrs)) setAttr(el, name, value);
  el.append(...kids);
  return el;
}

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
  waiting: ["M10 1 19 10 10 19 1 10Z", "M8.2 7.4v5.2M11.8 7.4v5.2"],
  sleeping: [ROUND, "M10 5.8V10l2.9 1.8"],
  failed: ["M6.6 2h6.8L18 6.6v6.8L13.4 18H6.6L2 13.4V6.6Z", "m7.3 7.3 5.4 5.4M12.7 7.3l-5.4 5.4"],
  cancelled: [ROUND, "M6.4 10h7.2"],
  queued: [ROUND, "M7 10h.01M10 10h.01M13 10h.01"],
  coming: [ROUND, ""],
  skipped: [ROUND, ""],
};

function mark() {
  const make = (tag) => document.createElementNS("http://www.w3.org/2000/svg", tag);
  const svg = make("svg");
  setAttr(svg, "viewBox", "0 0 20 20");
  setAttr(svg, "class", "pdnb-mark");
  setAttr(svg, "aria-hidden", "true");
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
      const state = AT_STEP[run.status] ?? "coming";
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

// ---- the two buttons of a run --------------------------------------------------------------------------------------

/** Resume and Cancel for one run. Sends what was on display; deaf while in flight and just after its meaning changed. */
class Gate {
  constructor(source, changed) {
    [this.source, this.changed] = [source, changed];  // changed(run, doc | null, message | null)
    [this.run, this.key, this.busy, this.deafUntil, this.saidAt] = [null, undefined, null, 0, 0];
    this.go = h("button", { type: "button", class: "pdnb-button pdnb-go", "data-act": "resume" });
    this.stop = h("button", { type: "button", class: "pdnb-button", "data-act": "cancel" });
    this.said = h("span", { class: "pdnb-said", role: "alert", hidden: "" });
    this.el = h("span", { class: "pdnb-gate" }, this.go, this.stop, this.said);
    for (const button of [this.go, this.stop]) button.pdnbGate = this;
  }

  get deaf() { return this.busy !== null || performance.now() < this.deafUntil; }

  patch(run) {
    const key = waits(run) ? `${run.step} ${run.runs} ${run.status}` : null;
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
    const hide = this.key === null && this.busy === null;
    setAttr(this.el, "hidden", hide && this.said.hidden ? "" : null);
    for (const button of [this.go, this.stop]) {
      if (hide && button === document.activeElement) this.park(button);
      setAttr(button, "hidden", hide ? "" : null);
      if (!hide && this.parked === button) this.unpark();
      setAttr(button, "aria-disabled", this.deaf ? "true" : null);  // not `disabled`, which would lose the focus
      if (this.key === null) continue;
      const act = button.dataset.act;
      const verb = ACTS[act][this.run.status];
      setText(button, this.busy === act ? ACTS[act].busy : verb);
      const step = `step ${this.run.step} of ${this.run.workflow}`;
      setAttr(button, "aria-label", act === "resume" ? `${verb} ${step}` : `Cancel ${this.run.workflow} at step ${this.run.step}`);
    }
  }

  /** The focus of a button that goes rests on the run itself, and comes back with the button. */
  park(button) {
    [this.parked, this.place] = [button, button.closest("[data-run]")?.querySelector("[tabindex]")];
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
    const run = this.run;
    this.busy = act;
    this.say(null);
    this.draw();
    let [doc, message] = [null, null];
    try {
      doc = await this.source[act](run);
    } catch (error) {
      message = error.message;
    }
    this.busy = null;
    if (message) this.say(message);
    this.changed(run, doc, message);
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
    setText(this.name, attempt.runs > 1 ? `${attempt.step} · run ${attempt.runs}` : attempt.step);
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
    if (a.decision) parts.push(h("p", {}, `${decided(a.decision, this.now)}.`.replace(/([.!?…])\.$/, "$1")));
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
    this.body.replaceChildren(...parts);
  }
}

// ---- the card ------------------------------------------------------------------------------------------------------

class Card {
  constructor(source) {
    [this.run, this.views, this.dots] = [null, new Map(), []];
    this.gate = new Gate(source, (run, doc) => { if (doc) this.patch(doc); this.look?.(); });
    this.title = h("h2", { class: "pdnb-title" });
    this.pill = pill();
    this.steps = h("ol", { class: "pdnb-steps", "aria-label": "Steps" });
    this.sentence = h("p", { class: "pdnb-say", tabindex: "-1" });
    this.bar = h("div", { class: "pdnb-bar", "aria-hidden": "true" }, h("i"));
    [this.summary, this.note] = ["pdnb-summary", "pdnb-note"].map((c) => h("p", { class: c, hidden: "" }));
    this.error = pre("", "pdnb-bad");
    this.attempts = h("div", { class: "pdnb-attempts" });
    this.foot = h("footer", { class: "pdnb-foot" });
    this.trouble = h("p", { class: "pdnb-trouble", role: "status", hidden: "" });
    this.live = announcer();
    this.main = h("div", { class: "pdnb-main", hidden: "" },
      h("header", { class: "pdnb-head" }, this.title, this.pill.el), this.steps,
      h("div", { class: "pdnb-now" }, this.summary, this.sentence, this.bar, this.note, this.error, this.gate.el),
      this.attempts, this.foot);
    this.el = h("article", { class: "pdnb-card", "data-run": "" }, this.main, this.trouble, this.live.el);
    listen(this.el);
  }

  patch(doc) {
    if (this.run && doc.version < this.run.version) return;  // an older answer that came late
    const [before, run] = [this.run, { ...this.run, ...doc }];
    this.run = run;
    const now = clock.now();
    setAttr(this.main, "hidden", null);
    setAttr(this.el, "aria-label", `Run of ${run.workflow}`);
    setAttr(this.el, "data-state", AT_STEP[run.status]);
    setText(this.title, run.workflow);
    this.pill.patch(run);
    this.drawSteps(run);
    this.optional(this.summary, run.summary);
    this.optional(this.note, this.remark(run, now));
    this.optional(this.error, isOver(run) && run.error ? bare(run.error) : null);
    this.gate.patch(run);
    this.drawAttempts(run, now);
    const credits = `${run.credits} credit${run.credits === 1 ? "" : "s"}`;
    setText(this.foot, `Started ${at(run.created_ms, now)} · active ${work(run.active_ms)}${run.paused_ms ? ` · paused ${work(run.paused_ms)}` : ""} · ${credits} · run ${run.id}`);
    this.tick();
    if (before && (before.status !== run.status || before.position !== run.position || before.runs !== run.runs)) {
      this.live.say(`${run.workflow}: step ${run.step} ${run.status}`);
    }
  }

  optional(el, text) {
    setText(el, text ?? "");
    setAttr(el, "hidden", text ? null : "");
  }

  remark(run, now) {
    if (run.early && !isOver(run)) {
      const asked = run.early.what === "cancelled" ? "Asked to cancel" : "Resumed early";
      return `${asked} at ${at(run.early.at_ms, now)}${who(run.early)}: applies when the step ends.`;
    }
    if (run.decision && run.status !== "cancelled") return `${decided(run.decision, now)}.`.replace(/([.!?…])\.$/, "$1");
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
      setText(dot.word, `${timedOut ? "timed out" : WORDS[state]}${count > 1 ? ` · run ${count}` : ""}`);
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
  }

  say(message) { this.optional(this.trouble, message); }

  /** What a person has in hand: which attempts are open, where the focus is. */
  hand() {
    const here = document.activeElement;
    const focus = this.el.contains(here) ? here.dataset.act ?? (here === this.gate.place ? this.gate.parked?.dataset.act : null) ?? "card" : null;
    return { focus, open: [...this.views].map(([key, view]) => [key, view.el.open, view.opened]) };
  }

  recall({ focus, open }) {
    for (const [key, is, was] of open) {
      const view = this.views.get(key);
      if (view && was) [view.opened, view.el.open] = [true, is];
    }
    const button = { resume: this.gate.go, cancel: this.gate.stop }[focus];
    if (button?.hidden) this.gate.park(button);
    else if (focus) (button ?? this.sentence).focus({ preventScroll: true });
  }
}

// ---- the table -----------------------------------------------------------------------------------------------------

const COLUMNS = [
  ["workflow", "Workflow"], ["step", "Step"], ["status", "Status"], ["when", "Waiting"], ["started", "Started"],
  ["summary", "Summary"], ["acts", "Actions"],
];

const first = (a, b) => (b.status === "suspended") - (a.status === "suspended")
  || (a.status === "suspended" ? (a.due_ms ?? Infinity) - (b.due_ms ?? Infinity) : 0)
  || b.created_ms - a.created_ms || (a.id < b.id ? -1 : 1);

class Row {
  constructor(table) {
    this.table = table;
    this.el = h("tr", { "data-run": "", role: "row" });
    for (const [name] of COLUMNS) {
      this[name] = name === "workflow" ? h("th", { class: "pdnb-workflow", role: "rowheader", scope: "row", tabindex: "-1" })
        : h("td", { class: `pdnb-${name}`, role: "cell" });
      this.el.append(this[name]);
    }
    this.pill = pill();
    this.status.append(this.pill.el);
    this.since = h("span");
    this.due = h("span", { class: "pdnb-due" });
    this.when.append(this.since, this.due);
  }

  patch(run, now) {
    const before = this.run;
    this.run = run;
    const href = this.table.source.href?.(run);
    if (href && !this.link) this.workflow.append(this.link = h("a", { target: "_blank", rel: "noopener" }));
    setText(this.link ?? this.workflow, run.workflow);
    if (href) setAttr(this.link, "href", href);
    setAttr(this.workflow, "title", `run ${run.id}`);
    setText(this.step, run.runs > 1 ? `${run.step} · run ${run.runs}` : run.step);
    this.pill.patch(run);
    setText(this.started, at(run.created_ms, now));
    setAttr(this.started, "title", inFull(run.created_ms));
    const told = run.status === "failed" && run.error ? run.error : run.summary ?? "";
    setText(this.summary, told);
    setAttr(this.summary, "title", told || null);
    setAttr(this.summary, "data-bad", run.status === "failed" && run.error ? "" : null);
    if (!this.gate && waits(run)) {
      this.gate = new Gate(this.table.source, (was, doc) => this.table.answered(was, doc));
      if (before) this.gate.key = null;  // it appears where none was: held like any change of meaning
      this.acts.append(this.gate.el);
    }
    this.gate?.patch(run);
    this.tick(now);
    return before && (before.status !== run.status || before.step !== run.step || before.runs !== run.runs);
  }

  tick(now) {
    const run = this.run;
    const over = isOver(run);
    setText(this.since, over ? `ended ${at(run.ended_ms ?? run.since_ms, now)}` : `since ${at(run.since_ms, now)}`);
    setText(this.due, waits(run) ? fate(run, now) : run.early && !over ? "an answer is kept" : "");
  }
}

class Table {
  constructor(source) {
    [this.source, this.rows, this.runs, this.steadyFrom, this.drawn] = [source, new Map(), new Map(), 0, false];
    this.count = h("span", { class: "pdnb-count" });
    this.trouble = h("p", { class: "pdnb-trouble", role: "status", hidden: "" });
    // Rows are grids, so that those out of sight cost no layout; the roles give back what that takes from a table.
    this.body = h("tbody", { role: "rowgroup" });
    const head = h("tr", { role: "row" }, ...COLUMNS.map(([name, title]) => h("th", { class: `pdnb-${name}`, role: "columnheader", scope: "col" }, title)));
    this.table = h("table", { class: "pdnb-table", role: "table", "aria-label": "Runs" }, h("thead", { role: "rowgroup" }, head), this.body);
    this.scroller = h("div", { class: "pdnb-scroll", tabindex: "0", role: "region", "aria-label": "Runs" }, this.table);
    this.empty = h("div", { class: "pdnb-empty", hidden: "" }, h("b", {}, "No runs yet."),
      h("span", {}, "Start one in a notebook with %pdnb run; it appears here by itself."));
    this.more = h("button", { type: "button", class: "pdnb-button pdnb-more", hidden: "" }, "Show older runs");
    this.live = announcer();
    this.el = h("section", { class: "pdnb-panel", "aria-label": "Runs" },
      h("header", { class: "pdnb-head" }, h("h2", { class: "pdnb-title" }, "Runs"), this.count),
      this.trouble, this.scroller, this.empty, this.more, this.live.el);
    listen(this.body, () => performance.now() >= this.steadyFrom);
    [this.handUntil, this.unsorted] = [0, false];
    const hand = (event) => { if (event.pointerType !== "touch") this.handUntil = performance.now() + HAND_MS; };
    for (const type of ["pointermove", "pointerdown"]) this.body.addEventListener(type, hand);
    this.body.addEventListener("pointerleave", () => { this.handUntil = 0; this.settle(); });
  }

  patch(docs, next = null) {
    const now = clock.now();
    const runs = docs.map((doc) => {
      const old = this.runs.get(doc.id);
      return old && doc.version < old.version ? old : doc;
    }).sort(first);
    const anchor = this.anchor();
    this.runs = new Map(runs.map((run) => [run.id, run]));
    const changed = [];
    for (const [id, row] of this.rows) {
      if (!this.runs.has(id)) { row.el.remove(); this.rows.delete(id); }
    }
    const sorted = runs.map((run) => {
      let row = this.rows.get(run.id);
      if (!row) this.rows.set(run.id, row = new Row(this));
      if (row.run?.version !== run.version && row.patch(run, now)) changed.push(run);
      return row.el;
    });
    this.unsorted = performance.now() < this.handUntil;
    const wanted = this.unsorted ? [...this.body.children, ...sorted.filter((el) => !el.parentNode)] : sorted;
    if (this.order(wanted) && this.drawn) this.steadyFrom = performance.now() + HOLD_MS;
    this.drawn = true;
    if (anchor) this.scroller.scrollTop += anchor.el.offsetTop - anchor.top;
    const waiting = runs.filter((run) => run.status === "suspended").length;
    setText(this.count, `${runs.length}${next ? "+" : ""} run${runs.length === 1 ? "" : "s"}${waiting ? ` · ${waiting} waiting for a person` : ""}`);
    setAttr(this.empty, "hidden", runs.length ? "hidden" : null);
    setAttr(this.scroller, "hidden", runs.length ? null : "");
    setAttr(this.more, "hidden", next ? null : "");
    if (changed.length) {
      const said = changed.slice(0, 3).map((run) => `${run.workflow}: step ${run.step} ${run.status}`).join("; ");
      this.live.say(changed.length > 3 ? `${said}; and ${changed.length - 3} more` : said);
    }
  }

  /** Put the rows in order by moving as few as possible, and never the one that has the focus. True if any moved. */
  order(wanted) {
    const focused = wanted.find((el) => el.contains(document.activeElement));
    const [pivot, before] = [focused ? wanted.indexOf(focused) : wanted.length, this.body.childElementCount > 0];
    let moved = false;
    const place = (list, end) => {
      let next = end;
      for (let i = list.length - 1; i >= 0; i--) {
        if (list[i].nextElementSibling !== next || list[i].parentNode !== this.body) {
          this.body.insertBefore(list[i], next);
          moved = true;
        }
        next = list[i];
      }
    };
    place(wanted.slice(pivot + 1), null);
    place(wanted.slice(0, pivot), focused ?? null);
    return moved && before;
  }

  /** The row that must stay where it is on screen. */
  anchor() {
    const top = this.scroller.scrollTop;
    if (top < 8) return null;
    for (const el of this.body.children) {
      if (el.offsetTop + el.offsetHeight > top) return { el, top: el.offsetTop };
    }
    return null;
  }

  redraw() { this.patch([...this.runs.values()], this.more.hidden ? null : "more"); }

  /** Put the rows in order that kept their places under a hand. */
  settle() { if (this.unsorted && performance.now() >= this.handUntil) this.redraw(); }

  answered(was, doc) {
    if (doc && this.runs.has(doc.id)) {
      const { attempts: _, exports: __, ...light } = doc;
      this.runs.set(doc.id, { ...this.runs.get(doc.id), ...light });
      this.redraw();
    }
    this.look?.(was);
  }

  tick() {
    const now = clock.now();
    for (const row of this.rows.values()) if (!isOver(row.run)) row.tick(now);
    this.settle();
  }

  say(message) {
    setText(this.trouble, message ?? "");
    setAttr(this.trouble, "hidden", message ? null : "");
  }
}

// ---- sources -------------------------------------------------------------------------------------------------------

class Trouble extends Error {
  constructor(message, status = 0) {
    super(message);
    this.status = status;
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
  throw new Trouble(doc?.message || usual[answer.status] || `The server answered ${answer.status}.`, answer.status);
}

/** Runs over HTTP. *baseUrl* is Jupyter's base URL (ends in a slash); *via* is what decisions are recorded under. */
export function apiSource(baseUrl, { via = "card" } = {}) {
  const runs = `${baseUrl}pdnb/api/runs`;
  const one = (id) => `${runs}/${encodeURIComponent(id)}`;
  const post = async (run, act, more) => (await ask(`${one(run.id)}/${act}`, {
    method: "POST", json: { step: run.step, runs: run.runs, via, ...more },
  })).doc;
  return {
    href: (run) => `${baseUrl}pdnb/card/${encodeURIComponent(run.id)}`,
    resume: (run, body) => post(run, "resume", body === undefined ? {} : { body }),
    cancel: (run, reason) => post(run, "cancel", reason === undefined ? {} : { reason }),

    /**
     * Look once a second while it is in view and unfinished, else seldom; one finished run only when it is shown again.
     * A list that is cut off is asked in turns with the suspended runs: those who wait longest must not be the hidden ones.
     */
    watch(what, draw, trouble) {
      const queries = what.id ? [{ url: () => one(what.id) }]
        : [{ url: () => `${runs}?limit=${what.limit}` }, { url: () => `${runs}?status=suspended&limit=${MAX_WAITING}` }];
      let [timer, stopped, failures, turn, unfinished, looking, again, inView] = [0, false, 0, 0, true, false, false, true];
      const active = () => (queries[0].doc?.next ? queries : queries.slice(0, 1));
      const pause = () => {
        if (failures) return Math.min(10_000, POLL_MS * 1.5 ** failures);
        if (!unfinished) return what.id ? null : IDLE_MS;  // a list may still get a new run
        return document.visibilityState === "visible" && inView ? POLL_MS : IDLE_MS;
      };
      const show = () => {
        const newest = new Map();
        for (const { doc } of active()) {
          for (const run of what.id ? [doc] : doc?.runs ?? []) {
            if (!(newest.get(run.id)?.version >= run.version)) newest.set(run.id, run);
          }
        }
        const list = [...newest.values()];
        unfinished = list.some((run) => !isOver(run));
        draw(list, queries[0].doc.next ?? null);
      };
      const askOne = async (query) => {
        const url = query.url();
        const answer = await ask(url, { etag: url === query.asked ? query.etag : null });
        if (!answer.same) Object.assign(query, { asked: url, etag: answer.etag, doc: answer.doc });
        return !answer.same;
      };
      async function look(all = true) {
        if (stopped || looking) { again ||= all; return; }
        [looking, again] = [true, false];
        clearTimeout(timer);
        try {
          let news = false;
          if (all) {
            for (let i = 0; i < active().length; i++) news = (await askOne(queries[i])) || news;
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
        look: (change) => { Object.assign(what, change); look(); },
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

/** Runs over a widget's comm: the trait `rows` to begin with, then news, and answers matched by `seq`. */
export function widgetSource(model) {
  let seq = 0;
  const open = new Map();
  const rows = () => model.get("rows") ?? [];
  const news = ({ changed, gone }) => {
    const known = new Map(rows().map((run) => [run.id, run]));
    for (const id of gone) known.delete(id);
    for (const run of changed) if (!(known.get(run.id)?.version > run.version)) known.set(run.id, run);
    model.set("rows", [...known.values()]);  // here only: the kernel knows
  };
  const answer = (message) => {
    if (message?.changed) news(message);
    const request = open.get(message?.seq);
    if (!request) return;
    open.delete(message.seq);
    clearTimeout(request.timer);
    if (message.error) request.no(new Trouble(message.error)); else request.ok(message.run);
  };
  const send = (act, run, more) => new Promise((ok, no) => {
    seq += 1;
    const mine = seq;
    const timer = setTimeout(() => {
      open.delete(mine);
      no(new Trouble("The kernel has not answered: it is busy, or gone. If it is busy, the request applies when it is free."));
    }, 10_000);
    open.set(mine, { ok, no, timer });
    model.send({ act, id: run.id, step: run.step, runs: run.runs, seq: mine, ...more });
  });
  return {
    href: () => null,
    resume: (run, body) => send("resume", run, body === undefined ? {} : { body }),
    cancel: (run, reason) => send("cancel", run, reason === undefined ? {} : { reason }),
    watch(what, draw) {
      const look = () => draw(rows(), null);
      model.on("change:rows", look);
      model.on("msg:custom", answer);
      look();
      model.send({ act: "look", seen: `${rows().length} ${rows().reduce((sum, run) => sum + run.version, 0)}` });
      return {
        look,
        stop() {
          model.off("change:rows", look);
          model.off("msg:custom", answer);
          for (const { timer } of open.values()) clearTimeout(timer);
        },
      };
    },
  };
}

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

/** Draw the table of runs into *el*. Returns what undoes it. */
export function drawTable(el, source, { limit = 100 } = {}) {
  const table = new Table(source);
  return mount(el, table, () => {
    const what = { limit, el };
    const watch = source.watch(what, (runs, next) => table.patch(runs, next), (message) => table.say(message));
    table.look = () => watch.look();
    table.more.addEventListener("click", () => watch.look({ limit: what.limit + limit }));
    return watch.stop;
  });
}

/** Start what a page of pdnb asks for in the data attributes of *root*. */
export function drawPage(root) {
  const { view, base, run } = root.dataset;
  const data = document.getElementById("pdnb-initial")?.textContent;
  const initial = data ? JSON.parse(data) : null;
  fitFrame(root);
  if (view === "card") drawCard(root, apiSource(base, { via: "card" }), run, initial);
  else drawTable(root, apiSource(base, { via: "inbox" }));
}

export default {
  render({ model, el }) {
    return drawTable(el, widgetSource(model));
  },
};
