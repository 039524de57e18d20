// @ts-check
// One request to Jupyter's server, and why it failed, for a person.

import { parseExact } from "../exact.js";
import { clock } from "../time.js";
import { RequestError } from "./request_error.js";

const PATIENCE_MS = 30_000;
/** @type {Record<number, string>} */
const USUAL = {
  401: "Jupyter asks for a login: reload the page.",
  403: "Jupyter does not allow this: log in and reload the page.",
  404: "This run is not in the store any more.",
};

/** The token against forged requests, which Jupyter keeps in a cookie. @param {string} cookie */
export const xsrfToken = (cookie) => cookie.match(/(?:^|; )_xsrf=([^;]*)/)?.[1];

/**
 * The JSON at *url*, and its `ETag`; `null` if it is still what has the *etag*. Rejects with a `RequestError`.
 * @param {string} url
 * @param {{ method?: string, json?: string, etag?: string | null }} options `json` is a text
 * @returns {Promise<{ json: any, etag: string | null } | null>}
 */
export async function request(url, { method = "GET", json, etag = null } = {}) {
  /** @type {Record<string, string>} */
  const headers = { Accept: "application/json" };
  const token = method === "GET" ? undefined : xsrfToken(document.cookie);
  if (etag) headers["If-None-Match"] = etag;
  if (json) headers["Content-Type"] = "application/json";
  if (token) headers["X-XSRFToken"] = token;
  let response;
  try {
    response = await fetch(url, {
      method, headers, cache: "no-store", credentials: "same-origin", redirect: "error",
      body: json, signal: AbortSignal.timeout(PATIENCE_MS),
    });
  } catch (error) {
    throw new RequestError("The server does not answer.", 0, null, error);
  }
  clock.learnFromHeader(response.headers.get("Date"));
  if (response.status === 304) return null;
  const body = await jsonOf(response);
  if (response.ok && body) return { json: body, etag: response.headers.get("ETag") };
  throw refusal(response.status, body);
}

/** Why the server did not do it: in its own words, where it says so. @param {number} status @param {any} body */
export const refusal = (status, body) => new RequestError(body?.message || USUAL[status] || `The server answered ${status}.`, status, body?.problems ?? null);

/** The body, or `null` if it is an error page or half an answer. @param {Response} response */
async function jsonOf(response) {
  try {
    return parseExact(await response.text());
  } catch {
    return null;
  }
}
