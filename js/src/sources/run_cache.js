// @ts-check
// The runs that a front end knows, each in its newest revision; those who show them are told together.

import { withoutDetail } from "../run.js";

/** @import { Run } from "../types" */

export class RunCache {
  constructor() {
    /** @type {Map<string, Run>} */
    this.runs = new Map();
    /** Whether every run of the list has been here. */
    this.complete = false;
    /** @type {Set<() => void>} */
    this.listeners = new Set();
    this.scheduled = false;
  }

  /** Keep what is new in *runs*. @param {Run[]} runs as lists show them */
  merge(runs) {
    for (const run of runs) {
      const known = this.runs.get(run.id);
      if (!known || known.revision < run.revision) this.runs.set(run.id, run);
    }
    this.changed();
  }

  /** What is asked for by itself is kept only of runs that are listed. @param {Run} run */
  mergeDetail(run) {
    if (this.runs.has(run.id)) this.merge([withoutDetail(run)]);
  }

  /** @param {string} id */
  revision(id) { return this.runs.get(id)?.revision; }

  /** Call *listener* after changes, many at once. @param {() => void} listener @returns {() => void} what stops that */
  listen(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  changed() {
    if (this.scheduled) return;
    this.scheduled = true;
    setTimeout(() => {
      this.scheduled = false;
      for (const listener of [...this.listeners]) listener();
    }, 0);
  }
}
