// @ts-check
// Run documents for tests, and a document to draw in.

import { parseHTML } from "linkedom";

/** @import { Attempt, Field, Pause, RunDetail } from "../src/types" */

export const START = Date.UTC(2026, 10, 20, 9, 0);

/** A run that waits for a person at the second of three steps. @param {Partial<RunDetail>} differences @returns {RunDetail} */
export const aRun = (differences = {}) => ({
  id: "01kbtf7q0000000000aa", workflow: "letters", steps: ["draft", "approve", "publish"], step: "approve", position: 1, runs: 1,
  status: "suspended", revision: 3, created_ms: START, since_ms: START + 1_000, ended_ms: null, pause: aPause(), early: null, decision: null,
  error: null, summary: null, credits: 1, by: "Ada", ...differences,
});

/** @param {Partial<Pause>} differences @returns {Pause} */
export const aPause = (differences = {}) => ({
  kind: "suspend", since_ms: START + 1_000, due_ms: START + 86_400_000, on_timeout: "cancel", confirm: true, form: false, ...differences,
});

/** @param {Partial<Attempt>} differences @returns {Attempt} */
export const anAttempt = (differences = {}) => ({ step: "draft", position: 0, runs: 1, started_ms: START, ended_ms: START + 500, outcome: "returned", ...differences });

/** @param {Partial<Field>} differences @returns {Field} */
export const aField = (differences = {}) => ({
  name: "n", title: "Number", description: "", kind: "text", required: false, strings: [""], hint: "", choices: [],
  minimum: null, maximum: null, step: null, max_length: null, placeholder: null, ...differences,
});

/** Make `document` and the classes of its nodes global, as in a browser. */
export function useDocument() {
  const window = parseHTML("<!doctype html><html><body></body></html>");
  const { document, DOMParser, Element, HTMLElement, HTMLInputElement, Text } = window;
  Object.assign(globalThis, { document, DOMParser, Element, HTMLElement, HTMLInputElement, Text });
  return document;
}

/** Let everything happen that waits for nothing but its turn. */
export const settled = () => new Promise((resolve) => { setImmediate(resolve); });
