// @ts-check
// The runs that a person has selected: each as it was then, because a run that has moved on is another question.

import { button, h, setText, show } from "../dom.js";
import { counted } from "../phrases.js";
import { decisionKey, isPaused } from "../run.js";
import { VERBS } from "../vocabulary.js";

/** @import { Action, Run } from "../types" */

export class Selection {
  /** @param {() => void} onChange */
  constructor(onChange) {
    this.onChange = onChange;
    /** By id, with the decision that it would be about. @type {Map<string, string | null>} */
    this.keys = new Map();
    /** Where a range begins. @type {string | null} */
    this.anchor = null;
    this.deciding = false;
    /** @type {Run[]} */
    this.shown = [];
    this.all = h("input", { type: "checkbox", "aria-label": "Select all shown runs that wait" });
    this.all.addEventListener("change", () => {
      for (const run of this.shown.filter(isPaused)) this.set(run, this.all.checked);
      this.onChange();
    });
    this.count = h("span", { class: "pdnb-bulk-count" });
    this.approve = button("pdnb-go", VERBS.resume.buttons.suspended, { "data-bulk": "resume" });
    this.cancel = button("", VERBS.cancel.buttons.suspended, { "data-bulk": "cancel" });
    this.clear = button("pdnb-quiet-button", "Clear selection");
    this.notice = h("span", { class: "pdnb-hint", role: "status" });
    this.el = h("div", { class: "pdnb-bulk", role: "group", "aria-label": "Selected runs", hidden: "" }, this.count, this.approve, this.cancel, this.clear, this.notice);
  }

  /** @param {string} id */
  has(id) { return this.keys.has(id); }

  /** @param {Run} run @param {boolean} yes */
  set(run, yes) {
    if (yes) this.keys.set(run.id, decisionKey(run)); else this.keys.delete(run.id);
  }

  /** Select a run, or with *range* all from the one before to it. @param {Run} run @param {boolean} yes @param {boolean} range */
  choose(run, yes, range) {
    const index = (/** @type {string | null} */ id) => this.shown.findIndex((each) => each.id === id);
    const to = index(run.id);
    const anchor = range ? index(this.anchor) : to;
    const from = anchor < 0 ? to : anchor;
    for (const each of this.shown.slice(Math.min(from, to), Math.max(from, to) + 1)) if (isPaused(each)) this.set(each, yes);
    this.anchor = run.id;
    this.onChange();
  }

  /** Forget those that have moved on. @param {ReadonlyMap<string, Run>} runs */
  prune(runs) {
    for (const [id, key] of this.keys) {
      const run = runs.get(id);
      if (!run || decisionKey(run) !== key || !isPaused(run)) this.keys.delete(id);
    }
  }

  /** @param {Run[]} shown */
  draw(shown) {
    this.shown = shown;
    const paused = shown.filter(isPaused);
    const selected = paused.filter((run) => this.keys.has(run.id)).length;
    this.all.checked = selected > 0 && selected === paused.length;
    this.all.indeterminate = selected > 0 && selected < paused.length;
    show(this.all, paused.length);
    const { size } = this.keys;
    setText(this.count, `${counted(size)} selected${size > selected ? `, ${counted(size - selected)} of them not shown` : ""}`);
    show(this.el, size || this.deciding || this.notice.textContent);
    for (const each of [this.approve, this.cancel, this.clear]) show(each, size && !this.deciding);
    show(this.count, size);
  }

  /** @param {(action: Action) => void} decide @param {() => void} onClear */
  listen(decide, onClear) {
    this.approve.addEventListener("click", () => decide("resume"));
    this.cancel.addEventListener("click", () => decide("cancel"));
    this.clear.addEventListener("click", () => { this.keys.clear(); onClear(); });
  }
}
