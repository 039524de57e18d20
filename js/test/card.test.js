// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { attemptState } from "../src/card/attempt.js";
import { deedOf } from "../src/card/done.js";
import { mergeStreams, plainText } from "../src/card/outputs.js";
import { phasesOf, totalsOf, widthsOf } from "../src/card/phases.js";
import { progressPhrase, shareOf } from "../src/card/progress.js";
import { OUTCOMES, STATUSES, VERBS } from "../src/vocabulary.js";
import { anAttempt, aRun, START } from "./support.js";

/** @import { Decision } from "../src/types" */

/** @type {Decision} */
const RESUMED = { what: "resumed", at_ms: START + 5_000, via: "card", by: null, reason: null };

test("the phases of a run follow each other without a gap", () => {
  const run = aRun({ attempts: [
    anAttempt({ started_ms: START + 100, ended_ms: START + 600 }),
    anAttempt({ step: "approve", position: 1, started_ms: START + 700, ended_ms: START + 1_000, outcome: "suspended" }),
  ] });
  const phases = phasesOf(run, START + 9_000);
  assert.deepEqual(phases.map(({ kind }) => kind), ["queued", "active", "queued", "active", "paused"]);
  phases.forEach(({ from }, i) => assert.equal(from, i ? phases[i - 1].to : START));
  assert.equal(phases.at(-1)?.to, START + 9_000);
  assert.deepEqual(totalsOf(phases), { queued: 200, active: 800, paused: 8_000 });
});

test("a pause that has ended lasts until its decision, and what is over goes on no more", () => {
  const attempt = anAttempt({ outcome: "suspended", ended_ms: START + 1_000, decision: RESUMED });
  const phases = phasesOf(aRun({ status: "succeeded", pause: null, attempts: [attempt] }), START + 99_000);
  assert.deepEqual(phases.at(-1), { kind: "paused", from: START + 1_000, to: START + 5_000 });
});

test("short phases stay visible and all together are as wide as the whole", () => {
  const phases = [{ from: 0, to: 1 }, { from: 1, to: 1_000_000 }].map((each) => ({ kind: /** @type {"active"} */ ("active"), ...each }));
  const widths = widthsOf(phases, 1000);
  assert.ok(widths[0] >= 5);
  assert.ok(Math.abs(widths[0] + widths[1] - 1000) < 1e-9);
});

test("progress is a share only where the whole is known", () => {
  assert.equal(shareOf({ done: 1, total: 4 }), 0.25);
  assert.equal(shareOf({ done: 9, total: 4 }), 1);
  for (const note of [null, { done: 1 }, { done: 1, total: 0 }, { total: 4 }]) assert.equal(shareOf(note), null);
  assert.deepEqual([{ done: 1, total: 3, text: "pages" }, { done: 2 }, { text: "almost" }, null].map(progressPhrase), ["1 of 3 (33 %) · pages", "2 done", "almost", ""]);
});

test("the attempt at which a run is paused has the run's state, every other one its own", () => {
  const run = aRun();
  assert.deepEqual(attemptState(anAttempt({ position: 1, outcome: "suspended" }), run), { state: "suspended", word: STATUSES.suspended.word });
  assert.deepEqual(attemptState(anAttempt(), run), { state: "done", word: OUTCOMES.returned.word });
  assert.deepEqual(attemptState(anAttempt({ outcome: "lost" }), run), { state: "failed", word: OUTCOMES.lost.word });
  assert.deepEqual(attemptState(anAttempt({ outcome: "suspended", decision: { ...RESUMED, what: "cancelled" } }), run), { state: "cancelled", word: "cancelled" });
});

test("a text is what a terminal would leave: no colours, nothing overwritten", () => {
  assert.equal(plainText("\u001b[31mred\u001b[0m\r\n10 %\r20 %\n"), "red\n20 %\n");
  assert.equal(plainText(["a", "b"]), "ab");
});

test("pieces of one stream that follow each other are one output", () => {
  const [out, err] = ["stdout", "stderr"].map((name) => ({ output_type: "stream", name, text: name }));
  assert.deepEqual(mergeStreams([out, out, err, out]).map(({ text }) => text), ["stdoutstdout", "stderr", "stdout"]);
});

test("what a person has done is told by the verb; a request before the step's end is only received", () => {
  const prompt = { message: null, message_html: null, fields: [], after: "https://example.org" };
  const after = aRun({ status: "queued", position: 2, step: "publish" });
  assert.equal(deedOf(aRun(), after, "resume", 0).text, `${VERBS.resume.done.suspended} by you`);
  assert.deepEqual(deedOf(aRun({ prompt }), after, "resume", 0), { at: 0, early: false, after: "https://example.org", text: `${VERBS.answer.done.suspended} by you` });
  assert.equal(deedOf(aRun({ prompt }), after, "cancel", 0).after, null);
  assert.equal(deedOf(aRun(), aRun({ early: RESUMED }), "resume", 0).early, true);
});
