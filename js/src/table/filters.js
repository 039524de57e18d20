// @ts-check
// Search, workflow and statuses: which runs the table shows.

import { h, setAttribute, setText, show, uniqueId } from "../dom.js";
import { counted } from "../phrases.js";
import { Sign } from "../signs.js";
import { STATUSES } from "../vocabulary.js";
import { SORTED_STATUSES } from "./columns.js";

/** @import { Run, Status, StepState } from "../types" */

export class Filters {
  /** @param {() => void} onChange */
  constructor(onChange) {
    this.onChange = onChange;
    /** @type {Set<Status>} */
    this.statuses = new Set();
    this.workflow = "";
    this.words = "";
    this.names = "";
    this.search = h("input", { type: "search", class: "pdnb-input", id: uniqueId(), placeholder: "Search", "aria-label": "Search runs", autocomplete: "off", spellcheck: "false" });
    this.select = h("select", { class: "pdnb-input", id: uniqueId(), "aria-label": "Workflow" });
    this.chips = new Map(SORTED_STATUSES.map((status) => [status, this.makeChip(status)]));
    this.el = h("div", { class: "pdnb-tools", role: "group", "aria-label": "Which runs are shown" }, this.search, this.select,
      h("div", { class: "pdnb-chips", role: "group", "aria-label": "Status" }, ...[...this.chips.values()].map(({ el }) => el)));
    this.search.addEventListener("input", () => { this.words = this.search.value.trim().toLowerCase(); onChange(); });
    this.search.addEventListener("keydown", (event) => { if (event.key === "Escape" && this.search.value) event.stopPropagation(); });  // it clears the words
    this.select.addEventListener("change", () => { this.workflow = this.select.value; onChange(); });
  }

  /** @param {Status} status */
  makeChip(status) {
    const [sign, number] = [new Sign(), h("span", { class: "pdnb-number" })];
    const state = /** @type {StepState} */ (status === "succeeded" ? "done" : status);
    sign.patch(state);
    const el = h("button", { type: "button", class: "pdnb-chip", "aria-pressed": "false", "data-state": state }, sign.el, h("span", {}, STATUSES[status].word), number);
    el.addEventListener("click", () => {
      if (!this.statuses.delete(status)) this.statuses.add(status);
      setAttribute(el, "aria-pressed", String(this.statuses.has(status)));
      this.onChange();
    });
    return { el, number };
  }

  clear() {
    this.statuses.clear();
    [this.workflow, this.words, this.search.value, this.select.value] = ["", "", "", ""];
    for (const { el } of this.chips.values()) setAttribute(el, "aria-pressed", "false");
    this.onChange();
  }

  /** Offer what there is among *runs*. @param {Run[]} runs @returns {number} how many wait for a person */
  patch(runs) {
    /** @type {Map<Status, number>} */
    const counts = new Map();
    const workflows = new Set();
    for (const run of runs) {
      counts.set(run.status, (counts.get(run.status) ?? 0) + 1);
      workflows.add(run.workflow);
    }
    for (const [status, { el, number }] of this.chips) {
      const count = counts.get(status) ?? 0;
      setText(number, count.toLocaleString("en"));
      show(el, count || this.statuses.has(status));
      setAttribute(el, "aria-label", `${STATUSES[status].word}: ${counted(count)}`);
    }
    this.patchWorkflows([...workflows].sort());
    show(this.el, runs.length);
    return counts.get("suspended") ?? 0;
  }

  /** @param {string[]} names */
  patchWorkflows(names) {
    if (names.join("\n") !== this.names) {
      this.names = names.join("\n");
      this.select.replaceChildren(h("option", { value: "" }, "All workflows"), ...names.map((name) => h("option", { value: name }, name)));
      this.select.value = this.workflow;
    }
    show(this.select, names.length > 1 || this.workflow);
  }
}
