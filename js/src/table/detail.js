// @ts-check
// One run beside the table.

import { Card } from "../card/card.js";
import { button, h, show } from "../dom.js";

/** @import { Run, Source, Watch } from "../types" */

export class Detail {
  /** @param {Source} source @param {(after: Run) => void} onDone @param {() => void} onClose */
  constructor(source, onDone, onClose) {
    this.source = source;
    this.onDone = onDone;
    this.onClose = onClose;
    this.el = h("aside", { class: "pdnb-aside", "aria-label": "The run", hidden: "" });
    /** @type {{ id: string, card: Card, close: HTMLButtonElement, watch: Watch } | null} */
    this.shown = null;
  }

  get id() { return this.shown?.id ?? null; }

  /** @param {string} id @param {boolean} toAnswer whether the focus goes to where an answer begins */
  open(id, toAnswer) {
    this.clear();
    const close = button("pdnb-close", "Close", { "aria-label": "Close the run" });
    close.addEventListener("click", this.onClose);
    const card = new Card(this.source, (after) => {
      if (after) this.onDone(after);
      watch.refresh();
    });
    this.el.replaceChildren(close, card.el);
    show(this.el, true);
    let focusWhenDrawn = toAnswer;
    const watch = this.source.watchRun(id, this.el, (run) => {
      card.patch(run);
      if (focusWhenDrawn) {
        focusWhenDrawn = false;
        card.focusAnswer();
      }
    }, (message) => card.setTrouble(message));
    this.shown = { id, card, close, watch };
  }

  /** @param {boolean} toAnswer */
  focus(toAnswer) {
    if (toAnswer) this.shown?.card.focusAnswer();
    else this.shown?.close.focus({ preventScroll: true });
  }

  clear() {
    this.shown?.watch.stop();
    this.shown = null;
    show(this.el, false);
    this.el.replaceChildren();
  }

  refresh() { this.shown?.watch.refresh(); }

  tick() { this.shown?.card.tick(); }
}
