// @ts-check
// The head of the table: titles, those that sort as buttons, and a box that selects all.

import { h, setAttribute } from "../dom.js";
import { comparison, mostUrgentFirst } from "./arrangement.js";
import { COLUMNS } from "./columns.js";
import { cellClass } from "./row.js";

/** @import { Column } from "./columns.js" */

export class Head {
  /** @param {HTMLInputElement} selectAll @param {(said: string) => void} onSort */
  constructor(selectAll, onSort) {
    this.onSort = onSort;
    /** @type {{ column: Column, descending: boolean } | null} */
    this.sorted = null;
    this.cells = COLUMNS.map((column) => ({ column, th: this.makeCell(column, selectAll) }));
    this.el = h("thead", { role: "rowgroup" }, h("tr", { role: "row", "aria-rowindex": "1" }, ...this.cells.map(({ th }) => th)));
  }

  /** @param {Column} column @param {HTMLInputElement} selectAll */
  makeCell(column, selectAll) {
    const th = h("th", { class: cellClass(column), role: "columnheader", scope: "col" });
    th.style.gridArea = column.key;
    if (column.key === "check") th.append(selectAll);
    else if (!column.sortBy) th.append(column.title);
    else {
      const sort = h("button", { type: "button", class: "pdnb-sort" }, column.title, h("i", { "aria-hidden": "true" }));
      sort.addEventListener("click", () => this.sortBy(column));
      th.append(sort);
      setAttribute(th, "aria-sort", "none");
    }
    return th;
  }

  /** Ascending, descending, and back to the usual order. @param {Column} column */
  sortBy(column) {
    const again = this.sorted?.column === column ? this.sorted : null;
    if (!again) this.sorted = { column, descending: false };
    else this.sorted = again.descending ? null : { column, descending: true };
    const direction = this.sorted?.descending ? "descending" : "ascending";
    for (const cell of this.cells) if (cell.column.sortBy) setAttribute(cell.th, "aria-sort", this.sorted?.column === cell.column ? direction : "none");
    this.onSort(this.sorted ? `Sorted by ${column.title}, ${direction}` : "Sorted: those who wait for a person first");
  }

  get comparison() {
    return this.sorted?.column.sortBy ? comparison(this.sorted.column.sortBy, this.sorted.descending) : mostUrgentFirst;
  }
}
