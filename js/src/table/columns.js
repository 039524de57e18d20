// @ts-check
// The columns of the table. A new one is an entry here, for a field of the run document (`pdnb.views.documents.summary`).

import { h, setAttribute, setText, show } from "../dom.js";
import { clip, duePhrase, stepWithAttempt } from "../phrases.js";
import { headline, isOver, isPaused } from "../run.js";
import { StatusPill } from "../signs.js";
import { fullMoment, moment } from "../time.js";
import { EARLY, STATUSES } from "../vocabulary.js";

/**
 * @import { Run } from "../types"
 * @import { SortKey } from "./arrangement.js"
 *
 * What stands in one cell: `patch` when the run has changed, `tick` once a second while the run is not over.
 * @typedef {{ patch?: (run: Run, now: number) => void, tick?: (run: Run, now: number) => void, control?: HTMLInputElement | HTMLButtonElement }} Cell
 *
 * `width` is CSS's for a track of a grid; `below` names the column in whose place it stands, one line down; `wideOnly`
 * leaves it out where there is little room; `sortBy` offers to sort by it; `rowHeader` is the cell that names the row.
 * @typedef {object} Column
 * @property {string} key
 * @property {string} title
 * @property {(td: HTMLElement) => Cell} cell
 * @property {string} [width]
 * @property {string} [below]
 * @property {boolean} [wideOnly]
 * @property {boolean} [rowHeader]
 * @property {SortKey} [sortBy]
 */

/** A cell that holds a text. @param {(run: Run, now: number) => string} text @param {(run: Run) => string} [tooltip] @returns {Column["cell"]} */
export const textCell = (text, tooltip) => (td) => ({
  patch(run, now) {
    setText(td, text(run, now));
    if (tooltip) setAttribute(td, "title", tooltip(run));
  },
});

const STATUS_ORDER = ["suspended", "sleeping", "running", "queued", "failed", "succeeded", "cancelled"];

/** The statuses in the order of what people look for. */
export const SORTED_STATUSES = /** @type {import("../types").Status[]} */ (STATUS_ORDER.filter((status) => status in STATUSES));

/** @type {Column[]} */
export const COLUMNS = [
  { key: "check", title: "", width: "38px", cell: checkCell },
  { key: "workflow", title: "Workflow", width: "minmax(8em, 1.2fr)", rowHeader: true, sortBy: (run) => run.workflow.toLowerCase(), cell: workflowCell },
  { key: "step", title: "Step", below: "workflow", cell: textCell(stepWithAttempt) },
  { key: "status", title: "Status", width: "9.6em", sortBy: (run) => STATUS_ORDER.indexOf(run.status), cell: statusCell },
  { key: "when", title: "Waiting", width: "16.4em", sortBy: (run) => run.ended_ms ?? run.since_ms, cell: whenCell },
  {
    key: "started", title: "Started", width: "8em", wideOnly: true, sortBy: (run) => run.created_ms,
    cell: textCell((run, now) => moment(run.created_ms, now), (run) => fullMoment(run.created_ms)),
  },
  { key: "summary", title: "Summary", width: "minmax(10em, 3fr)", sortBy: (run) => headline(run).toLowerCase(), cell: summaryCell },
  { key: "actions", title: "Actions", width: "14em", cell: () => ({}) },  // filled by the row, which has a gate if it needs one
];

/** @param {HTMLElement} td @returns {Cell} */
function checkCell(td) {
  const box = h("input", { type: "checkbox", tabindex: "-1", "data-control": "check" });
  td.append(box);
  return {
    control: box,
    patch(run) {
      show(box, isPaused(run));
      setAttribute(box, "aria-label", `Select the run of ${run.workflow} at step ${run.step}`);
    },
  };
}

/** @param {HTMLElement} td @returns {Cell} */
function workflowCell(td) {
  const open = h("button", { type: "button", class: "pdnb-open", tabindex: "-1", "data-control": "open", "data-place": "" });
  td.append(open);
  return {
    control: open,
    patch(run) {
      const text = headline(run);
      setText(open, run.workflow);
      setAttribute(td, "title", `run ${run.id}`);
      setAttribute(open, "aria-label",
        `Show the run of ${run.workflow}, step ${stepWithAttempt(run)}, ${STATUSES[run.status].word}${text ? `: ${clip(text, 120)}` : ""}`);
    },
  };
}

/** @param {HTMLElement} td @returns {Cell} */
function statusCell(td) {
  const pill = new StatusPill();
  td.append(pill.el);
  return { patch: (run) => pill.patch(run) };
}

/** @param {HTMLElement} td @returns {Cell} */
function whenCell(td) {
  const [since, due] = [h("span"), h("span", { class: "pdnb-due" })];
  td.append(since, due);
  const tick = (/** @type {Run} */ run, /** @type {number} */ now) => {
    const over = isOver(run);
    setText(since, over ? `ended ${moment(run.ended_ms ?? run.since_ms, now)}` : `since ${moment(run.since_ms, now)}`);
    setText(due, isPaused(run) ? duePhrase(run, now) : run.early && !over ? EARLY[run.early.what] : "");
  };
  return { patch: tick, tick };
}

/** @param {HTMLElement} td @returns {Cell} */
function summaryCell(td) {
  const text = h("span");
  td.append(text);
  return {
    patch(run) {
      setText(text, headline(run));
      setAttribute(td, "title", headline(run) || null);
      setAttribute(td, "data-bad", run.status === "failed" && run.error ? "" : null);
    },
  };
}

/** Where the columns stand in a wide table, as CSS's `grid-template-columns` and `grid-template-areas`. @param {Column[]} columns */
export function gridOf(columns) {
  const tracks = columns.filter(({ below }) => !below);
  const second = tracks.map(({ key }) => columns.find(({ below }) => below === key)?.key ?? key);
  const first = `"${tracks.map(({ key }) => key).join(" ")}"`;
  return { columns: tracks.map(({ width }) => width ?? "auto").join(" "), areas: `${first} "${second.join(" ")}"`, headAreas: first };
}
