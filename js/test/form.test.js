// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { exactText, parseExact } from "../src/exact.js";
import { awareLines, awareOf, isAware, localOf } from "../src/form/moments.js";
import { answerOfComment, answerOfFields, placeProblem, rangePhrase } from "../src/form/values.js";
import { aField } from "./support.js";

process.env.TZ = "Europe/Berlin";

test("no digit of a number is lost on its way through JavaScript", () => {
  const numbers = ["9007199254740993", "-123456789012345678901234567890", "0.12345678901234567890123", "7.0", "1e+16", "1E400", "-0", "12", "0.1"];
  for (const number of numbers) assert.equal(exactText(parseExact(number)), number);
  const text = `{"id":9007199254740993,"list":[1.10,{"n":1}],"text":"9007199254740993"}`;
  assert.equal(exactText(parseExact(text)), text);
  assert.equal(String(parseExact(text).id), "9007199254740993");
});

test("what JavaScript's numbers hold is one of them", () => {
  assert.deepEqual(parseExact('{"created_ms": 1764254283000, "share": 0.5}'), { created_ms: 1764254283000, share: 0.5 });
});

test("a moment is shown in the browser's zone and sent with its offset, in summer as in winter", () => {
  assert.equal(localOf("2026-01-01T09:00:00Z"), "2026-01-01T10:00:00");
  assert.equal(localOf("2026-07-01T09:00:00.5-05:00"), "2026-07-01T16:00:00.500");
  assert.equal(awareOf("2026-01-01T10:00"), "2026-01-01T10:00:00+01:00");
  assert.equal(awareOf("2026-07-01T10:00:30.500"), "2026-07-01T10:00:30.500+02:00");
});

test("a list of moments is one of this zone, line by line", () => {
  const lines = "2026-01-01T09:00\n2026-07-01 09:00:30\n2026-01-01T09:00:00Z\nsoon\n";
  assert.equal(awareLines(lines), "2026-01-01T09:00:00+01:00\n2026-07-01T09:00:30+02:00\n2026-01-01T09:00:00Z\nsoon\n");
});

test("an hour that the clocks skip is one hour later", () => {
  assert.equal(awareOf("2026-03-29T02:30"), "2026-03-29T03:30:00+02:00");
});

test("a moment without an offset is local already, and what is none is not shown", () => {
  assert.deepEqual([isAware("2026-01-01T09:00:00"), localOf("2026-01-01 09:00:00.123456")], [false, "2026-01-01T09:00:00.123"]);
  assert.deepEqual(["soon", "", "2026-13-01T00:00:00Z"].map(localOf), ["", "", ""]);
  assert.equal(awareOf(""), "");
});

test("zones west of Greenwich and those of half an hour have their offset", () => {
  for (const [zone, offset] of [["America/St_Johns", "-03:30"], ["Asia/Kolkata", "+05:30"], ["UTC", "+00:00"]]) {
    process.env.TZ = zone;
    assert.equal(awareOf("2026-01-01T10:00"), `2026-01-01T10:00:00${offset}`);
  }
  process.env.TZ = "Europe/Berlin";
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
  assert.deepEqual(answerOfComment(" fine "), { json: '{"comment":"fine"}' });
  assert.deepEqual(answerOfComment(' {"n": 9007199254740993} '), { json: '{"n": 9007199254740993}' });
  assert.deepEqual(answerOfComment("[1.0]"), { json: "[1.0]" });
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
