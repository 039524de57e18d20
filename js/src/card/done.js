// @ts-check
// What a person has just done here, and what they are told next.

import { h, show } from "../dom.js";
import { outwardLink, safeUrl } from "../message.js";
import { isOver } from "../run.js";
import { wholeMinutes } from "../time.js";
import { EARLY, VERBS } from "../vocabulary.js";

/**
 * @import { Action, Run, RunDetail } from "../types"
 *
 * What was done, when (by this machine's clock), and the prompt's `after`; `early`: before the step had ended.
 * @typedef {{ at: number, text: string, early: boolean, after: string | null }} Deed
 */

const SHOWN_MS = 600_000;

/**
 * What was done to the run *before* when *after* is what came of it.
 * @param {RunDetail} before @param {Run} after @param {Action} action @param {number} at @returns {Deed}
 */
export function deedOf(before, after, action, at) {
  const early = Boolean(after.early) && !isOver(after) && after.step === before.step && after.runs === before.runs;
  const verb = VERBS[action === "resume" && before.prompt?.fields ? "answer" : action];
  return {
    at, early, after: action === "resume" ? before.prompt?.after ?? null : null,
    text: early ? `Received from you: it ${EARLY.applies}.` : `${verb.done[before.status]} by you`,
  };
}

export class DoneLine {
  constructor() {
    /** @type {Deed | null} */
    this.deed = null;
    this.drawn = "";
    this.el = h("div", { class: "pdnb-done", role: "status", hidden: "" });
  }

  /** @param {number} now by this machine's clock */
  draw(now) {
    const { deed } = this;
    const ago = deed ? now - deed.at : 0;
    const visible = deed && (deed.after || ago < SHOWN_MS);
    show(this.el, visible);
    if (!visible) return;
    const text = deed.early ? deed.text : `${deed.text} ${ago < 60_000 ? "just now" : `${wholeMinutes(ago)} ago`}.`;
    if (this.drawn === `${text}${deed.after}`) return;
    this.drawn = `${text}${deed.after}`;
    const href = safeUrl(deed.after);
    this.el.replaceChildren(h("span", {}, text));
    if (href) this.el.append(outwardLink(href, href));
    else if (deed.after) this.el.append(h("span", { class: "pdnb-after" }, deed.after));
  }
}
