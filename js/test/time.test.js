// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { Clock, duration, moment, span, timeLeft, wholeMinutes } from "../src/time.js";

const MIN = 60_000;
const HOUR = 60 * MIN;
const DAY = 24 * HOUR;

test("a length of time has at most two units, and none that is zero", () => {
  const lengths = [-5, 0, 59_999, MIN, 90_000, HOUR, DAY - 1, DAY, DAY + 2 * HOUR + MIN];
  assert.deepEqual(lengths.map(span), ["0 s", "0 s", "59 s", "1 min", "1 min 30 s", "1 h", "23 h 59 min", "1 d", "1 d 2 h"]);
});

test("whole minutes do not change within a minute", () => {
  assert.equal(wholeMinutes(5 * MIN + 59_000), "5 min");
});

test("short work is told in parts of a second", () => {
  assert.deepEqual([412.4, 1_800, 61_000].map(duration), ["412 ms", "1.8 s", "1 min 1 s"]);
});

test("a moment has no more date than today needs", () => {
  const now = new Date(2026, 10, 20, 12, 0).getTime();
  assert.equal(moment(new Date(2026, 10, 20, 9, 5).getTime(), now), "09:05");
  assert.equal(moment(new Date(2026, 10, 19, 9, 5).getTime(), now), "19 Nov 09:05");
  assert.equal(moment(new Date(2025, 0, 2, 23, 59).getTime(), now), "2 Jan 2025 23:59");
});

test("what is due within a second comes any moment", () => {
  assert.equal(timeLeft(1_999, 1_000), "any moment");
  assert.equal(timeLeft(2_000, 1_000), "in 1 s");
});

test("a clock that is wrong here follows the server's, and small differences are left alone", () => {
  const clock = new Clock(() => 1_000_000);
  clock.learn(1_000_000 + HOUR);
  assert.equal(clock.now(), 1_000_000 + HOUR);
  clock.learn(1_001_500);
  assert.equal(clock.now(), 1_000_000);
});

test("an answer without a date teaches nothing", () => {
  const clock = new Clock(() => 1_000_000);
  clock.learn(5 * HOUR);
  const before = clock.now();
  clock.learnFromHeader(null);
  assert.equal(clock.now(), before);
  clock.learnFromHeader(new Date(9 * HOUR).toUTCString());
  assert.equal(clock.now(), 9 * HOUR + 500);
});
