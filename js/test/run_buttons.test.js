// @ts-check
import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { Gate, HOLD_MS, listenForPresses } from "../src/run_buttons.js";
import { RequestError } from "../src/sources/request_error.js";
import { VERBS } from "../src/vocabulary.js";
import { aPause, aRun, settled, useDocument } from "./support.js";

/** @import { Source } from "../src/types" */
/** @import { GateOptions } from "../src/run_buttons.js" */

let now = 0;
mock.method(performance, "now", () => now);
mock.timers.enable({ apis: ["setTimeout"] });
beforeEach(() => { useDocument(); now += 1_000_000; });

/** A gate whose source and surroundings only write down what they are asked. @param {{ sure?: object | null, refuses?: RequestError, form?: boolean }} given */
function aGate({ sure = { reason: "" }, refuses, form = false } = {}) {
  const request = mock.fn(async () => { if (refuses) throw refuses; return aRun({ status: "queued", revision: 4 }); });
  const [onAnswer, openForm] = [mock.fn(), mock.fn()];
  const confirmation = { open: mock.fn(async () => sure) };
  const source = /** @type {Source} */ (/** @type {unknown} */ ({ resume: request, cancel: request, retry: request }));
  const options = /** @type {GateOptions} */ (/** @type {unknown} */ ({ confirmation, onAnswer, openForm: form ? openForm : undefined }));
  return { gate: new Gate(source, options), request, onAnswer, openForm, confirmation };
}

const visible = (/** @type {Gate} */ gate) => gate.buttons.filter((button) => !button.hidden).map((button) => button.textContent);

test("a run offers the buttons of its status, and none while there is nothing to decide", () => {
  const { gate } = aGate();
  gate.patch(aRun());
  assert.deepEqual(visible(gate), [VERBS.resume.buttons.suspended, VERBS.cancel.buttons.suspended]);
  gate.patch(aRun({ status: "sleeping" }));
  assert.deepEqual(visible(gate), [VERBS.resume.buttons.sleeping, VERBS.cancel.buttons.sleeping]);
  gate.patch(aRun({ status: "failed" }));
  assert.deepEqual(visible(gate), [VERBS.retry.buttons.failed]);
  gate.patch(aRun({ status: "running" }));
  assert.equal(gate.el.hidden, true);
});

test("a button that has just changed its meaning takes no press, and takes one after a moment", async () => {
  const { gate, request } = aGate();
  gate.patch(aRun());
  gate.patch(aRun({ step: "publish", position: 2 }));
  await gate.press("resume");
  assert.equal(request.mock.callCount(), 0);
  now += HOLD_MS;
  await gate.press("resume");
  assert.equal(request.mock.callCount(), 1);
});

test("what was first shown, and what changes without a new meaning, is not held", () => {
  const { gate } = aGate();
  gate.patch(aRun());
  assert.equal(gate.inactive, false);
  gate.patch(aRun({ revision: 4, summary: "new" }));
  assert.equal(gate.inactive, false);
});

test("a second press while a request is under way sends nothing", async () => {
  const { gate, request } = aGate();
  gate.patch(aRun());
  const first = gate.press("resume");
  assert.equal(gate.resumeButton.textContent, VERBS.resume.busy);
  await gate.press("resume");
  await first;
  assert.equal(request.mock.callCount(), 1);
});

test("a decision is about what was on display when the button was pressed", async () => {
  const { gate, request, onAnswer } = aGate();
  const run = aRun();
  gate.patch(run);
  await gate.press("resume");
  assert.equal(/** @type {any[]} */ (request.mock.calls[0].arguments)[0], run);
  assert.deepEqual(onAnswer.mock.calls[0].arguments.slice(0, 1), [run]);
});

test("nothing is cancelled without a yes", async () => {
  const { gate, request } = aGate({ sure: null });
  gate.patch(aRun());
  await gate.press("cancel");
  assert.equal(request.mock.callCount(), 0);
});

test("nothing is cancelled if the run has moved on while people were asked", async () => {
  const { gate, request, confirmation } = aGate();
  gate.patch(aRun());
  confirmation.open.mock.mockImplementation(async () => { gate.patch(aRun({ step: "publish", position: 2 })); return { reason: "" }; });
  await gate.press("cancel");
  assert.equal(request.mock.callCount(), 0);
  assert.match(gate.notice.textContent ?? "", /nothing was cancelled/);
});

test("a refusal is told beside the button, but the problems of a form at its fields", async () => {
  const refused = aGate({ refuses: new RequestError("Too late.") });
  refused.gate.patch(aRun());
  await refused.gate.press("resume");
  assert.deepEqual([refused.gate.notice.textContent, refused.gate.notice.hidden], ["Too late.", false]);
  const wrong = aGate({ refuses: new RequestError("Wrong.", 422, ["n: 1"]) });
  wrong.gate.patch(aRun());
  await wrong.gate.press("resume");
  assert.equal(wrong.gate.notice.hidden, true);
});

test("where a form is filled elsewhere, its button opens it and sends nothing", async () => {
  const { gate, request, openForm } = aGate({ form: true });
  gate.patch(aRun({ pause: aPause({ form: true }) }));
  assert.equal(visible(gate)[0], VERBS.answer.buttons.suspended);
  await gate.press("resume");
  assert.deepEqual([request.mock.callCount(), openForm.mock.callCount()], [0, 1]);
});

test("a press by pointer counts only if it began on the same meaning; a key needs no beginning", async () => {
  const { gate, request } = aGate();
  const root = document.createElement("div");
  root.append(gate.el);
  listenForPresses(root);
  gate.patch(aRun());
  const { Event: DomEvent } = /** @type {typeof globalThis} */ (/** @type {unknown} */ (document.defaultView));
  const fire = (/** @type {string} */ type, detail = 1) => gate.resumeButton.dispatchEvent(Object.assign(new DomEvent(type, { bubbles: true }), { detail }));
  fire("pointerdown");
  gate.patch(aRun({ step: "publish", position: 2 }));
  now += HOLD_MS;
  fire("click");
  fire("click");  // without any beginning
  await settled();
  assert.equal(request.mock.callCount(), 0);
  fire("click", 0);
  await settled();
  assert.equal(request.mock.callCount(), 1);
});
