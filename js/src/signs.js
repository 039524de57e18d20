// @ts-check
// The signs of states, drawn: the shape alone tells the states apart, for those who see no colours.

import { h, setAttribute, setText, svg } from "./dom.js";
import { presentState } from "./run.js";
import { STATUSES } from "./vocabulary.js";

/** @import { Run, StepState } from "./types" */

const ROUND = "M10 2a8 8 0 1 0 0 16 8 8 0 1 0 0-16Z";

/** State → outline, what stands in it. @type {Record<StepState, [string, string]>} */
const PATHS = {
  done: [ROUND, "m6.4 10.3 2.5 2.5 4.8-5.2"],
  running: [ROUND, "M10 5.2A4.8 4.8 0 0 1 14.8 10"],
  suspended: ["M10 1 19 10 10 19 1 10Z", "M8.2 7.4v5.2M11.8 7.4v5.2"],
  sleeping: [ROUND, "M10 5.8V10l2.9 1.8"],
  failed: ["M6.6 2h6.8L18 6.6v6.8L13.4 18H6.6L2 13.4V6.6Z", "m7.3 7.3 5.4 5.4M12.7 7.3l-5.4 5.4"],
  cancelled: [ROUND, "M6.4 10h7.2"],
  queued: [ROUND, "M7 10h.01M10 10h.01M13 10h.01"],
  upcoming: [ROUND, ""],
  unreached: [ROUND, ""],
};

/** A sign that shows the state it is given. */
export class Sign {
  constructor() {
    this.outline = svg("path");
    this.inside = svg("path");
    this.el = svg("svg", { viewBox: "0 0 20 20", class: "pdnb-mark", "aria-hidden": "true" }, this.outline, this.inside);
  }

  /** @param {StepState} state */
  patch(state) {
    if (this.el.dataset.state === state) return;
    this.el.dataset.state = state;
    const [outline, inside] = PATHS[state];
    this.outline.setAttribute("d", outline);
    this.inside.setAttribute("d", inside);
  }
}

/** A run's status: its sign and its word on its colour. */
export class StatusPill {
  constructor() {
    this.sign = new Sign();
    this.word = h("span");
    this.el = h("span", { class: "pdnb-pill" }, this.sign.el, this.word);
  }

  /** @param {Run} run */
  patch(run) {
    const state = presentState(run);
    setAttribute(this.el, "data-state", state);
    this.sign.patch(state);
    setText(this.word, STATUSES[run.status].word);
  }
}
