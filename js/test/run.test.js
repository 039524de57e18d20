// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { asksForm, decisionKey, hasMoved, headline, stepState, whatFollows, withoutDetail } from "../src/run.js";
import { aPause, aRun } from "./support.js";

/** @import { Status } from "../src/types" */

test("steps before the run's are done, those behind it are to come or were never reached", () => {
  const states = (/** @type {Status} */ status) => [0, 1, 2].map((i) => stepState(aRun({ status }), i));
  assert.deepEqual(states("suspended"), ["done", "suspended", "upcoming"]);
  assert.deepEqual(states("failed"), ["done", "failed", "unreached"]);
  assert.equal(stepState(aRun({ status: "succeeded", position: 2 }), 2), "done");
});

test("there is a decision to make on what is paused or failed, and it is another one at each attempt", () => {
  assert.equal(decisionKey(aRun({ status: "running" })), null);
  assert.equal(decisionKey(aRun({ status: "succeeded" })), null);
  const keys = [aRun(), aRun({ runs: 2 }), aRun({ step: "publish" }), aRun({ status: "sleeping" }), aRun({ status: "failed" })].map(decisionKey);
  assert.equal(new Set(keys).size, 5);
});

test("what follows a pause is what the pause itself says, where its kind leaves that open", () => {
  assert.equal(whatFollows(aRun({ pause: aPause({ on_timeout: "cancel" }) })), "cancel");
  assert.equal(whatFollows(aRun({ pause: aPause({ on_timeout: "resume" }) })), "next step");
  assert.equal(whatFollows(aRun({ pause: aPause({ kind: "rerun" }) })), "same step");
  assert.equal(whatFollows(aRun({ pause: null })), null);
});

test("whether a form has to be filled is known from the row, and better from the run by itself", () => {
  const row = aRun({ pause: aPause({ form: true }) });
  assert.equal(asksForm(row), true);
  assert.equal(asksForm({ ...row, status: "queued" }), false);
  assert.equal(asksForm({ ...row, prompt: { message: null, message_html: null, fields: null, after: null } }), false);
});

test("a failed run says what went wrong, a queued one what keeps it, every other one its summary", () => {
  assert.equal(headline(aRun({ status: "failed", error: "no page 4", summary: "s" })), "no page 4");
  assert.equal(headline(aRun({ status: "queued", error: "no worker", summary: "s" })), "no worker");
  assert.equal(headline(aRun({ error: "an earlier attempt's", summary: "s" })), "s");
  assert.equal(headline(aRun()), "");
});

test("a new revision alone is no move", () => {
  assert.equal(hasMoved(aRun(), aRun({ revision: 9, early: null })), false);
  assert.equal(hasMoved(aRun(), aRun({ runs: 2 })), true);
});

test("a list keeps nothing of what only the run by itself has", () => {
  assert.deepEqual(withoutDetail(aRun({ attempts: [], exports: {}, prompt: null })), aRun());
});
