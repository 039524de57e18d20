// @ts-check
// How moments and lengths of time are written for people, and the server's clock.

const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
const LARGEST_USUAL_SKEW_MS = 2_000;

/** A length of time in at most two units: "23 h 59 min". @param {number} ms */
export function span(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  const [d, h, m] = [Math.floor(s / 86_400), Math.floor(s / 3600) % 24, Math.floor(s / 60) % 60];
  if (d) return h ? `${d} d ${h} h` : `${d} d`;
  if (h) return m ? `${h} h ${m} min` : `${h} h`;
  if (m) return s % 60 ? `${m} min ${s % 60} s` : `${m} min`;
  return `${s} s`;
}

/** A length of time in whole minutes: what changes once a minute. @param {number} ms */
export const wholeMinutes = (ms) => span(ms - (ms % 60_000));

/** How long work took, where parts of a second count: "412 ms", "1.8 s". @param {number} ms */
export function duration(ms) {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  return ms < 60_000 ? `${(ms / 1000).toFixed(1)} s` : span(ms);
}

/** A moment in local time, as short as today allows: "10:31", "20 Nov 10:31". @param {number} ms @param {number} now */
export function moment(ms, now) {
  const [d, today] = [new Date(ms), new Date(now)];
  const time = `${twoDigits(d.getHours())}:${twoDigits(d.getMinutes())}`;
  if (d.toDateString() === today.toDateString()) return time;
  const year = d.getFullYear() === today.getFullYear() ? "" : ` ${d.getFullYear()}`;
  return `${d.getDate()} ${MONTHS[d.getMonth()]}${year} ${time}`;
}

/** A moment with date and seconds, for tooltips. @param {number} ms */
export const fullMoment = (ms) => `${new Date(ms).toLocaleString("sv-SE")} (local time)`;

/** When something is due, seen from *now*: "in 23 h 59 min". @param {number} due @param {number} now */
export const timeLeft = (due, now) => (due - now < 1000 ? "any moment" : `in ${span(due - now)}`);

/** @param {number} n */
const twoDigits = (n) => String(n).padStart(2, "0");

/** The server's time, as far as its answers tell: a wrong clock on this machine must not bend a countdown. */
export class Clock {
  /** @param {() => number} local this machine's time in milliseconds */
  constructor(local = Date.now) {
    this.local = local;
    this.skew = 0;
  }

  now() {
    return this.local() + this.skew;
  }

  /** @param {string | null} header an HTTP `Date`, which has whole seconds */
  learnFromHeader(header) {
    this.learn(Date.parse(header ?? "") + 500);
  }

  /** @param {number} ms the server's time now; small differences are the way, not the clock */
  learn(ms) {
    const off = ms - this.local();
    if (!Number.isNaN(off)) this.skew = Math.abs(off) > LARGEST_USUAL_SKEW_MS ? off : 0;
  }
}

/** The clock of this page. */
export const clock = new Clock();
