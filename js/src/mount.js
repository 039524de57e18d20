// @ts-check
// Puts a card or a table into an element, and keeps it up to date.

import { Card } from "./card/card.js";
import { setAttribute } from "./dom.js";
import { isFramed, keepDraft } from "./frame.js";
import { Table } from "./table/table.js";
import { followTheme } from "./theme.js";

/**
 * @import { RunDetail, Source, Watch } from "./types"
 * @import { TableEvents } from "./table/table.js"
 */

const LIST_LIMIT = 200;

/** @param {HTMLElement} root @param {{ el: HTMLElement, tick: () => void }} view @returns {() => void} what undoes it */
function mount(root, view) {
  root.classList.add("pdnb");
  setAttribute(root, "data-lm-suppress-shortcuts", "true");  // keys are for the control that has the focus, not for the notebook
  root.append(view.el);
  const stopFollowing = followTheme(root);
  const timer = setInterval(() => { if (document.visibilityState === "visible") view.tick(); }, 1_000);
  return () => {
    clearInterval(timer);
    stopFollowing();
    view.el.remove();
  };
}

/** Draw the card of run *id*; *initial* is its document if it is at hand. @param {HTMLElement} root @param {Source} source @param {string} id @param {RunDetail | null} initial */
export function drawCard(root, source, id, initial) {
  const card = new Card(source, () => watch.refresh());
  mount(root, card);
  if (isFramed()) card.gate.hold();  // a click may have been meant for the frame that was here a moment ago
  if (initial) card.patch(initial);
  if (isFramed()) keepDraft(id, card);
  const watch = source.watchRun(id, root, (run) => card.patch(run), (message) => card.setTrouble(message));
}

/** Draw the table of runs. @param {HTMLElement} root @param {Source} source @param {TableEvents} events */
export function drawTable(root, source, events = {}) {
  const table = new Table(source, events, { refresh: () => watch.refresh(), more: () => watch.more() });
  const unmount = mount(root, table);
  /** @type {Watch} */
  const watch = source.watchList(LIST_LIMIT, root, (runs, page) => table.patch(runs, page), (message) => table.setTrouble(message));
  const undo = () => {
    watch.stop();
    table.close();
    unmount();
  };
  return { table, undo };
}
