// @ts-check
// Keyboard and pointer input on rows; rows are not re-ordered while a pointer has just moved over the table.

import { isPaused } from "../run.js";
import { rowOf } from "./row.js";

/**
 * @import { Run } from "../types"
 * @import { Row } from "./row.js"
 * @import { Selection } from "./selection.js"
 * @import { Viewport } from "./viewport.js"
 */

const RESTS_MS = 5_000;

export class RowInput {
  /** @param {Viewport} viewport @param {Selection} selection @param {{ open: (run: Run) => void, onLeave: () => void }} options */
  constructor(viewport, selection, { open, onLeave }) {
    this.viewport = viewport;
    this.selection = selection;
    this.open = open;
    this.until = 0;
    const { body } = viewport;
    const rest = (/** @type {PointerEvent} */ event) => { if (event.pointerType !== "touch") this.until = performance.now() + RESTS_MS; };
    body.addEventListener("pointermove", rest);
    body.addEventListener("pointerdown", rest);
    body.addEventListener("pointerleave", () => { this.until = 0; onLeave(); });
    body.addEventListener("click", (event) => this.onClick(event));
    body.addEventListener("keydown", (event) => this.onKey(event));
  }

  /** Whether the pointer moved over the table just now: then rows must not move under it. */
  get isOver() { return performance.now() < this.until; }

  /** @param {MouseEvent} event */
  onClick(event) {
    const target = /** @type {Element} */ (event.target);
    const row = rowOf(target);
    if (!row || target.closest("[data-act]")) return;
    if (target === row.box) this.selection.choose(row.run, row.box.checked, event.shiftKey);
    else if (target === row.open) this.open(row.run);
    else if (!target.closest("button, input, .pdnb-notice, .pdnb-check") && getSelection()?.isCollapsed !== false) {
      this.viewport.setTabStop(row.run.id);
      this.open(row.run);
    }
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    const focus = this.viewport.focus;
    const row = focus && this.viewport.rows.get(focus.id);
    if (!row || event.altKey || event.ctrlKey || event.metaKey) return;
    const { scroller, rowHeight, list } = this.viewport;
    const page = Math.max(1, Math.floor(scroller.clientHeight / rowHeight) - 2);
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      const target = Math.min(list.length - 1, Math.max(0, focus.index + step));
      if (event.shiftKey && Math.abs(step) === 1) {
        for (const i of [focus.index, target]) if (isPaused(list[i])) this.selection.set(list[i], true);
        this.selection.onChange();
      }
      this.viewport.focusRow(target, focus.control);
    } else if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
      event.preventDefault();
      focusBeside(row, event.key === "ArrowRight" ? 1 : -1);
    } else if (event.key === " " && focus.control === "open") {
      event.preventDefault();
      this.selection.choose(row.run, !this.selection.has(row.run.id), event.shiftKey);
    }
  }
}

/** Move the focus within a row. @param {Row} row @param {1 | -1} by */
function focusBeside(row, by) {
  const controls = row.controls.filter((el) => !el.hidden);
  controls[controls.findIndex((el) => el === document.activeElement) + by]?.focus();
}
