// @ts-check
// How far a long step is: as it says itself, or for how long it runs.

import { h, setAttribute, setText, show } from "../dom.js";
import { span } from "../time.js";

/** @import { ProgressNote, RunDetail } from "../types" */

const WORTH_SHOWING_MS = 2_000;

/** What a step says of its progress is for JavaScript to count with. @param {ProgressNote["done"]} number */
const counted = (number) => (number == null ? null : Number(String(number)));

/** The part that is done (0 to 1), or `null` if that is not known. @param {ProgressNote | null} note */
export function shareOf(note) {
  const [done, total] = [counted(note?.done), counted(note?.total)];
  return total !== null && total > 0 && done !== null ? Math.min(1, Math.max(0, done / total)) : null;
}

/** What a step says of its progress, in words. @param {ProgressNote | null} note */
export function progressPhrase(note) {
  const share = shareOf(note);
  let count = "";
  if (note && share !== null) count = `${counted(note.done)} of ${counted(note.total)} (${Math.floor(share * 100)} %)`;
  else if (note?.done != null) count = `${counted(note.done)} done`;
  return [count, note?.text].filter(Boolean).join(" · ");
}

export class Progress {
  constructor() {
    this.fill = h("i");
    this.bar = h("div", { class: "pdnb-progress", role: "progressbar" }, this.fill);
    this.text = h("p", { class: "pdnb-quiet" });
    this.el = h("div", { hidden: "" }, this.bar, this.text);
  }

  /** @param {ProgressNote | null} note */
  drawShare(note) {
    const share = shareOf(note);
    const [least, most, now] = share === null ? [null, null, null] : [0, counted(note?.total), counted(note?.done)];
    setAttribute(this.bar, "aria-valuemin", least);
    setAttribute(this.bar, "aria-valuemax", most);
    setAttribute(this.bar, "aria-valuenow", now);
    setAttribute(this.bar, "data-unknown", share === null ? "" : null);
    this.fill.style.inlineSize = share === null ? "" : `${(100 * share).toFixed(1)}%`;
  }

  /** @param {RunDetail} run @param {number} now */
  draw(run, now) {
    const attempt = run.status === "running" ? run.attempts?.findLast((each) => each.outcome === "running") : undefined;
    const note = attempt?.progress ?? null;
    const for_ms = now - (attempt?.started_ms ?? run.since_ms);
    const visible = run.status === "running" && (note !== null || for_ms > WORTH_SHOWING_MS);
    show(this.el, visible);
    if (!visible) return;
    const text = progressPhrase(note);
    setAttribute(this.bar, "aria-label", `Progress of step ${run.step}`);
    setAttribute(this.bar, "aria-valuetext", text || `running for ${span(for_ms)}`);
    this.drawShare(note);
    setText(this.text, text);
  }
}
