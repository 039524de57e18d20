// @ts-check
import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { newestRuns } from "../src/sources/api.js";
import { refusal, xsrfToken } from "../src/sources/http.js";
import { restBetween } from "../src/sources/polling.js";
import { Requests } from "../src/sources/requests.js";
import { RunCache } from "../src/sources/run_cache.js";
import { widgetSource } from "../src/sources/widget.js";
import { aRun, settled } from "./support.js";

/** @import { Run } from "../src/types" */
/** @import { Message } from "../src/sources/requests.js" */

const USUAL = { failures: 0, unfinished: true, ending: false, inSight: true };

/** The table of one run, as the kernel sends it. @param {Partial<Run>} differences */
const tableOf = (differences) => ({ fields: [], rows: [[]], constants: /** @type {any} */ (aRun(differences)), choices: {}, bases: {} });

const LAST_PAGE = { fields: [], rows: [], constants: {}, choices: {}, bases: {}, next: null, now_ms: Date.now() };

/** A widget's model whose kernel is this test; pages are answered as *answerPage* says. @param {unknown} page @param {boolean} answerPage */
function aModel(page = {}, answerPage = true) {
  /** @type {((message: unknown) => void)[]} */
  const listeners = [];
  /** @type {Message[]} */
  const sent = [];
  return {
    sent,
    get: () => page,
    send(/** @type {Message} */ message) {
      sent.push(message);
      if (answerPage && message.act === "page") this.receive({ seq: message.seq, ...LAST_PAGE });
    },
    on: (/** @type {string} */ _event, /** @type {(message: unknown) => void} */ listener) => { listeners.push(listener); },
    receive: (/** @type {unknown} */ message) => listeners.forEach((listener) => listener(message)),
  };
}

/** What a list shows after each update. @param {ReturnType<typeof widgetSource>} source */
function watched(source) {
  /** @type {[string, number][][]} */
  const drawn = [];
  const element = /** @type {any} */ (null);
  source.watchList(200, element, (runs) => drawn.push(runs.map((run) => [run.status, run.revision])), () => {});
  return drawn;
}

test("who waits looks often, and seldom at what is out of sight or finished", () => {
  assert.equal(restBetween(USUAL), 1_000);
  assert.equal(restBetween({ ...USUAL, inSight: false }), 15_000);
  assert.equal(restBetween({ ...USUAL, unfinished: false }), 15_000);
  assert.equal(restBetween({ ...USUAL, unfinished: false, ending: true }), null);
});

test("after failures the rests get longer, up to a bound", () => {
  const rests = [1, 2, 50].map((failures) => restBetween({ ...USUAL, failures, unfinished: false, ending: true }));
  assert.deepEqual(rests, [1_500, 2_250, 10_000]);
});

test("a run of several lists is there once, in its newest revision", () => {
  const lists = [{ runs: [aRun({ id: "a", revision: 2 }), aRun({ id: "b" })], next: null }, null, { runs: [aRun({ id: "a", revision: 5 })], next: null }];
  assert.deepEqual(newestRuns(lists).map(({ id, revision }) => [id, revision]), [["a", 5], ["b", 3]]);
});

test("the token against forged requests is found among other cookies, and not in another one's name", () => {
  assert.equal(xsrfToken("a=1; _xsrf=2|ab; b=3"), "2|ab");
  assert.equal(xsrfToken("not_xsrf=1"), undefined);
});

test("a refusal says what the server says, or else what its status means", () => {
  assert.equal(refusal(409, { message: "Already resumed." }).message, "Already resumed.");
  assert.deepEqual(refusal(422, { message: "No.", problems: ["n: 1"] }).problems, ["n: 1"]);
  assert.match(refusal(404, null).message, /not in the store/);
  assert.equal(refusal(500, null).message, "The server answered 500.");
});

test("an answer settles the request that has its number, and no other", async () => {
  /** @type {Message[]} */
  const sent = [];
  const requests = new Requests((message) => { sent.push(message); });
  const [first, second] = [requests.send({ act: "a" }), requests.send({ act: "b" })];
  requests.receive({ seq: "another page's", n: 0 });
  requests.receive({ seq: sent[1].seq, error: "No.", problems: ["n"] });
  requests.receive({ seq: sent[0].seq, n: 1 });
  assert.equal((await first).n, 1);
  await assert.rejects(second, { message: "No.", problems: ["n"] });
});

