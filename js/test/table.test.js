// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { comparison, matches, mostUrgentFirst } from "../src/table/arrangement.js";
import { divide, resultPhrase } from "../src/table/bulk.js";
import { COLUMNS, gridOf } from "../src/table/columns.js";
import { aPause, aRun, START } from "./support.js";

/** @import { Run } from "../src/types" */

const NO_FILTER = { statuses: /** @type {Set<any>} */ (new Set()), workflow: "", words: "" };
const ids = (/** @type {Run[]} */ runs) => runs.map((run) => run.id).join("");

test("those that wait for a person come first, of them those whose time ends first, then the newest", () => {
  const runs = [
    aRun({ id: "a", status: "running", pause: null, created_ms: START + 9 }),
    aRun({ id: "b", pause: aPause({ due_ms: START + 20 }) }),
    aRun({ id: "c", status: "succeeded", pause: null, created_ms: START + 10 }),
    aRun({ id: "d", pause: aPause({ due_ms: START + 10 }) }),
    aRun({ id: "e", pause: null }),
  ];
  assert.equal(ids(runs.sort(mostUrgentFirst)), "dbeca");
});

test("runs that are alike in everything keep an order of their own", () => {
  const runs = ["b", "c", "a"].map((id) => aRun({ id, pause: null }));
  assert.equal(ids(runs.sort(mostUrgentFirst)), "abc");
});

test("a column sorts both ways, and equals by urgency", () => {
  const runs = [aRun({ id: "a", workflow: "x", status: "failed" }), aRun({ id: "b", workflow: "y" }), aRun({ id: "c", workflow: "x" })];
  const key = (/** @type {Run} */ run) => run.workflow;
  assert.equal(ids([...runs].sort(comparison(key, false))), "cab");
  assert.equal(ids([...runs].sort(comparison(key, true))), "bca");
});

test("a search finds workflow, step, id and headline, in small letters", () => {
  const run = aRun({ workflow: "Letters", summary: "Pay the Plumber" });
  for (const words of ["letters", "approve", "01kbtf", "plumb"]) assert.ok(matches(run, { ...NO_FILTER, words }), words);
  assert.ok(!matches(run, { ...NO_FILTER, words: "baker" }));
});

test("filters hold together", () => {
  const run = aRun();
  assert.ok(matches(run, { statuses: new Set(["suspended"]), workflow: "letters", words: "" }));
  assert.ok(!matches(run, { statuses: new Set(["failed"]), workflow: "letters", words: "" }));
  assert.ok(!matches(run, { ...NO_FILTER, workflow: "other" }));
});

test("one approval of many leaves out those with a form and those that sleep, and says so", () => {
  const runs = [aRun({ id: "a" }), aRun({ id: "b", pause: aPause({ form: true }) }), aRun({ id: "c", status: "sleeping" }), aRun({ id: "d", status: "sleeping" })];
  const { meant, leftOut } = divide(runs, "resume");
  assert.equal(ids(meant), "a");
  assert.equal(leftOut, "1 run with a form is left out: answer it in its own row. 2 runs that sleep are left out.");
});

test("many are cancelled whatever they wait for", () => {
  const runs = [aRun({ id: "a", pause: aPause({ form: true }) }), aRun({ id: "b", status: "sleeping" })];
  assert.deepEqual(divide(runs, "cancel"), { meant: runs, leftOut: "" });
});

test("the result of many decisions counts those that moved on and repeats no error", () => {
  assert.equal(resultPhrase({ action: "cancel", done: 2, moved: 1, errors: ["Locked.", "Locked."] }), "2 runs cancelled by you just now. 1 run had moved on. 2 not: Locked.");
});

test("the grid of a wide table has every column once, below another where it says so", () => {
  const { columns, areas, headAreas } = gridOf(COLUMNS);
  const [first, second] = areas.slice(1, -1).split('" "').map((line) => line.split(" "));
  assert.equal(headAreas, `"${first.join(" ")}"`);
  assert.equal(first.length, second.length);
  assert.deepEqual(new Set([...first, ...second]), new Set(COLUMNS.map(({ key }) => key)));
  assert.equal(second[first.indexOf("workflow")], "step");
  assert.ok(columns.startsWith(COLUMNS[0].width ?? ""));
});
