// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { decodeRows } from "../src/sources/rows.js";

test("a row has its own cells, what all have in common, and the choice that its number names", () => {
  const table = { fields: ["id", "status"], rows: [["a", 0], ["b", 1], ["c", 0]], constants: { steps: ["one", "two"] }, choices: { status: ["queued", null] }, bases: {} };
  assert.deepEqual(decodeRows(table), [
    { id: "a", status: "queued", steps: ["one", "two"] },
    { id: "b", status: null, steps: ["one", "two"] },
    { id: "c", status: "queued", steps: ["one", "two"] },
  ]);
});

test("members are put together to an object, and an object without a value in any member is null", () => {
  const constants = { "pause.by": null, "early.at_ms": null };
  const table = { fields: ["pause.due_ms", "pause.kind"], rows: [[5, 0], [null, 1]], constants, choices: { "pause.kind": ["delay", null] }, bases: {} };
  assert.deepEqual(decodeRows(table), [{ pause: { by: null, due_ms: 5, kind: "delay" }, early: null }, { pause: null, early: null }]);
});

test("a member that is false or zero is a value", () => {
  const table = { fields: ["pause.form"], rows: [[false], [0], [null]], constants: {}, choices: {}, bases: {} };
  assert.deepEqual(decodeRows(table).map(({ pause }) => pause), [{ form: false }, { form: 0 }, null]);
});

test("rows in which nothing differs are still as many", () => {
  assert.deepEqual(decodeRows({ fields: [], rows: [[], []], constants: { id: "a" }, choices: {}, bases: {} }), [{ id: "a" }, { id: "a" }]);
});

test("a large number is so much more than the base of its field, and none stays none", () => {
  const table = { fields: ["at_ms"], rows: [[5], [null], [0]], constants: {}, choices: {}, bases: { at_ms: 1_700_000_000_000 } };
  assert.deepEqual(decodeRows(table).map(({ at_ms }) => at_ms), [1_700_000_000_005, null, 1_700_000_000_000]);
});
