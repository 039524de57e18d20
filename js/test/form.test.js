// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { answerOfComment, answerOfFields, initialStrings, placeProblem, rangePhrase } from "../src/form/values.js";
import { aField } from "./support.js";

const CHOICES = [{ key: "0", label: "One", value: 1 }, { key: "1", label: "Both", value: [1, 2] }];

test("a field begins with its default as the string an HTML form would send", () => {
  assert.deepEqual(initialStrings(aField()), [""]);
  assert.deepEqual(initialStrings(aField({ default: 7 })), ["7"]);
  assert.deepEqual(initialStrings(aField({ kind: "json", default: { a: 1 } })), ['{\n  "a": 1\n}']);
  assert.deepEqual(initialStrings(aField({ kind: "boolean", default: true })), ["on"]);
  assert.deepEqual(initialStrings(aField({ kind: "boolean", default: "true" })), []);
});

test("a choice begins with the key of its default's value, also where that is a list", () => {
  assert.deepEqual(initialStrings(aField({ kind: "choice", choices: CHOICES, default: [1, 2] })), ["1"]);
  assert.deepEqual(initialStrings(aField({ kind: "choice", choices: CHOICES, default: 9 })), [""]);
  assert.deepEqual(initialStrings(aField({ kind: "choices", choices: CHOICES, default: [1, 9] })), ["0"]);
});

test("what is not ticked is not sent, and many choices are a list even if one is ticked", () => {
  const filled = [
    { field: aField({ name: "a" }), strings: ["x"] },
    { field: aField({ name: "b", kind: "boolean" }), strings: [] },
    { field: aField({ name: "c", kind: "choices" }), strings: ["0"] },
  ];
  assert.deepEqual(answerOfFields(filled), { fields: { a: "x", c: ["0"] } });
});

test("a comment is sent as one, and JSON as it is", () => {
  assert.deepEqual(answerOfComment("  "), {});
  assert.deepEqual(answerOfComment(" fine "), { body: { comment: "fine" } });
  assert.deepEqual(answerOfComment('{"n": 1}'), { body: { n: 1 } });
  assert.deepEqual(answerOfComment("[1]"), { body: [1] });
});

test("what begins like JSON and is none is not sent", () => {
  assert.throws(() => answerOfComment("{n: 1}"), /begins like JSON but is none/);
});

test("a problem is placed at the field with the longest name that it begins with", () => {
  const views = [{ field: aField({ name: "item" }) }, { field: aField({ name: "item.name" }) }];
  assert.deepEqual(placeProblem("item.name: too long", views), { view: views[1], text: "too long" });
  assert.deepEqual(placeProblem("item[2]: too long", views), { view: views[0], text: "[2]: too long" });
  assert.deepEqual(placeProblem("items: too many", views), { view: null, text: "items: too many" });
});

test("numbers say what they take", () => {
  const range = (/** @type {object} */ given) => rangePhrase(aField({ kind: "number", ...given }));
  assert.deepEqual([range({ minimum: 0, maximum: 9 }), range({ minimum: 0 }), range({ maximum: 0 }), range({})], ["From 0 to 9.", "At least 0.", "At most 0.", ""]);
  assert.equal(rangePhrase(aField({ kind: "text", minimum: 1 })), "");
});
