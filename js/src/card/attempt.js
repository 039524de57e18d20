// @ts-check
// One attempt as a `details` element; its inside is made when it is opened.

import { h, setAttribute, setText } from "../dom.js";
import { exactText } from "../exact.js";
import { clip, decisionPhrase, fullStop, stepWithAttempt } from "../phrases.js";
import { isPaused, isPresent, presentState } from "../run.js";
import { Sign } from "../signs.js";
import { duration, fullMoment } from "../time.js";
import { OUTCOMES, STEP_STATES } from "../vocabulary.js";
import { mailElement, outputElements, plainText, pre } from "./outputs.js";

/** @import { Attempt, Json, Run, StepState } from "../types" */

/** Its state and the word for it: while the run is paused at it, the run's. @param {Attempt} attempt @param {Run} run */
export function attemptState(attempt, run) {
  if (isPaused(run) && isPresent(attempt, run)) return { state: presentState(run), word: STEP_STATES[presentState(run)].word };
  const outcome = OUTCOMES[attempt.outcome];
  const ended = attempt.decision?.what === "cancelled" || attempt.decision?.what === "timed out";
  const state = /** @type {StepState} */ (ended && outcome.state === "done" ? "cancelled" : outcome.state);
  return { state, word: attempt.decision && attempt.outcome !== "raised" ? attempt.decision.what : outcome.word };
}

/** @param {Json} value */
const exportText = (value) => (typeof value === "string" ? value : exactText(value, 2));

export class AttemptView {
  constructor() {
    /** @type {Attempt | null} */
    this.attempt = null;
    this.now = 0;
    /** Whether it has opened by itself: once, because people may close it. */
    this.opened = false;
    /** What the inside was made of. */
    this.filled = "";
    this.sign = new Sign();
    this.name = h("span", { class: "pdnb-attempt-name" });
    this.word = h("span", { class: "pdnb-attempt-word" });
    this.value = h("span", { class: "pdnb-attempt-value" });
    this.took = h("span", { class: "pdnb-attempt-took" });
    this.body = h("div", { class: "pdnb-attempt-body" });
    this.el = h("details", { class: "pdnb-attempt" },
      h("summary", {}, this.sign.el, this.name, this.word, this.value, this.took), this.body);
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
    const places = before.map((el) => (el.scrollTop + el.clientHeight >= el.scrollHeight - 4 ? Infinity : el.scrollTop));
    this.body.replaceChildren(...parts);
    this.body.querySelectorAll("pre").forEach((el, i) => {
      const place = places[i] ?? (running ? Infinity : 0);
      if (place && (running || place !== Infinity)) el.scrollTop = Math.min(place, el.scrollHeight);
      if (i === focus) el.focus({ preventScroll: true });
    });
  }
}

/** @param {Attempt} attempt @param {number} now @returns {HTMLElement[]} */
function contents(attempt, now) {
  /** @type {HTMLElement[]} */
  const parts = [];
  const outputs = attempt.outputs ?? [];
  const hasOutput = (/** @type {string} */ type) => outputs.some((output) => output.output_type === type);
  if (attempt.decision) parts.push(h("p", {}, fullStop(decisionPhrase(attempt.decision, now))));
  if (attempt.note) parts.push(h("p", {}, `Note: ${attempt.note}.`));
  if (attempt.error && !hasOutput("error")) parts.push(pre(plainText(attempt.error), "pdnb-bad"));
  parts.push(...outputElements(outputs), ...(attempt.mails ?? []).map(mailElement));
  for (const [name, value] of Object.entries(attempt.exports ?? {})) {
    if (name === "$return_value" && (value === null || hasOutput("execute_result"))) continue;  // a notebook shows it as output
    parts.push(h("div", { class: "pdnb-export" }, h("span", { class: "pdnb-key" }, name), pre(exportText(value))));
  }
  if (!parts.length) parts.push(h("p", { class: "pdnb-quiet" }, attempt.outcome === "running" ? "Nothing printed yet." : "Nothing printed, nothing exported."));
  return parts;
}
