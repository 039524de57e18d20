// @ts-check
// Runs over a widget's comm: the trait `page` to begin with, then the rest page by page, then changes. Every table that
// comes is kept, also one that answers another page's request; `pdnb/kernel/panel.py` says what is asked and answered.

import { parseExact } from "../exact.js";
import { clock } from "../time.js";
import { RequestError } from "./request_error.js";
import { Requests } from "./requests.js";
import { decodeRows } from "./rows.js";
import { RunCache } from "./run_cache.js";

/**
 * @import { Run, RunDetail, Source, Watch } from "../types"
 * @import { Message } from "./requests.js"
 * @import { RowTable } from "./rows.js"
 *
 * What anywidget gives.
 * @typedef {{ get(name: "page"): unknown, send(message: Message): void, on(event: "msg:custom", listener: (message: any) => void): void }} Model
 */

const POLL_MS = 1_000;
const MOST_TRIES = 100;

/** The channel of a model, shared by all of its views. @type {WeakMap<Model, Channel>} */
const CHANNELS = new WeakMap();

class Channel {
  /** @param {Model} model */
  constructor(model) {
    this.cache = new RunCache();
    this.requests = new Requests((message) => model.send(message));
    model.on("msg:custom", (message) => {
      this.merge(message);
      if (message) this.requests.receive(message);
    });
    this.merge(model.get("page"));
    void this.loadPages();  // from the first: what has changed before this listened is in it
  }

  /** @param {unknown} message */
  merge(message) {
    if (isTable(message)) this.cache.merge(runsIn(message));
  }

  async loadPages() {
    for (let [cursor, tries] = [/** @type {unknown} */ (""), 0]; cursor !== null && tries < MOST_TRIES;) {
      try {
        const page = await this.requests.send({ act: "page", cursor });
        clock.learn(/** @type {number} */ (page.now_ms));
        cursor = page.next;
      } catch {  // the kernel is busy and answers when it is free; or it is gone
        tries += 1;
        await new Promise((resolve) => { setTimeout(resolve, POLL_MS); });
      }
    }
    this.cache.complete = true;
    this.cache.changed();
  }

  /** @param {string} act @param {Run} run what was on display @param {Message} more @returns {Promise<Run>} the run after it */
  async decide(act, run, more = {}) {
    const answer = await this.requests.send({ act, id: run.id, step: run.step, runs: run.runs, ...more });
    return runsIn(/** @type {any} */ (answer))[0];
  }
}

/** @param {unknown} message @returns {message is RowTable} */
const isTable = (message) => typeof message === "object" && message !== null && "rows" in message;

/** @param {RowTable} table */
const runsIn = (table) => /** @type {Run[]} */ (/** @type {unknown} */ (decodeRows(table)));

/** @param {Model} model @returns {Source} */
export function widgetSource(model) {
  let channel = CHANNELS.get(model);
  if (!channel) CHANNELS.set(model, channel = new Channel(model));
  const { cache, requests } = channel;
  const { decide } = /** @type {{ decide: Channel["decide"] }} */ ({ decide: channel.decide.bind(channel) });
  return {
    resume: (run, answer = {}) => decide("resume", run, /** @type {Message} */ (answer)),
    cancel: (run, reason) => decide("cancel", run, reason === undefined ? {} : { reason }),
    retry: (run) => decide("retry", run),
    links: async (run) => /** @type {any} */ (await requests.send({ act: "links", id: run.id })),
    watchList(_limit, _el, draw) {
      const refresh = () => draw([...cache.runs.values()], { next: null, complete: cache.complete });
      const stop = cache.listen(refresh);
      refresh();
      return { refresh: () => {}, more: () => {}, stop };  // changes come by themselves
    },
    watchRun: (id, _el, draw, trouble) => watchRun(cache, requests, id, draw, trouble),
  };
}

/**
 * Ask for the run by itself whenever it has changed, and every second while it runs: it tells how far it is.
 * @param {RunCache} cache @param {Requests} requests @param {string} id
 * @param {(run: RunDetail) => void} draw @param {(message: string | null) => void} trouble @returns {Watch}
 */
function watchRun(cache, requests, id, draw, trouble) {
  let [stopped, asking, again] = [false, false, false];
  /** @type {number | null} */
  let seen = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const refresh = async () => {
    if (stopped || asking) { again = true; return; }
    [asking, again] = [true, false];
    clearTimeout(timer);
    try {
      const { run: text } = /** @type {{ run: string | null }} */ (/** @type {unknown} */ (await requests.send({ act: "detail", id, seen })));
      if (stopped) return;
      trouble(null);
      if (text) {
        const run = /** @type {RunDetail} */ (parseExact(text));  // a message's own numbers would be rounded
        seen = run.revision;
        draw(run);
        cache.mergeDetail(run);
      }
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      trouble(error.message);
    } finally {
      asking = false;
      if (again) void refresh();
      else if (!stopped && cache.runs.get(id)?.status === "running") timer = setTimeout(() => { seen = null; void refresh(); }, POLL_MS);
    }
  };
  let revision = cache.revision(id);
  const stopListening = cache.listen(() => {
    if (cache.revision(id) === revision) return;
    revision = cache.revision(id);
    if (revision !== seen) void refresh();
  });
  void refresh();
  return { refresh: () => void refresh(), more: () => {}, stop() { stopped = true; clearTimeout(timer); stopListening(); } };
}
