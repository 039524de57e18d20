// @ts-check
// All attempts of a run, in order; of very many the last.

import { h, setText } from "../dom.js";
import { AttemptView } from "./attempt.js";

/** @import { RunDetail } from "../types" */

const MOST = 60;

export class Attempts {
  constructor() {
    /** @type {Map<string, AttemptView>} */
    this.views = new Map();
    this.el = h("div", { class: "pdnb-attempts" });
    /** @type {HTMLElement | null} */
    this.earlier = null;
  }

  /** @param {RunDetail} run @param {number} now */
  patch(run, now) {
    const all = run.attempts ?? [];
    const shown = all.slice(-MOST);
    if (all.length > shown.length) {
      this.earlier ??= this.el.appendChild(h("p", { class: "pdnb-quiet" }));
      setText(this.earlier, `${all.length - shown.length} earlier attempts are not shown.`);
    }
    const keys = new Set();
    for (const attempt of shown) {
      const key = `${attempt.position}/${attempt.runs}`;
      keys.add(key);
      let view = this.views.get(key);
      if (!view) {
        this.views.set(key, view = new AttemptView());
        this.el.append(view.el);
      }
      view.patch(attempt, run, now);
    }
    for (const [key, view] of this.views) {
      if (keys.has(key)) continue;
      view.el.remove();
      this.views.delete(key);
    }
  }

  /** Which have opened by themselves, and whether people left them open: `[key, open]`. @returns {[string, boolean][]} */
  get open() {
    return [...this.views].filter(([, view]) => view.opened).map(([key, view]) => [key, view.el.open]);
  }

  set open(keys) {
    for (const [key, open] of keys) {
      const view = this.views.get(key);
      if (view) [view.opened, view.el.open] = [true, open];
    }
  }
}
