// @ts-check
// The part of a long table that is in sight: only its rows are in the document. Tab stops at one row.

import { h, setAttribute } from "../dom.js";
import { isPaused } from "../run.js";
import { clock } from "../time.js";
import { rowOf } from "./row.js";

/**
 * @import { Run } from "../types"
 * @import { Row } from "./row.js"
 *
 * Where the focus is: the run, its place in the list, and which control of its row.
 * @typedef {{ id: string, index: number, control: string }} Focus
 */

const OVERSCAN = 6;
const USUAL_ROW_HEIGHT = 52;

export class Viewport {
  /**
   * @param {object} options
   * @param {(run: Run, now: number) => Row} options.makeRow
   * @param {(id: string) => boolean} options.isSelected
   * @param {() => string | null} options.openId the run that is shown beside the table
   */
  constructor(options) {
    this.options = options;
    /** @type {Run[]} */
    this.list = [];
    /** The rows in the document, by run. @type {Map<string, Row>} */
    this.rows = new Map();
    /** The run at whose row Tab stops. @type {string | null} */
    this.current = null;
    this.rowHeight = USUAL_ROW_HEIGHT;
    this.body = h("tbody", { role: "rowgroup" });
    this.probe = h("i", { class: "pdnb-probe", "aria-hidden": "true" });  // as high as a row
    // Rows are grids, and only those in sight are there; the roles give back what that takes from a table.
    this.table = h("table", { class: "pdnb-table", role: "grid", "aria-label": "Runs" }, this.body);
    this.scroller = h("div", { class: "pdnb-scroll", tabindex: "-1" }, this.table, this.probe);
    this.scroller.addEventListener("scroll", () => this.render(), { passive: true });
    this.body.addEventListener("focusin", (event) => {
      const row = rowOf(event.target);
      if (row) this.setTabStop(row.run.id);
    });
    new ResizeObserver(() => this.resize()).observe(this.scroller);
  }

  resize() {
    const top = this.scroller.scrollTop / this.rowHeight;
    const height = this.probe.offsetHeight;
    if (height && height !== this.rowHeight) {
      this.rowHeight = height;
      this.render();
      this.scroller.scrollTop = top * height;
    }
    this.render();
  }

  /** @param {string | null} id */
  indexOf(id) { return id === null ? -1 : this.list.findIndex((run) => run.id === id); }

  /**
   * Show *list*; the row that has the focus, or else the first in sight, stays where it is unless *fromTop*.
   * @param {Run[]} list
   * @param {boolean} fromTop
   */
  setList(list, fromTop) {
    const pinned = fromTop ? null : this.pinned();
    this.list = list;
    this.sizeBody();
    const index = pinned ? this.indexOf(pinned.id) : -1;
    if (pinned && index >= 0) this.scroller.scrollTop = index * this.rowHeight - pinned.offset;
    else if (fromTop) this.scroller.scrollTop = 0;
    this.render();
  }

  sizeBody() {
    const height = `${this.list.length * this.rowHeight}px`;
    if (this.body.style.blockSize !== height) this.body.style.blockSize = height;
    setAttribute(this.table, "aria-rowcount", this.list.length + 1);
  }

  render() {
    this.sizeBody();
    const wanted = this.wanted();
    const now = clock.now();
    this.current ??= this.list[0]?.id ?? null;
    const firstInSight = wanted.find((i) => i * this.rowHeight >= this.scroller.scrollTop);
    const stop = wanted.some((i) => this.list[i].id === this.current) ? this.current : firstInSight === undefined ? null : this.list[firstInSight].id;
    this.order(wanted.map((i) => this.place(this.list[i], i, now, stop)));
  }

