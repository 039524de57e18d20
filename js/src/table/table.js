// @ts-check
// Many runs as a table. Rows keep their places while a hand is on them; focus and scroll survive every update.

import { Confirmation } from "../confirmation.js";
import { announcer, button, h, setAttribute, setOptionalText, setText, show, troubleLine } from "../dom.js";
import { HOLD_MS, listenForPresses } from "../run_buttons.js";
import { announcement, counted } from "../phrases.js";
import { hasMoved, withoutDetail } from "../run.js";
import { clock } from "../time.js";
import { STATUSES } from "../vocabulary.js";
import { filtersSomething, matches } from "./arrangement.js";
import { BulkDecision } from "./bulk.js";
import { COLUMNS, gridOf } from "./columns.js";
import { Detail } from "./detail.js";
import { Filters } from "./filters.js";
import { RowInput } from "./row_input.js";
import { Head } from "./head.js";
import { Row } from "./row.js";
import { Selection } from "./selection.js";
import { Viewport } from "./viewport.js";

/**
 * @import { Page, Run, RunDetail, Source } from "../types"
 *
 * What is called: after every update with how many wait for a person; when a run is shown beside the table, or none.
 * @typedef {{ onUpdate?: (waiting: number) => void, onShow?: (id: string | null) => void }} TableEvents
 */

const TOGETHER_MS = 100;
const MOST_ANNOUNCED = 3;

