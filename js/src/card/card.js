// @ts-check
// One run as a card: where it is, what it asks, what its steps left.

import { Confirmation } from "../confirmation.js";
import { announcer, h, setAttribute, setOptionalText, setText, show, troubleLine } from "../dom.js";
import { AnswerForm } from "../form/answer.js";
import { Gate, listenForPresses } from "../run_buttons.js";
import { safeMarkup } from "../message.js";
import { announcement, counted, decisionPhrase, earlyPhrase, fullStop, situation } from "../phrases.js";
import { decisionKey, hasMoved, isOver, isPaused, presentState, troubleOf } from "../run.js";
import { StatusPill } from "../signs.js";
import { clock, fullMoment, moment } from "../time.js";
import { Attempts } from "./attempts.js";
import { CopyLink } from "./copy_link.js";
import { DoneLine, deedOf } from "./done.js";
import { plainText, pre } from "./outputs.js";
import { Progress } from "./progress.js";
import { Steps } from "./steps.js";
import { Timeline } from "./timeline.js";

/**
 * @import { Action, Run, RunDetail, Source } from "../types"
 * @import { AnswerDraft } from "../form/answer.js"
 * @import { RequestError } from "../sources/request_error.js"
 * @import { Deed } from "./done.js"
 *
 * What a person has in hand: where the focus is, what is typed, what was just done, which attempts are open.
 * @typedef {{ focus: string | null, field: number, answer: AnswerDraft, deed: Deed | null, open: [string, boolean][] }} CardDraft
 */

export class Card {
  /** @param {Source} source @param {(after: Run | null) => void} onAnswered is called after every press, with the run if it was done */
  constructor(source, onAnswered) {
    this.onAnswered = onAnswered;
    /** @type {RunDetail | null} */
    this.run = null;
    /** @type {string | null} */
    this.shownMessage = null;
    this.confirmation = new Confirmation();
    this.answer = new AnswerForm();
    this.gate = new Gate(source, {
      confirmation: this.confirmation,
      answer: (run) => this.answer.read(run),
      onAnswer: (before, after, error, action) => this.onAnswer(before, after, error, action),
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
    this.main = h("div", { class: "pdnb-main", hidden: "" }, h("header", { class: "pdnb-head" }, this.title, this.pill.el), this.steps.el,
      h("div", { class: "pdnb-now" }, this.summary, this.message, this.situation, this.timeLeftBar, this.progress.el, this.note, this.error,
        this.answer.el, h("div", { class: "pdnb-actions-line" }, this.gate.el, this.copyLink.el), this.confirmation.el, this.done.el),
      this.timeline.el, this.attempts.el, this.foot);
    this.el = h("article", { class: "pdnb-card", "data-run": "" }, this.main, this.trouble, this.live.el);
    listenForPresses(this.el);
  }

  /** @param {RunDetail} document what it does not have stays as it was */
  patch(document) {
    const before = this.run;
    if (before && document.revision < before.revision) return;  // an older answer that came late
    const run = this.run = { ...before, ...document };
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
    this.message.replaceChildren(...(html ? [safeMarkup(html)] : []));
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
    if (due && whole > 0) this.timeLeft.style.inlineSize = `${Math.min(100, Math.max(0, (100 * (due - now)) / whole)).toFixed(2)}%`;
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
  setTrouble(message) { setOptionalText(this.trouble, message); }

  /** To where an answer begins: the first field, or the button. */
  focusAnswer() {
    if (this.answer.views.length) this.answer.focus();
    else (this.gate.resumeButton.hidden ? this.situation : this.gate.resumeButton).focus({ preventScroll: true });
  }

  /** @returns {CardDraft} */
  get draft() {
    const here = /** @type {HTMLElement | null} */ (document.activeElement);
    const field = this.answer.views.findIndex((view) => view.el.contains(here));
    const drafts = { field, answer: this.answer.draft, deed: this.done.deed, open: this.attempts.open };
    if (!here || !this.el.contains(here)) return { focus: null, ...drafts };
    const parked = here === this.gate.place ? this.gate.parked?.dataset.act : undefined;
    return { focus: here.dataset.act ?? parked ?? "card", ...drafts };
  }

  set draft({ focus, field, answer, deed, open }) {
    this.attempts.open = open;
    this.answer.draft = answer;
    this.done.deed = deed;
    this.done.draw(Date.now());
    const button = this.gate.buttons.find((each) => each.dataset.act === focus);
    if (field >= 0) this.answer.views[field]?.focus();
    else if (button?.hidden) this.gate.park(button);
    else if (focus) (button ?? this.situation).focus({ preventScroll: true });
  }
}

/** Who decided what, or asked for it before the step had ended. @param {Run} run @param {number} now */
function remark(run, now) {
  if (run.early && !isOver(run)) return earlyPhrase(run.early, now);
  return run.decision && run.status !== "cancelled" ? fullStop(decisionPhrase(run.decision, now)) : null;
}
