// @ts-check
// The steps of a run as a line of signs.

import { h, setAttribute, setText, truncate } from "../dom.js";
import { isOver, stepState } from "../run.js";
import { Sign } from "../signs.js";
import { STEP_STATES } from "../vocabulary.js";

/** @import { RunDetail } from "../types" */

export class Steps {
  constructor() {
    this.el = h("ol", { class: "pdnb-steps", "aria-label": "Steps" });
    /** @type {ReturnType<typeof makeStep>[]} */
    this.views = [];
  }

  /** @param {RunDetail} run */
  patch(run) {
    truncate(this.el, run.steps.length);
    this.views.length = Math.min(this.views.length, run.steps.length);
    run.steps.forEach((name, position) => {
      let view = this.views[position];
      if (!view) {
        this.views.push(view = makeStep());
        this.el.append(view.el);
      }
      const state = stepState(run, position);
      const last = run.attempts?.findLast((attempt) => attempt.position === position);
      const attempt = position === run.position ? run.runs : last?.runs ?? 1;
      const word = state === "cancelled" && run.decision?.what === "timed out" ? run.decision.what : STEP_STATES[state].word;
      view.sign.patch(state);
      setAttribute(view.el, "data-state", state);
      setAttribute(view.el, "aria-current", position === run.position && !isOver(run) ? "step" : null);
      setText(view.name, name);
      setAttribute(view.name, "title", name);
      setText(view.word, attempt > 1 ? `${word} · attempt ${attempt}` : word);
      setText(view.note, last?.note ?? "");
    });
  }
}

function makeStep() {
  const [sign, name, word, note] = [new Sign(), h("b"), h("span"), h("em")];
  return { sign, name, word, note, el: h("li", {}, sign.el, name, word, note) };
}