export class Table {
  /** @param {Source} source @param {TableEvents} events @param {{ refresh: () => void, more: () => void }} watch how to ask for runs */
  constructor(source, events, watch) {
    this.source = source;
    this.events = events;
    this.watch = watch;
    /** @type {Map<string, Run>} */
    this.runs = new Map();
    /** @type {Page} */
    this.page = { next: null, complete: false };
    /** Runs that came with answers and are drawn together. @type {Run[]} */
    this.pending = [];
    this.drawn = false;
    this.unsorted = false;
    this.steadyFrom = 0;
    this.confirmation = new Confirmation();
    this.selection = new Selection(() => this.drawSelection());
    this.filters = new Filters(() => this.arrange());
    this.head = new Head(this.selection.all, (said) => { this.arrange(); this.live.announce(said); });
    this.detail = new Detail(source, (after) => this.take([after]), () => this.hide());
    this.viewport = new Viewport({
      makeRow: (run, now) => this.makeRow(run, now),
      isSelected: (id) => this.selection.has(id),
      openId: () => this.detail.id,
    });
    this.hand = new RowInput(this.viewport, this.selection, { open: (run) => this.show(run.id), onLeave: () => this.settle() });
    this.bulk = new BulkDecision({
      source, selection: this.selection, confirmation: this.confirmation, runs: () => this.runs,
      onDone: (after) => this.takeSoon(after), onEnd: () => this.endBulk(),
    });
    this.selection.listen((action) => void this.bulk.decide(action === "cancel" ? "cancel" : "resume"), () => {
      this.drawSelection();
      this.focusRow(this.viewport.indexOf(this.viewport.current));
    });
    this.live = announcer();
    this.count = h("span", { class: "pdnb-count" });
    this.trouble = troubleLine();
    this.empty = h("div", { class: "pdnb-empty", hidden: "" }, h("b", {}, "No runs yet."),
      h("span", {}, "Start one in a notebook: write steps in %%step cells, then %pdnb run. It appears here by itself."));
    this.showAll = button("", "Show all runs");
    this.noMatch = h("div", { class: "pdnb-empty", hidden: "" }, h("b", {}, "No run matches."), this.showAll);
    this.more = button("pdnb-more", "Show older runs", { hidden: "" });
    this.el = this.makeElement();
    this.showAll.addEventListener("click", () => { this.filters.clear(); this.filters.search.focus(); });
    this.more.addEventListener("click", () => this.watch.more());
    listenForPresses(this.viewport.body, () => performance.now() >= this.steadyFrom);
    this.el.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.detail.id || event.defaultPrevented) return;
      event.preventDefault();
      this.hide();
    });
  }

  makeElement() {
    const { viewport, selection } = this;
    const grid = gridOf(COLUMNS);
    viewport.table.prepend(this.head.el);
    for (const [name, value] of [["columns", grid.columns], ["areas", grid.areas], ["head-areas", grid.headAreas]]) {
      viewport.table.style.setProperty(`--pdnb-wide-${name}`, value);
    }
    return h("section", { class: "pdnb-panel", "aria-label": "Runs", "data-busy": "" },
      h("header", { class: "pdnb-head" }, h("h2", { class: "pdnb-title" }, "Runs"), this.count), this.filters.el, this.trouble, selection.el, this.confirmation.el,
      h("div", { class: "pdnb-split" }, h("div", { class: "pdnb-list" }, viewport.scroller, this.empty, this.noMatch, this.more), this.detail.el), this.live.el);
  }

  /** @param {Run} run @param {number} now */
  makeRow(run, now) {
    return new Row(this.source, {
      confirmation: this.confirmation,
      onAnswer: (before, after) => this.onAnswer(before, after),
      openForm: (one) => this.show(one.id, true),
    }, run, now);
  }

  // -- what is there, and in what order --

  /** Show *runs* instead of those before; a run never goes back to an older revision. @param {Run[]} runs @param {Page} page */
  patch(runs, page) {
    const before = this.runs;
    /** @type {Run[]} */
    const moved = [];
    this.runs = new Map(runs.map((run) => {
      const known = before.get(run.id);
      if (!known) return [run.id, run];
      if (run.revision <= known.revision) return [run.id, known];
      if (hasMoved(known, run)) moved.push(run);
      return [run.id, run];
    }));
    this.page = page;
    setAttribute(this.el, "data-busy", page.complete ? null : "");
    this.arrange(moved);
    if (moved.length && !this.selection.deciding) this.announce(moved);
  }

  /** @param {Run[]} moved */
  announce(moved) {
    const said = moved.slice(0, MOST_ANNOUNCED).map(announcement).join("; ");
    this.live.announce(moved.length > MOST_ANNOUNCED ? `${said}; and ${moved.length - MOST_ANNOUNCED} more` : said);
  }

  /** Runs as an answer has brought them. @param {RunDetail[]} documents */
  take(documents) {
    const newer = new Map(documents.map((run) => [run.id, withoutDetail(run)]));
    this.patch([...this.runs.values()].map((run) => newer.get(run.id) ?? run), this.page);
  }

  /** Answers to many decisions, drawn together. @param {Run} run */
  takeSoon(run) {
    this.pending.push(run);
    if (this.pending.length > 1) return;
    setTimeout(() => { this.take(this.pending); this.pending = []; }, TOGETHER_MS);
  }

  /** Filter, sort, count and draw. *moved* are the runs an update has changed; `null`: a person has asked for other rows. @param {Run[] | null} moved */
  arrange(moved = null) {
    const before = this.viewport.list;
    const focus = this.viewport.focus;
    const all = [...this.runs.values()];
    const found = filtersSomething(this.filters) ? all.filter((run) => matches(run, this.filters)) : all;
    this.unsorted = moved !== null && this.drawn && this.hand.isOver;
    const list = this.unsorted ? this.inPlace(before, found) : [...found].sort(this.head.comparison);
    if (this.drawn && moved !== null && !this.unsorted && (list.length !== before.length || moved.length)) this.holdIfReordered(before, list);
    this.drawn = true;
    this.selection.prune(this.runs);
    const waiting = this.filters.patch(all);
    this.drawCounts(list.length, all.length, waiting);
    this.viewport.setList(list, moved === null);
    this.drawSelection();
    if (focus && this.viewport.indexOf(focus.id) < 0) this.focusRow(Math.min(focus.index, list.length - 1), this.runs.has(focus.id) ? "open" : focus.control);
    this.events.onUpdate?.(waiting);
  }

  /** The rows of *before* where they were, and below them those of *found* that are new. @param {Run[]} before @param {Run[]} found */
  inPlace(before, found) {
    const here = new Set(before.map((run) => run.id));
    return [...before.map((run) => this.runs.get(run.id)).filter((run) => run !== undefined), ...found.filter((run) => !here.has(run.id))];
  }

  /** Where rows in sight have changed places, a click may have been meant for another one. @param {Run[]} before @param {Run[]} list */
  holdIfReordered(before, list) {
    const places = new Map(list.map((run, i) => [run.id, i]));
    const inSight = before.filter((run) => this.viewport.rows.has(run.id)).map((run) => places.get(run.id)).filter((place) => place !== undefined);
    const swapped = inSight.some((place, i) => i > 0 && place < inSight[i - 1]);
    if (swapped || (before.length && list[0]?.id !== before[0].id)) this.steadyFrom = performance.now() + HOLD_MS;
  }

  /** @param {number} shown @param {number} all @param {number} waiting */
  drawCounts(shown, all, waiting) {
    const some = shown === all ? "" : `${shown.toLocaleString("en")} of `;
    const count = this.page.next ? `${all.toLocaleString("en")}+ runs` : counted(all);
    setText(this.count, `${some}${count}${waiting ? ` · ${waiting.toLocaleString("en")} ${STATUSES.suspended.phrase.replace("waits", "waiting")}` : ""}`);
    show(this.empty, !all);
    show(this.noMatch, all && !shown);
    show(this.viewport.scroller, shown);
    show(this.more, this.page.next);
  }

  drawSelection() {
    this.selection.draw(this.viewport.list);
    this.viewport.drawSelection();
  }

  // -- decisions --

  /** @param {Run} before @param {Run | null} after */
  onAnswer(before, after) {
    if (after) this.take([after]);
    if (this.detail.id === before.id) this.detail.refresh();
    this.watch.refresh();
  }

  endBulk() {
    this.drawSelection();
    const focus = /** @type {HTMLElement | null} */ (document.activeElement);
    if (!this.el.contains(focus) || focus?.hidden) this.focusRow(Math.max(0, this.viewport.indexOf(this.viewport.current)));
    this.watch.refresh();
  }

  // -- one run beside the table --

  /** @param {string} id @param {boolean} toAnswer */
  show(id, toAnswer = false) {
    if (this.detail.id === id) { this.detail.focus(toAnswer); return; }
    this.detail.open(id, toAnswer);
    setAttribute(this.el, "data-detail", "");
    this.viewport.render();
    if (!toAnswer) this.detail.focus(false);
    this.detail.el.scrollIntoView({ block: "nearest" });
    this.events.onShow?.(id);
  }

  hide() {
    const { id } = this.detail;
    if (!id) return;
    this.close();
    this.focusRow(Math.max(0, this.viewport.indexOf(id)));
    this.events.onShow?.(null);
  }

  /** Show no run beside the table any more; the focus is left alone. */
  close() {
    this.detail.clear();
    setAttribute(this.el, "data-detail", null);
    this.viewport.render();
  }

  /** @param {number} index @param {string} control */
  focusRow(index, control = "open") {
    if (!this.viewport.focusRow(index, control)) this.filters.search.focus();
  }

  /** Put the rows in order that kept their places under a hand. */
  settle() {
    if (this.unsorted && !this.hand.isOver) this.patch([...this.runs.values()], this.page);
  }

  tick() {
    this.viewport.tick(clock.now());
    this.detail.tick();
    this.settle();
  }

  /** @param {string | null} message */
  setTrouble(message) { setOptionalText(this.trouble, message); }
}
