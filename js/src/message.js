// @ts-check
// What a step asks people, in markup: made anew from a short list of elements, of all else only the text.

import { h } from "./dom.js";

const ALLOWED = new Set("p br strong em code pre ul ol li blockquote a h3 h4 h5 h6 table thead tbody tr th td hr del".split(" "));
/** @type {Record<string, string>} */
const ALIKE = { h1: "h3", h2: "h3", b: "strong", i: "em", s: "del" };
const MAX_DEPTH = 40;

/** @param {string} html the server has made it safe; it is made safe again here */
export function safeMarkup(html) {
  return rebuild(new DOMParser().parseFromString(html, "text/html").body, document.createDocumentFragment(), 0);
}

/**
 * @template {Node & ParentNode} Place
 * @param {Node} from
 * @param {Place} into
 * @param {number} depth
 */
function rebuild(from, into, depth) {
  for (const node of from.childNodes) {
    if (node instanceof Text) into.append(node.data);
    if (!(node instanceof Element)) continue;
    const made = node instanceof HTMLElement && depth < MAX_DEPTH ? allowed(node) : null;
    rebuild(node, made ?? into, depth + 1);
    if (made) into.append(made);
  }
  return into;
}

/** A fresh element like *el*, or `null` if only its text may stay. @param {HTMLElement} el */
function allowed(el) {
  const name = ALIKE[el.localName] ?? el.localName;
  if (!ALLOWED.has(name)) return null;
  if (name !== "a") return h(/** @type {keyof HTMLElementTagNameMap} */ (name));
  const href = safeUrl(el.getAttribute("href"));
  return href ? outwardLink(href) : null;
}

/** @param {string} href a URL that {@link safeUrl} has passed @param {...string} text */
export const outwardLink = (href, ...text) => h("a", { href, target: "_blank", rel: "noopener noreferrer" }, ...text);

/** A URL that may be followed, or `null`. @param {string | null} text */
export function safeUrl(text) {
  try {
    const url = new URL(text ?? "");
    return ["http:", "https:", "mailto:"].includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}
