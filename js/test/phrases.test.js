// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { clip, counted, decisionPhrase, duePhrase, earlyPhrase, fullStop, situation, stepWithAttempt } from "../src/phrases.js";
import { moment } from "../src/time.js";
import { DECISIONS, EARLY, STATUSES, THEN, VIA } from "../src/vocabulary.js";
import { aPause, aRun, START } from "./support.js";

/** @import { Decision } from "../src/types" */

const NOW = START + 300_000;
const at = (/** @type {number} */ ms) => moment(ms, NOW);
/** @type {Decision} */
const RESUMED = { what: "resumed", at_ms: START + 60_000, via: "card", by: "Bob", reason: "fine" };

test("a run that waits says for whom, since when, for how long, and what comes by itself", () => {
  assert.equal(situation(aRun(), NOW), `Step approve ${STATUSES.suspended.phrase} since ${at(START + 1_000)} (4 min), ${THEN.cancel.verb} in 23 h 55 min.`);
});

test("people read attempt 2, never run 2, and nothing at the first", () => {
  assert.match(situation(aRun({ runs: 2 }), NOW), /^Step approve, attempt 2, /);
  assert.equal(stepWithAttempt(aRun({ runs: 2 })), "approve · attempt 2");
  assert.equal(stepWithAttempt(aRun()), "approve");
});

test("a run that is over says how it ended", () => {
  const ended = { pause: null, ended_ms: START + 90_000 };
  assert.equal(situation(aRun({ ...ended, status: "succeeded", position: 2 }), NOW), `Finished at ${at(START + 90_000)}, 1 min 30 s after it started.`);
  assert.match(situation(aRun({ ...ended, status: "succeeded" }), NOW), /^Ended early by step approve at /);
  assert.equal(situation(aRun({ ...ended, status: "failed" }), NOW), `Failed in step approve at ${at(START + 90_000)}.`);
  assert.match(situation(aRun({ ...ended, status: "cancelled", decision: { ...RESUMED, what: "timed out" } }), NOW), /: nobody answered step approve in time\.$/);
  assert.match(situation(aRun({ ...ended, status: "cancelled", decision: { ...RESUMED, what: "cancelled" } }), NOW), /^Cancelled at .* by Bob .*: fine\.$/);
});

test("a decision says what, when, who, by what way and why, as far as there is something to say", () => {
  assert.equal(decisionPhrase(RESUMED, NOW), `${DECISIONS.resumed} at ${at(START + 60_000)} by Bob ${VIA.card}: fine`);
  assert.equal(decisionPhrase({ ...RESUMED, what: "elapsed", via: "clock", by: null, reason: null }, NOW), `${DECISIONS.elapsed} at ${at(START + 60_000)}`);
});

test("an early request says that it applies later", () => {
  assert.ok(earlyPhrase(RESUMED, NOW).endsWith(`: ${EARLY.applies}.`));
});

test("what is not paused is due for nothing", () => {
  assert.equal(duePhrase(aRun({ pause: null, status: "running" }), NOW), "");
  assert.equal(duePhrase(aRun({ pause: aPause({ kind: "rerun" }) }), NOW), `${THEN["same step"].verb} in 23 h 55 min`);
});

test("a sentence has one full stop", () => {
  assert.deepEqual(["Yes", "Yes.", "Yes?", "Yes…"].map(fullStop), ["Yes.", "Yes.", "Yes?", "Yes…"]);
});

test("what is too long ends with a sign of it, and is no longer than it may be", () => {
  assert.equal(clip("abcdef", 4), "abc…");
  assert.equal(clip("abcd", 4), "abcd");
});

test("one is not many", () => {
  assert.deepEqual([0, 1, 10_000].map((n) => counted(n)), ["0 runs", "1 run", "10,000 runs"]);
});
