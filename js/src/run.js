// @ts-check
// Predicates and derived values of a run document; no text for display.

import { PAUSES, STATUSES } from "./vocabulary.js";

/** @import { Attempt, Run, RunDetail, StepState } from "./types" */

/** @param {Run} run */
export const isOver = (run) => STATUSES[run.status]?.over ?? false;

/** It is paused: nothing happens until a request or the time comes. @param {Run} run */
export const isPaused = (run) => STATUSES[run.status]?.waits ?? false;

/** Identifies what the buttons would decide, or `null`: a new key means that they act on something else. @param {Run} run */
export const decisionKey = (run) => (isPaused(run) || run.status === "failed" ? `${run.step} ${run.runs} ${run.status}` : null);

/** An answer has to fit a form. @param {RunDetail} run */
export const asksForm = (run) => run.status === "suspended" && Boolean(run.prompt ? run.prompt.fields : run.pause?.form);

/** What comes when the pause ends by itself: a key of `THEN`; `null` if the run is not paused. @param {Run} run */
export function whatFollows(run) {
  if (!run.pause) return null;
  const { due, resumed } = PAUSES[run.pause.kind];
  if (due !== "on_timeout") return due;
  return run.pause.on_timeout === "cancel" ? "cancel" : resumed;
}

/** The state of the step at which the run is. @param {Run} run @returns {StepState} */
export const presentState = (run) => (run.status === "succeeded" ? "done" : run.status);

/** The state of its step number *position*. @param {Run} run @param {number} position @returns {StepState} */
export function stepState(run, position) {
  if (position < run.position) return "done";
  if (position > run.position) return isOver(run) ? "unreached" : "upcoming";
  return presentState(run);
}

/** What went wrong, or keeps a queued run from going on. @param {Run} run */
export const troubleOf = (run) => (run.status === "failed" || run.status === "queued" ? run.error : null);

/** What the run says of itself in one line: its trouble, or its summary. @param {Run} run */
export const headline = (run) => troubleOf(run) ?? run.summary ?? "";

/** The attempt is the one at which the run is. @param {Attempt} attempt @param {Run} run */
export const isPresent = (attempt, run) => attempt.position === run.position && attempt.runs === run.runs;

/** Whether status, step or attempt changed. @param {Run} before @param {Run} after */
export const hasMoved = (before, after) => before.status !== after.status || before.position !== after.position || before.runs !== after.runs;

/** The document as lists show it. @param {RunDetail} run @returns {Run} */
export function withoutDetail(run) {
  const { attempts: _attempts, exports: _exports, prompt: _prompt, ...summary } = run;
  return summary;
}
