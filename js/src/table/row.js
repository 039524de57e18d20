// @ts-check
// One run in the table.

import { h, setAttribute } from "../dom.js";
import { Gate } from "../run_buttons.js";
import { decisionKey, isOver } from "../run.js";
import { COLUMNS } from "./columns.js";

/**
 * @import { Run, Source } from "../types"
 * @import { GateOptions } from "../run_buttons.js"
 */

/** @type {WeakMap<Element, Row>} */
const ROWS = new WeakMap();

/** The row that *el* stands in. @param {EventTarget | null} el */
export const rowOf = (el) => (el instanceof Element ? ROWS.get(el.closest("tr") ?? el) : undefined);

export class Row {
  /** @param {Source} source @param {GateOptions} gateOptions @param {Run} run @param {number} now */
  constructor(source, gateOptions, run, now) {
    this.source = source;
    this.gateOptions = gateOptions;
    this.run = run;
    /** @type {Gate | null} */
    this.gate = null;
    this.tabStop = false;
    this.el = h("tr", { "data-run": "", role: "row" });
    ROWS.set(this.el, this);
    this.cells = COLUMNS.map((column) => {
      const attributes = { class: cellClass(column), role: column.rowHeader ? "rowheader" : "gridcell", scope: column.rowHeader ? "row" : null };
      const td = h(column.rowHeader ? "th" : "td", attributes);
      td.style.gridArea = column.key;
      this.el.append(td);
      return { key: column.key, td, ...column.cell(td) };
    });
    this.box = /** @type {HTMLInputElement} */ (this.cell("check").control);
    this.open = /** @type {HTMLButtonElement} */ (this.cell("workflow").control);
    this.patch(run, now);
  }

  /** @param {string} key */
  cell(key) {
    const found = this.cells.find((cell) => cell.key === key);
    if (!found) throw new Error(`the table has no column ${key}`);
    return found;
  }

  /** @param {Run} run @param {number} now */
  patch(run, now) {
    const isNew = this.run === run;
    this.run = run;
    for (const cell of this.cells) cell.patch?.(run, now);
    if (!this.gate && decisionKey(run) !== null) this.gate = this.makeGate(isNew);
    this.gate?.patch(run);
  }

  /** @param {boolean} rowIsNew */
  makeGate(rowIsNew) {
    const gate = new Gate(this.source, this.gateOptions);
    if (!rowIsNew) gate.key = null;  // it appears where none was: held like any change of meaning
    this.cell("actions").td.append(gate.el);
    for (const button of gate.buttons) {
      setAttribute(button, "data-control", button.dataset.act);
      setAttribute(button, "tabindex", this.tabStop ? "0" : "-1");
    }
    return gate;
  }

  /** Whether Tab stops here: in one row of all. @param {boolean} yes */
  setTabStop(yes) {
    if (this.tabStop === yes) return;
    this.tabStop = yes;
    for (const control of this.controls) setAttribute(control, "tabindex", yes ? "0" : "-1");
  }

  /** @param {boolean} yes @param {boolean} selectable */
  setSelected(yes, selectable) {
    this.box.checked = yes;
    setAttribute(this.el, "aria-selected", selectable ? String(yes) : null);
  }

  get controls() { return [this.box, this.open, ...(this.gate?.buttons ?? [])]; }

  /** It shows a request under way or its outcome, and must not go. */
  get busy() { return this.gate !== null && (this.gate.busy !== null || !this.gate.notice.hidden); }

  /** @param {number} now */
  tick(now) {
    if (!isOver(this.run)) for (const cell of this.cells) cell.tick?.(this.run, now);
  }
}

/** @param {import("./columns.js").Column} column */
export const cellClass = ({ key, wideOnly }) => `pdnb-${key}${wideOnly ? " pdnb-wide-only" : ""}`;
