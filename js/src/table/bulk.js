// @ts-check
// One decision on many runs: one question, then one request after the other, each on what was on display.

import { setText } from "../dom.js";
import { counted } from "../phrases.js";
import { asksForm, decisionKey } from "../run.js";
import { RequestError } from "../sources/request_error.js";
import { VERBS } from "../vocabulary.js";

/**
 * @import { Run, Source } from "../types"
 * @import { Confirmation } from "../confirmation.js"
 * @import { Selection } from "./selection.js"
 *
 * What is decided together: approve or cancel.
 * @typedef {"resume" | "cancel"} BulkAction
 */

const AT_ONCE = 6;
const NOTICE_MS = 20_000;

/** Those that a decision on all *runs* is for, and a sentence about those that it leaves out. @param {Run[]} runs @param {BulkAction} action */
export function divide(runs, action) {
  if (action === "cancel") return { meant: runs, leftOut: "" };
  const forms = runs.filter(asksForm).length;
  const sleeping = runs.filter((run) => run.status === "sleeping").length;
  const sentences = [];
  if (forms) sentences.push(`${counted(forms)} with a form ${forms === 1 ? "is left out: answer it in its own row" : "are left out: answer them one by one"}.`);
  if (sleeping) sentences.push(`${counted(sleeping)} that ${sleeping === 1 ? "sleeps is" : "sleep are"} left out.`);
  return { meant: runs.filter((run) => run.status === "suspended" && !asksForm(run)), leftOut: sentences.join(" ") };
}

/** What has become of it. @param {{ action: BulkAction, done: number, moved: number, errors: string[] }} result */
export function resultPhrase({ action, done, moved, errors }) {
  const sentences = [`${counted(done)} ${VERBS[action].done.suspended.toLowerCase()} by you just now.`];
  if (moved) sentences.push(`${counted(moved)} had moved on.`);
  if (errors.length) sentences.push(`${errors.length} not: ${[...new Set(errors)].slice(0, 2).join(" ")}`);
  return sentences.join(" ");
}

export class BulkDecision {
  /**
   * @param {object} given
   * @param {Source} given.source
   * @param {Selection} given.selection
   * @param {Confirmation} given.confirmation
   * @param {() => ReadonlyMap<string, Run>} given.runs as they are now
   * @param {(after: Run) => void} given.onDone for each run that was decided
   * @param {() => void} given.onEnd
   */
  constructor(given) {
    this.given = given;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
  }

  /** @param {BulkAction} action */
  async decide(action) {
    const { selection, confirmation, runs } = this.given;
    const chosen = [...selection.keys.keys()].map((id) => runs().get(id)).filter((run) => run !== undefined);
    const { meant, leftOut } = divide(chosen, action);
    if (!meant.length) { this.notify(leftOut); return; }
    const keys = new Map(meant.map((run) => [run.id, decisionKey(run)]));
    const what = `${VERBS[action].buttons.suspended} ${counted(meant.length)}`;
    const sure = await confirmation.open({
      title: `${what}?`, text: `${leftOut ? `${leftOut} ` : ""}This cannot be undone.`,
      reason: action === "cancel", yes: what, no: "Keep them waiting", danger: action === "cancel",
    });
    if (!sure) return;
    const queue = meant.filter((run) => { const now = runs().get(run.id); return now && decisionKey(now) === keys.get(run.id); });
    selection.deciding = true;
    const { done, errors } = await this.send(action, queue, sure.reason || undefined, meant.length);
    selection.deciding = false;
    this.notify(resultPhrase({ action, done, moved: meant.length - done - errors.length, errors }));
    this.given.onEnd();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.notify(""), NOTICE_MS);
  }

  /** @param {BulkAction} action @param {Run[]} queue @param {string | undefined} reason @param {number} all */
  async send(action, queue, reason, all) {
    const { source, selection, onDone } = this.given;
    let done = 0;
    /** @type {string[]} */
    const errors = [];
    const waiting = [...queue];
    const work = async () => {
      for (let run = waiting.shift(); run; run = waiting.shift()) {
        try {
          onDone(await (action === "cancel" ? source.cancel(run, reason) : source.resume(run)));
          done += 1;
        } catch (error) {
          if (!(error instanceof RequestError)) throw error;
          errors.push(error.message);
        }
        selection.keys.delete(run.id);
        setText(selection.notice, `${done + errors.length} of ${all}…`);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    return { done, errors };
  }

  /** @param {string} text */
  notify(text) {
    setText(this.given.selection.notice, text);
    this.given.selection.onChange();
  }
}
