// @ts-check
// How a run has spent its time: at work, paused, waiting for a worker.

import { isOver, isPaused, isPresent } from "../run.js";

/**
 * @import { RunDetail } from "../types"
 * @typedef {"active" | "paused" | "queued"} PhaseKind
 * @typedef {{ kind: PhaseKind, from: number, to: number }} Phase
 */

/** The phases of a run until *now*, in order and without gaps. @param {RunDetail} run @param {number} now @returns {Phase[]} */
export function phasesOf(run, now) {
  /** @type {Phase[]} */
  const phases = [];
  let from = run.created_ms;
  const add = (/** @type {PhaseKind} */ kind, /** @type {number} */ to) => {
    if (to <= from) return;
    phases.push({ kind, from, to });
    from = to;
  };
  for (const attempt of run.attempts ?? []) {
    add("queued", attempt.started_ms);
    add("active", attempt.ended_ms ?? (attempt.outcome === "running" ? now : from));
    if (["suspended", "rerun", "delay"].includes(attempt.outcome)) add("paused", attempt.decision?.at_ms ?? (isPaused(run) && isPresent(attempt, run) ? now : from));
  }
  if (!isOver(run)) add(run.status === "running" ? "active" : isPaused(run) ? "paused" : "queued", now);
  return phases;
}

/** The widths of *phases*, *whole* in all; very short phases stay visible. @param {Phase[]} phases @param {number} whole */
export function widthsOf(phases, whole) {
  const least = Math.min(whole / 200, (whole * 0.4) / phases.length);
  const length = phases.reduce((sum, { from, to }) => sum + (to - from), 0);
  return phases.map(({ from, to }) => least + ((whole - least * phases.length) * (to - from)) / length);
}

/** Milliseconds by kind. @param {Phase[]} phases */
export function totalsOf(phases) {
  /** @type {Record<PhaseKind, number>} */
  const totals = { active: 0, paused: 0, queued: 0 };
  for (const { kind, from, to } of phases) totals[kind] += to - from;
  return totals;
}
