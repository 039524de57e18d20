// @ts-check
// What happened to a run, in sentences; the words come from the vocabulary.

import { isOver, whatFollows } from "./run.js";
import { duration, moment, span, timeLeft, wholeMinutes } from "./time.js";
import { DECISIONS, EARLY, STATUSES, THEN, VIA } from "./vocabulary.js";

/** @import { Attempt, Decision, Run } from "./types" */

/** @param {string} text @param {number} length */
export const clip = (text, length) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);

/** "1 run", "10,000 runs". @param {number} n @param {string} noun */
export const counted = (n, noun = "run") => `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;

/** As a sentence: with one full stop. @param {string} text */
export const fullStop = (text) => `${text}.`.replace(/([.!?…])\.$/, "$1");

/** "poll", from the second attempt on "poll · attempt 2". @param {Run | Attempt} at */
export const stepWithAttempt = (at) => (at.runs > 1 ? `${at.step} · attempt ${at.runs}` : at.step);

/** " by Ada on the card". @param {Decision} decision */
function byWhom(decision) {
  const via = VIA[decision.via] ?? "";
  return `${decision.by ? ` by ${decision.by}` : ""}${via ? ` ${via}` : ""}`;
}

/** How a pause ended: "Resumed at 10:31 by Ada on the card: fine". @param {Decision} decision @param {number} now */
export function decisionPhrase(decision, now) {
  const reason = decision.reason ? `: ${decision.reason}` : "";
  return `${DECISIONS[decision.what]} at ${moment(decision.at_ms, now)}${byWhom(decision)}${reason}`;
}

/** A request that came before the step had ended. @param {Decision} early @param {number} now */
export const earlyPhrase = (early, now) => `${EARLY[early.what]} at ${moment(early.at_ms, now)}${byWhom(early)}: ${EARLY.applies}.`;

/** How the pause ends by itself: "cancels itself in 23 h 59 min"; empty if the run is not paused. @param {Run} run @param {number} now */
export function duePhrase(run, now) {
  const follows = whatFollows(run);
  return run.pause && follows ? `${THEN[follows].verb} ${timeLeft(run.pause.due_ms, now)}` : "";
}

/** Where the run is, since when, and what comes. @param {Run} run @param {number} now */
export function situation(run, now) {
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

/** @param {Run} run @param {string} attempt @param {number} now */
function unfinished(run, attempt, now) {
  const since_ms = run.pause?.since_ms ?? run.since_ms;
  const sentence = `Step ${run.step}${attempt} ${STATUSES[run.status].phrase} since ${moment(since_ms, now)}`;
  if (run.status === "running") return `${sentence}, for ${span(now - since_ms)}.`;
  const long = now - since_ms;
  const due = duePhrase(run, now);
  return `${sentence}${long >= 60_000 ? ` (${wholeMinutes(long)})` : ""}${due && `, ${due}`}.`;
}

/** What screen readers hear when a run has moved. @param {Run} run */
export const announcement = (run) => `${run.workflow}: step ${run.step} ${STATUSES[run.status].word}`;
