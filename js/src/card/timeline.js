// @ts-check
// A strip of time: what ran stands tall, pauses are a band, waiting for a worker is a line.

import { h, setAttribute, setText, show, svg, truncate } from "../dom.js";
import { isOver } from "../run.js";
import { duration, moment } from "../time.js";
import { STATUSES } from "../vocabulary.js";
import { phasesOf, totalsOf, widthsOf } from "./phases.js";

/**
 * @import { RunDetail } from "../types"
 * @import { PhaseKind } from "./phases.js"
 */

/** @type {Record<PhaseKind, string>} */
const WORDS = { active: "active", paused: "paused", queued: STATUSES.queued.phrase.replace("waits", "waiting") };
/** How far down and how high a phase is drawn. @type {Record<PhaseKind, [number, number]>} */
const SHAPES = { active: [0, 12], paused: [3, 6], queued: [5, 2] };
const WIDTH = 1000;

export class Timeline {
  constructor() {
    this.svg = svg("svg", { viewBox: `0 0 ${WIDTH} 12`, preserveAspectRatio: "none", role: "img", class: "pdnb-strip" });
    this.legend = h("p", { class: "pdnb-legend" });
    this.el = h("div", { class: "pdnb-time" }, this.svg, this.legend);
  }

  /** @param {RunDetail} run @param {number} now */
  draw(run, now) {
    const phases = phasesOf(run, now);
    const last = phases.at(-1);
    show(this.el, last);
    if (!last) return;
    const widths = widthsOf(phases, WIDTH);
    let x = 0;
    phases.forEach(({ kind }, i) => {
      const rect = this.svg.children[i] ?? this.svg.appendChild(svg("rect"));
      const [y, height] = SHAPES[kind];
      const attributes = { class: `pdnb-${kind}`, x: x.toFixed(1), y, width: Math.max(1, widths[i] - 1).toFixed(1), height };
      for (const [name, value] of Object.entries(attributes)) setAttribute(rect, name, value);
      x += widths[i];
    });
    truncate(this.svg, phases.length);
    const totals = Object.entries(totalsOf(phases)).filter(([, ms]) => ms > 0);
    const texts = totals.map(([kind, ms]) => ({ kind, text: `${WORDS[/** @type {PhaseKind} */ (kind)]} ${duration(ms)}` }));
    const until = isOver(run) ? moment(last.to, now) : "now";
    setAttribute(this.svg, "aria-label", `Time from ${moment(run.created_ms, now)} to ${until}: ${texts.map(({ text }) => text).join(", ")}`);
    this.drawLegend(texts);
  }

  /** @param {{ kind: string, text: string }[]} texts */
  drawLegend(texts) {
    texts.forEach(({ kind, text }, i) => {
      const item = this.legend.children[i] ?? this.legend.appendChild(h("span", {}, h("i"), h("span")));
      setAttribute(item, "data-kind", kind);
      setText(item.children[1], text);
    });
    truncate(this.legend, texts.length);
  }
}
