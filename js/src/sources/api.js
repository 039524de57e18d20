// @ts-check
// Runs over HTTP, on the pages of their own.

import { isOver } from "../run.js";
import { request } from "./http.js";
import { Polling } from "./polling.js";

/**
 * @import { Run, RunDetail, Source, Watch } from "../types"
 * @typedef {{ runs: Run[], next: string | null }} RunList
 * @typedef {{ url: string, etag: string | null, list: RunList | null }} Query
 */

const MOST_SUSPENDED = 500;
const PAGE = 1_000;

/** The runs of several lists, each once and in its newest revision. @param {(RunList | null)[]} lists */
export function newestRuns(lists) {
  /** @type {Map<string, Run>} */
  const newest = new Map();
  for (const run of lists.flatMap((list) => list?.runs ?? [])) {
    const known = newest.get(run.id);
    if (!known || known.revision < run.revision) newest.set(run.id, run);
  }
  return [...newest.values()];
}

/**
 * @param {string} baseUrl Jupyter's base URL, which ends in a slash
 * @param {"card" | "inbox"} via what decisions are recorded under
 * @returns {Source}
 */
export function apiSource(baseUrl, via) {
  const runs = `${baseUrl}pdnb/api/runs`;
  const urlOf = (/** @type {string} */ id) => `${runs}/${encodeURIComponent(id)}`;
  const post = async (/** @type {Run} */ run, /** @type {string} */ action, more = {}, body = "") => {
    const meant = JSON.stringify({ step: run.step, runs: run.runs, via, ...more });
    const json = body ? `${meant.slice(0, -1)},"body":${body}}` : meant;  // as it was written
    return (await request(`${urlOf(run.id)}/${action}`, { method: "POST", json }))?.json;
  };
  return {
    resume: (run, { fields, json } = {}) => post(run, "resume", fields ? { fields } : {}, json),
    cancel: (run, reason) => post(run, "cancel", reason === undefined ? {} : { reason }),
    retry: (run) => post(run, "retry"),
    links: async (run) => (await request(`${urlOf(run.id)}/links`))?.json,
    watchRun: (id, el, draw, trouble) => watchRun(urlOf(id), el, draw, trouble),
    watchList: (limit, el, draw, trouble) => watchList(runs, limit, el, draw, trouble),
  };
}

/** @param {string} url @param {Element} el @param {(run: RunDetail) => void} draw @param {(message: string | null) => void} trouble @returns {Watch} */
function watchRun(url, el, draw, trouble) {
  let [etag, over] = [/** @type {string | null} */ (null), false];
  const polling = new Polling({
    el, trouble, ending: true,
    async ask() {
      const answer = await request(url, { etag });
      if (answer && !polling.stopped) {
        [etag, over] = [answer.etag, isOver(answer.json)];
        draw(answer.json);
      }
      return !over;
    },
  });
  return { refresh: () => polling.refresh(), more: () => {}, stop: () => polling.stop() };
}

/**
 * A list that is cut off is asked for in turns with the suspended runs: those that wait longest must not be the hidden
 * ones. `more()` adds the page before; pages that were added are asked for in turns as well.
 * @param {string} runs @param {number} limit @param {Element} el @param {Parameters<Source["watchList"]>[2]} draw
 * @param {(message: string | null) => void} trouble @returns {Watch}
 */
function watchList(runs, limit, el, draw, trouble) {
  const queryOf = (/** @type {string} */ parameters) => /** @type {Query} */ ({ url: `${runs}?${parameters}`, etag: null, list: null });
  const queries = [queryOf(`limit=${limit}`), queryOf(`status=suspended&limit=${MOST_SUSPENDED}`)];
  const active = () => (queries[0].list?.next ? queries : queries.slice(0, 1));
  const oldest = () => (queries.length > 2 ? queries[queries.length - 1] : queries[0]);
  let [turn, unfinished] = [0, true];
  const changed = async (/** @type {Query} */ query) => {
    const answer = await request(query.url, { etag: query.etag });
    if (answer) [query.list, query.etag] = [answer.json, answer.etag];
    return answer !== null;
  };
  const polling = new Polling({
    el, trouble, ending: false,
    async ask(all) {
      let any = false;
      if (all) {
        for (let i = 0; i < Math.min(2, active().length); i++) any = (await changed(queries[i])) || any;
        for (const query of queries.slice(2)) if (!query.list) any = (await changed(query)) || any;
      } else {
        turn = (turn + 1) % active().length;
        any = await changed(active()[turn]);
      }
      if (any && !polling.stopped) {
        const newest = newestRuns(active().map(({ list }) => list));
        unfinished = newest.some((run) => !isOver(run));
        draw(newest, { next: oldest().list?.next ?? null, complete: true });
      }
      return unfinished;
    },
  });
  return {
    refresh: () => polling.refresh(),
    more() {
      const cursor = oldest().list?.next;
      if (cursor) queries.push(queryOf(`limit=${PAGE}&cursor=${encodeURIComponent(cursor)}`));
      polling.refresh();
    },
    stop: () => polling.stop(),
  };
}