test("a kernel that is gone is told at once", async () => {
  const requests = new Requests(() => { throw new Error("Cannot send"); });
  await assert.rejects(requests.send({ act: "a" }), { name: "Error", message: "The kernel is gone." });
  assert.equal(requests.open.size, 0);
});

test("a kernel that does not answer is told as busy or gone", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const answer = new Requests(() => {}).send({ act: "a" });
  t.mock.timers.tick(10_000);
  await assert.rejects(answer, /The kernel has not answered/);
});

test("a run never goes back to an older revision, and listeners are told once for many changes", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const cache = new RunCache();
  const listener = mock.fn();
  const stop = cache.listen(listener);
  cache.merge([aRun({ revision: 5, status: "queued" })]);
  cache.merge([aRun({ revision: 4 })]);
  t.mock.timers.tick(1);
  assert.equal(cache.runs.get(aRun().id)?.status, "queued");
  assert.equal(listener.mock.callCount(), 1);
  stop();
  cache.merge([aRun({ revision: 6 })]);
  t.mock.timers.tick(1);
  assert.equal(listener.mock.callCount(), 1);
});

test("a run that is not listed does not come into the list by being looked at", () => {
  const cache = new RunCache();
  cache.mergeDetail(aRun());
  assert.equal(cache.runs.size, 0);
});

test("a decision is sent with what was on display, and its answer is the run", async () => {
  const model = aModel();
  const source = widgetSource(model);
  const decided = source.resume(aRun({ runs: 2 }), { json: '{"id": 9007199254740993}' });
  const sent = model.sent.at(-1);
  assert.deepEqual({ ...sent, seq: null }, { act: "resume", id: aRun().id, step: "approve", runs: 2, json: '{"id": 9007199254740993}', seq: null });
  model.receive({ seq: sent?.seq, ...tableOf({ status: "queued", revision: 4 }) });
  assert.equal((await decided).status, "queued");
});

test("the row that answers another page's decision is shown here too, and so is that of a refusal", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const model = aModel(tableOf({ revision: 3 }));
  const drawn = watched(widgetSource(model));
  model.receive({ seq: "another page's", ...tableOf({ status: "queued", revision: 4 }) });
  t.mock.timers.tick(1);
  model.receive({ seq: "another page's", error: "too late", ...tableOf({ status: "succeeded", revision: 6 }) });
  t.mock.timers.tick(1);
  assert.deepEqual(drawn, [[["suspended", 3]], [["queued", 4]], [["succeeded", 6]]]);
});

test("all pages are asked for one after the other, and then the list is complete", async () => {
  const model = aModel({}, false);
  const drawn = /** @type {boolean[]} */ ([]);
  widgetSource(model).watchList(200, /** @type {any} */ (null), (_runs, page) => drawn.push(page.complete), () => {});
  assert.equal(model.sent[0].cursor, "");
  model.receive({ seq: model.sent[0].seq, ...tableOf({}), next: "1.2.", now_ms: Date.now() });
  await settled();
  assert.equal(model.sent[1].cursor, "1.2.");
  model.receive({ seq: model.sent[1].seq, ...tableOf({ id: "b" }), next: null, now_ms: Date.now() });
  await new Promise((resolve) => { setTimeout(resolve, 1); });
  assert.deepEqual([drawn.at(0), drawn.at(-1)], [false, true]);
});

test("views of one model share what came", () => {
  const model = aModel(tableOf({}));
  const [first, second] = [watched(widgetSource(model)), watched(widgetSource(model))];
  assert.deepEqual([first[0], second[0]], [[["suspended", 3]], [["suspended", 3]]]);
  assert.equal(model.sent.length, 1);
});

test("a run by itself comes as a text, and keeps its digits", async () => {
  const model = aModel(tableOf({}));
  /** @type {string[]} */
  const drawn = [];
  const watch = widgetSource(model).watchRun(aRun().id, /** @type {any} */ (null), (run) => drawn.push(String(run.exports?.draft.id)), () => {});
  const asked = model.sent.find((message) => message.act === "detail");
  const text = JSON.stringify({ ...aRun(), exports: { draft: { id: "#" } } }).replace('"#"', "9007199254740993");
  model.receive({ seq: asked?.seq, run: text });
  await settled();
  watch.stop();
  assert.deepEqual(drawn, ["9007199254740993"]);
});
