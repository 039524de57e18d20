// @ts-check
// Asks a server again and again: often while something is under way and in sight, seldom otherwise.

import { RequestError } from "./request_error.js";

const POLL_MS = 1_000;
const IDLE_MS = 15_000;
const SLOWEST_RETRY_MS = 10_000;

/**
 * How long to rest, in milliseconds; `null`: until somebody asks.
 * `ending`: nothing more can come once all is finished (of one run; a list may get a new one).
 * @param {{ failures: number, unfinished: boolean, ending: boolean, inSight: boolean }} state
 */
export function restBetween({ failures, unfinished, ending, inSight }) {
  if (failures) return Math.min(SLOWEST_RETRY_MS, POLL_MS * 1.5 ** failures);
  if (!unfinished) return ending ? null : IDLE_MS;
  return inSight ? POLL_MS : IDLE_MS;
}

export class Polling {
  /**
   * @param {object} options
   * @param {Element} options.el what shows it
   * @param {boolean} options.ending see {@link restBetween}
   * @param {(all: boolean) => Promise<boolean>} options.ask asks for *all* or for a part in turn; whether it is unfinished
   * @param {(message: string | null) => void} options.trouble
   */
  constructor({ el, ending, ask, trouble }) {
    this.ending = ending;
    this.ask = ask;
    this.trouble = trouble;
    this.stopped = false;
    this.asking = false;
    this.again = false;
    this.inView = true;
    this.unfinished = true;
    this.failures = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this.onVisible = () => { if (document.visibilityState === "visible") this.refresh(); };
    document.addEventListener("visibilitychange", this.onVisible);
    this.observer = new IntersectionObserver((entries) => {
      const [before, now] = [this.inView, entries.at(-1)?.isIntersecting ?? false];
      this.inView = now;
      if (now && !before) this.refresh();
    });
    this.observer.observe(el);
    this.refresh();
  }

  refresh() { void this.look(true); }

  /** @param {boolean} all */
  async look(all) {
    if (this.stopped || this.asking) { this.again ||= all; return; }
    [this.asking, this.again] = [true, false];
    clearTimeout(this.timer);
    try {
      this.unfinished = await this.ask(all);
      this.failures = 0;
      if (!this.stopped) this.trouble(null);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      this.failures += 1;
      if (!this.stopped) this.trouble(error.status ? error.message : `${error.message} What you see may be out of date.`);
      if (error.status === 404) this.stopped = true;
    } finally {
      this.asking = false;
      this.next();
    }
  }

  next() {
    if (this.stopped) return;
    if (this.again) { this.refresh(); return; }
    const { failures, unfinished, ending } = this;
    const rest = restBetween({ failures, unfinished, ending, inSight: document.visibilityState === "visible" && this.inView });
    if (rest !== null) this.timer = setTimeout(() => void this.look(false), rest);
  }

  stop() {
    this.stopped = true;
    clearTimeout(this.timer);
    this.observer.disconnect();
    document.removeEventListener("visibilitychange", this.onVisible);
  }
}
