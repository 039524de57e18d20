// @ts-check
// A card in a frame of a notebook: as high as its content, and with what a person had in hand when the frame is made anew.

import { setAttribute } from "./dom.js";

/**
 * @import { Card, CardDraft } from "./card/card.js"
 * @typedef {CardDraft & { at: number }} StoredDraft
 */

const DRAFT_KEPT_MS = 3_000;

/** The element in the document around that shows this one, where that may be seen. */
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

/** JupyterLab draws a frame anew whenever the kernel updates it: give the *card* back what was in hand, and keep it again. @param {string} id @param {Card} card */
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
