// @ts-check
// The words, signs and buttons people read; written by Python (`python -m pdnb.views.vocabulary`), never here.

import vocabulary from "./vocabulary.json" with { type: "json" };

/**
 * @typedef {{ word: string, sign: string, tone: string }} StateWords
 * @typedef {StateWords & { phrase: string, waits: boolean, over: boolean }} StatusWords
 * @typedef {{ buttons: Record<string, string>, done: Record<string, string>, busy: string, confirm: string | null, warning: string | null }} Verb
 * @typedef {{ resumed: string, due: string }} PauseWords
 */

/** @type {Record<string, StatusWords>} */
export const STATUSES = vocabulary.statuses;
/** @type {Record<string, StateWords>} */
export const STEP_STATES = vocabulary.step_states;
/** @type {Record<string, { word: string, state: string }>} */
export const OUTCOMES = vocabulary.outcomes;
/** @type {Record<string, PauseWords>} */
export const PAUSES = vocabulary.pauses;
/** @type {Record<string, { subject: string, verb: string }>} */
export const THEN = vocabulary.then;
/** @type {Record<string, Verb>} */
export const VERBS = vocabulary.verbs;
/** @type {Record<string, string>} */
export const DECISIONS = vocabulary.decisions;
/** @type {Record<string, string>} */
export const EARLY = vocabulary.early;
/** @type {Record<string, string>} */
export const VIA = vocabulary.via;
