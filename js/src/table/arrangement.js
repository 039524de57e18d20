// @ts-check
// Which runs a table shows, and in what order.

import { headline } from "../run.js";

/**
 * @import { Run, Status } from "../types"
 * @typedef {{ statuses: ReadonlySet<Status>, workflow: string, words: string }} Filter what is empty filters nothing; words in small letters
 * @typedef {(run: Run) => string | number} SortKey
 */

/** The run is among those that *filter* lets through. @param {Run} run @param {Filter} filter */
export function matches(run, { statuses, workflow, words }) {
  return (!statuses.size || statuses.has(run.status)) && (!workflow || run.workflow === workflow)
    && (!words || `${run.workflow}\n${run.step}\n${run.id}\n${headline(run)}`.toLowerCase().includes(words));
}

/** @param {Filter} filter */
export const filtersSomething = ({ statuses, workflow, words }) => Boolean(statuses.size || workflow || words);

/** Those that wait for a person first, of them those whose time ends first; then the newest. @param {Run} a @param {Run} b */
export function mostUrgentFirst(a, b) {
  return Number(b.status === "suspended") - Number(a.status === "suspended")
    || (a.status === "suspended" ? (a.pause?.due_ms ?? Infinity) - (b.pause?.due_ms ?? Infinity) || 0 : 0)
    || b.created_ms - a.created_ms || (a.id < b.id ? -1 : 1);
}

/** Compares by *key*; equals by urgency. @param {SortKey} key @param {boolean} descending @returns {(a: Run, b: Run) => number} */
export function comparison(key, descending) {
  const sign = descending ? -1 : 1;
  return (a, b) => {
    const [x, y] = [key(a), key(b)];
    if (x < y) return -sign;
    return x > y ? sign : mostUrgentFirst(a, b);
  };
}