  /** The indices of the rows to draw, in order: those in sight, and those that a person is at. */
  wanted() {
    const { scrollTop, clientHeight } = this.scroller;
    const from = Math.max(0, Math.floor(scrollTop / this.rowHeight) - OVERSCAN);
    const to = Math.min(this.list.length, Math.ceil((scrollTop + (clientHeight || 400)) / this.rowHeight) + OVERSCAN);
    const wanted = new Set(Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i));
    const inSight = new Set([...wanted].map((i) => this.list[i].id));
    const focusedRow = rowOf(document.activeElement);
    for (const [id, row] of this.rows) {
      if (inSight.has(id)) continue;
      const index = row === focusedRow || row.busy ? this.indexOf(id) : -1;
      if (index >= 0) wanted.add(index);
      else {
        row.el.remove();
        this.rows.delete(id);
      }
    }
    return [...wanted].sort((a, b) => a - b);
  }

  /** @param {Run} run @param {number} index @param {number} now @param {string | null} tabStop */
  place(run, index, now, tabStop) {
    let row = this.rows.get(run.id);
    if (!row) this.rows.set(run.id, row = this.options.makeRow(run, now));
    else if (row.run !== run) row.patch(run, now);
    const place = `${index * this.rowHeight}px`;
    if (row.el.style.insetBlockStart !== place) row.el.style.insetBlockStart = place;
    setAttribute(row.el, "aria-rowindex", index + 2);
    setAttribute(row.el, "aria-current", this.options.openId() === run.id ? "true" : null);
    row.setSelected(this.options.isSelected(run.id), isPaused(run));
    row.setTabStop(run.id === tabStop);
    return row.el;
  }

  /** Put the rows in order by moving as few as possible, and never the one that has the focus. @param {HTMLElement[]} wanted */
  order(wanted) {
    const focus = wanted.findIndex((el) => el.contains(document.activeElement));
    const pivot = focus < 0 ? wanted.length : focus;
    const put = (/** @type {HTMLElement[]} */ els, /** @type {HTMLElement | null} */ end) => {
      let next = end;
      for (const el of els.toReversed()) {
        if (el.nextElementSibling !== next || el.parentNode !== this.body) this.body.insertBefore(el, next);
        next = el;
      }
    };
    put(wanted.slice(pivot + 1), null);
    put(wanted.slice(0, pivot), wanted[pivot] ?? null);
  }

  drawSelection() {
    for (const [id, row] of this.rows) row.setSelected(this.options.isSelected(id), isPaused(row.run));
  }

  /** The run that must stay where it is on screen, and how far below the upper edge. */
  pinned() {
    const { scrollTop, clientHeight } = this.scroller;
    const at = (/** @type {number} */ i) => ({ id: this.list[i].id, offset: i * this.rowHeight - scrollTop });
    const row = rowOf(document.activeElement);
    if (row && this.body.contains(row.el)) {
      const i = this.indexOf(row.run.id);
      const inSight = i * this.rowHeight > scrollTop - this.rowHeight && i * this.rowHeight < scrollTop + clientHeight;
      if (i >= 0 && inSight && scrollTop > 0) return at(i);
    }
    const first = Math.floor(scrollTop / this.rowHeight);
    return scrollTop < 8 || !this.list[first] ? null : at(first);
  }

  /** @returns {Focus | null} */
  get focus() {
    const control = /** @type {HTMLElement | null} */ (document.activeElement);
    const row = control && this.body.contains(control) ? rowOf(control) : undefined;
    return row ? { id: row.run.id, index: Number(row.el.getAttribute("aria-rowindex")) - 2, control: control?.dataset.control ?? "open" } : null;
  }

  /** @param {string} id */
  setTabStop(id) {
    this.current = id;
    for (const [other, row] of this.rows) row.setTabStop(other === id);
  }

  /** Scroll to a row and give one of its controls the focus; whether there is such a row. @param {number} index @param {string} control */
  focusRow(index, control = "open") {
    const place = Math.max(0, index);
    const run = this.list[place];
    if (!run) return false;
    const [top, height] = [place * this.rowHeight, this.rowHeight];
    const { scrollTop, clientHeight } = this.scroller;
    const room = clientHeight - this.body.offsetTop;
    if (top < scrollTop) this.scroller.scrollTop = top;
    else if (top + height > scrollTop + room) this.scroller.scrollTop = top + height - room;
    this.render();
    const row = this.rows.get(run.id);
    (row?.controls.find((el) => el.dataset.control === control && !el.hidden) ?? row?.open)?.focus({ preventScroll: true });
    return true;
  }

  /** @param {number} now */
  tick(now) {
    for (const row of this.rows.values()) row.tick(now);
  }
}
