// @ts-check
// A card in a notebook's iframe: fits the iframe's height, and restores a half-filled form when the host re-creates it.

import { setAttribute } from "./dom.js";

/**
 * @import { Card, CardDraft } from "./card/card.js"
 * @typedef {CardDraft & { at: number }} StoredDraft
 */

const DRAFT_KEPT_MS = 3_000;

/** The `<iframe>` in the parent document, or `null` if that is of another origin. */
function frameElement() {
  try {
    return /** @type {HTMLElement | null} */ (window.frameElement);
  } catch {
    return null;  // another origin's frame
  }
}

/** Make the frame around this page as high as *root*: it has no scroll bar of its own. @param {HTMLElement} root */
export function fitFrame(root) {
  const frame = frameElement();
  if (!frame) return;
  setAttribute(document.documentElement, "data-framed", "");
  new ResizeObserver(() => {
    const height = `${Math.ceil(root.getBoundingClientRect().height)}px`;
    if (height === "0px" || frame.style.height === height) return;
    frame.style.height = height;
    if (frame.parentElement) frame.parentElement.style.minHeight = height;  // nothing jumps when the host draws the frame anew
  }).observe(root);
}

export const isFramed = () => document.documentElement.hasAttribute("data-framed");

/** JupyterLab draws a frame anew whenever the kernel updates it: restore the *card*'s draft, and save it when the page is hidden. @param {string} id @param {Card} card */
export function keepDraft(id, card) {
  const key = `pdnb-draft ${id}`;
  const stored = read(key);
  if (stored && Date.now() - stored.at < DRAFT_KEPT_MS) card.draft = stored;
  addEventListener("pagehide", () => {
    try {
      sessionStorage.setItem(key, JSON.stringify({ ...card.draft, at: Date.now() }));
    } catch { /* no storage here: the draft is lost with the frame */ }
  });
}

/** @param {string} key @returns {StoredDraft | null} */
function read(key) {
  try {
    return JSON.parse(sessionStorage.getItem(key) ?? "null");
  } catch {
    return null;  // no storage here
  }
}
