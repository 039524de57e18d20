// @ts-check
// The buttons of a run. A gate sends what was on display; it takes no click while a request is under way, nor just
// after its meaning has changed.

import { button, focused, h, setAttribute, setText, show } from "./dom.js";
import { asksForm, decisionKey } from "./run.js";
import { VERBS } from "./vocabulary.js";

/**
 * @import { Action, Answer, Run, RunDetail, Source } from "./types"
 * @import { Confirmation } from "./confirmation.js"
 *
 * @typedef {import("./sources/request_error.js").RequestError} RequestError
 * @typedef {object} GateOptions
 * @property {Confirmation} confirmation asks before a run is cancelled
 * @property {(before: RunDetail, after: Run | null, error: RequestError | null, action: Action) => void} onAnswer
 * @property {(run: RunDetail) => Answer} [answer] what goes along with a resume; throws an error for a person
 * @property {(run: Run) => void} [openForm] where a form is filled elsewhere
 */

/** How long a button that has just changed its meaning takes no click. */
export const HOLD_MS = 700;
const NOTICE_MS = 3_000;

/** @type {WeakMap<Element, Gate>} */
const GATES = new WeakMap();

/** The verb whose button is offered: with a form that is elsewhere, to answer it. @param {RunDetail} run @param {Action} action @param {boolean} formElsewhere */
export const verbOf = (run, action, formElsewhere) => VERBS[action === "resume" && formElsewhere && asksForm(run) ? "answer" : action];

/** Approve, Cancel and Retry for one run. */
export class Gate {
  /** @param {Source} source @param {GateOptions} options */
  constructor(source, options) {
    this.source = source;
    this.options = options;
    /** @type {RunDetail | null} */
    this.run = null;
    /** What a decision would be about; `undefined` before anything was shown. @type {string | null | undefined} */
    this.key = undefined;
    /** The request under way. @type {Action | null} */
    this.busy = null;
    this.inactiveUntil = 0;
    this.noticeSince = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    /** The button that had the focus when it went, and the element that keeps it meanwhile. @type {HTMLButtonElement | null} */
    this.parked = null;
    /** @type {HTMLElement | null} */
    this.place = null;
    this.resumeButton = button("pdnb-go", "", { "data-act": "resume" });
    this.cancelButton = button("", "", { "data-act": "cancel" });
    this.retryButton = button("pdnb-go", "", { "data-act": "retry" });
    this.notice = h("span", { class: "pdnb-notice", role: "alert", hidden: "" });
    this.buttons = [this.resumeButton, this.cancelButton, this.retryButton];
    this.el = h("span", { class: "pdnb-gate" }, ...this.buttons, this.notice);
    for (const each of this.buttons) GATES.set(each, this);
  }

  get inactive() { return this.busy !== null || performance.now() < this.inactiveUntil; }

  /** @param {RunDetail} run */
  patch(run) {
    const key = decisionKey(run);
    if (key !== this.key) {
      if (this.key !== undefined && key !== null) this.hold();
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
      const action = /** @type {Action} */ (each.dataset.act);
      const visible = !none && (action === "retry") === (run.status === "failed" || this.busy === "retry");
      if (!visible && each === document.activeElement) this.park(each);
      show(each, visible);
      if (!visible) continue;
      if (this.parked === each) this.unpark();
      setAttribute(each, "aria-disabled", this.inactive ? "true" : null);  // not `disabled`, which would lose the focus
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
    if (action === "resume" && asksForm(run) && this.options.openForm) { this.options.openForm(run); return; }
    if (action === "cancel") { await this.cancel(run, key); return; }
    /** @type {Answer} */
    let answer = {};
    try {
      if (action === "resume") answer = this.options.answer?.(run) ?? {};
    } catch (error) {
      this.notify(/** @type {Error} */ (error).message);
      return;
    }
    await this.send(action, run, () => (action === "retry" ? this.source.retry(run) : this.source.resume(run, answer)));
  }

  /** @param {RunDetail} run @param {string | undefined} key */
  async cancel(run, key) {
    const sure = await this.options.confirmation.open({
      title: `Cancel the run of ${run.workflow}?`, text: VERBS.cancel.warning ?? "", reason: true, danger: true,
      yes: VERBS.cancel.confirm ?? "", no: run.status === "suspended" ? "Keep it waiting" : "Keep it",
    });
    if (!sure) return;
    if (this.key !== key) this.notify("The run has moved on meanwhile: nothing was cancelled.");
    else await this.send("cancel", run, () => this.source.cancel(run, sure.reason || undefined));
  }

  /** @param {Action} action @param {RunDetail} run @param {() => Promise<Run>} request */
  async send(action, run, request) {
    this.busy = action;
    this.notify(null);
    this.draw();
    /** @type {Run | null} */
    let after = null;
    /** @type {RequestError | null} */
    let failure = null;
    try {
      after = await request();
    } catch (error) {
      failure = /** @type {RequestError} */ (error);
    }
    this.busy = null;
    if (failure && !failure.problems?.length) this.notify(failure.message);
    this.options.onAnswer(run, after, failure, action);
    this.draw();
  }
}

/**
 * One listener for all gates in *root*. A press by pointer counts only if it began and ended on the same meaning, and
 * began while *steady* says so.
 * @param {HTMLElement} root
 * @param {() => boolean} steady
 */
export function listenForPresses(root, steady = () => true) {
  /** @type {{ button: HTMLButtonElement, key: string | null | undefined } | null} */
  let pressed = null;
  const found = (/** @type {Event} */ event) => {
    const target = /** @type {Element} */ (event.target);
    const each = /** @type {HTMLButtonElement | null} */ (target.closest("button[data-act]"));
    const gate = each && GATES.get(each);
    return each && gate ? { button: each, gate } : null;
  };
  root.addEventListener("pointerdown", (event) => {
    const here = found(event);
    pressed = here && !here.gate.inactive && steady() ? { button: here.button, key: here.gate.key } : null;
  });
  root.addEventListener("keydown", (event) => {
    if (event.repeat && found(event)) event.preventDefault();  // a held Enter must not walk through the gates
  });
  root.addEventListener("click", (event) => {
    const here = found(event);
    if (!here) return;
    const byPointer = event.detail > 0;  // 0: keyboard, assistive technology
    const meant = !byPointer || (pressed?.button === here.button && pressed.key === here.gate.key);
    pressed = null;
    if (meant) void here.gate.press(/** @type {Action} */ (here.button.dataset.act));
  });
}
