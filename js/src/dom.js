// @ts-check
// Elements: made with text nodes only, and patched only where something differs, so that focus and selection survive.

/** Tells this page from another one on the same widget, and its element ids from those of another panel. */
export const NONCE = Math.random().toString(36).slice(2, 10);

let ids = 0;

/** An id that no other element of the page has. */
export const uniqueId = () => `pdnb-${NONCE}-${(ids += 1)}`;

/**
 * An HTML element. Strings among *children* become text nodes, never markup.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, unknown>} attributes
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, attributes = {}, ...children) {
  const el = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) setAttribute(el, name, value);
  el.append(...children);
  return el;
}

/**
 * An SVG element.
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, unknown>} attributes
 * @param {...Node} children
 * @returns {SVGElementTagNameMap[Tag]}
 */
export function svg(tag, attributes = {}, ...children) {
  const el = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) setAttribute(el, name, value);
  el.append(...children);
  return el;
}

/** A push button. @param {string} classes besides `pdnb-button` @param {string} text @param {Record<string, unknown>} attributes */
export const button = (classes, text = "", attributes = {}) => h("button", { type: "button", class: `pdnb-button ${classes}`.trim(), ...attributes }, text);

/** @param {Element} el @param {string} text */
export function setText(el, text) {
  if (el.textContent !== text) el.textContent = text;
}

/** Set an attribute; `null` and `false` remove it. @param {Element} el @param {string} name @param {unknown} value */
export function setAttribute(el, name, value) {
  if (value == null || value === false) {
    if (el.hasAttribute(name)) el.removeAttribute(name);
  } else if (el.getAttribute(name) !== String(value)) el.setAttribute(name, String(value));
}

/** @param {Element} el @param {unknown} yes */
export const show = (el, yes) => setAttribute(el, "hidden", yes ? null : "");

/** The text, or nothing at all where there is none. @param {Element} el @param {string | null | undefined} text */
export function setOptionalText(el, text) {
  setText(el, text ?? "");
  show(el, text);
}

/** Keep the first *length* children of *el*. @param {Element} el @param {number} length */
export function truncate(el, length) {
  while (el.children.length > length) el.lastElementChild?.remove();
}

/** The element that has the focus. @returns {HTMLElement | null} */
export const focused = () => /** @type {HTMLElement | null} */ (document.activeElement);

/** A polite live region; the same words twice in a row are said once. */
export function announcer() {
  const el = h("div", { class: "pdnb-live", "aria-live": "polite", role: "status" });
  return { el, announce: (/** @type {string} */ text) => setText(el, text) };
}

/** A strip above or below what is shown that says why it may be out of date. */
export const troubleLine = () => h("p", { class: "pdnb-trouble", role: "status", hidden: "" });
