// @ts-check
// What a step printed, displayed and mailed. Users' HTML is shown in a frame that can do nothing.

import { h } from "../dom.js";
import { exactText } from "../exact.js";
import { clip } from "../phrases.js";

/** @import { Json, Mail, Output } from "../types" */

const MAX_TEXT = 100_000;
const IMAGES = ["image/png", "image/jpeg", "image/gif", "image/webp"];
// eslint-disable-next-line no-control-regex -- these are what terminals are driven with
const TERMINAL_CODES = /\u001b(?:\[[0-9;:<=>?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[ -/]*[0-~])/g;

/** nbformat writes long texts as lists of lines. @param {Json | undefined} value */
function joined(value) {
  if (Array.isArray(value)) return value.join("");
  if (value === undefined) return "";
  return typeof value === "string" ? value : exactText(value, 2);
}

/** Text as a terminal would leave it: no colour codes, and what a carriage return overwrote is gone. @param {Json | undefined} text */
export const plainText = (text) => joined(text).replace(TERMINAL_CODES, "").replace(/\r+\n/g, "\n").replace(/^.*\r(?=.)/gm, "");

/** @param {string} text @param {string} kind a class besides `pdnb-pre` */
export function pre(text, kind = "") {
  const shown = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}\n… ${text.length - MAX_TEXT} more characters` : text;
  return h("pre", { class: `pdnb-pre ${kind}`, tabindex: "0" }, shown);
}

/** Pieces of one stream that follow each other are one. @param {Output[]} outputs */
export function mergeStreams(outputs) {
  /** @type {Output[]} */
  const merged = [];
  for (const output of outputs) {
    const last = merged.at(-1);
    if (output.output_type === "stream" && last?.output_type === "stream" && last.name === output.name) {
      merged[merged.length - 1] = { ...last, text: joined(last.text) + joined(output.text) };
    } else merged.push(output);
  }
  return merged;
}

/** @param {Output[]} outputs @returns {HTMLElement[]} */
export const outputElements = (outputs) => mergeStreams(outputs).flatMap(elementsOf);

/** @param {Output} output @returns {HTMLElement[]} */
function elementsOf(output) {
  if (output.output_type === "stream") return [pre(plainText(output.text), output.name === "stderr" ? "pdnb-stderr" : "")];
  if (output.output_type === "error") {
    return [pre(plainText(output.traceback?.length ? output.traceback.join("\n") : `${output.ename}: ${output.evalue}`), "pdnb-bad")];
  }
  const data = output.data ?? {};
  const image = IMAGES.find((mime) => data[mime]);
  if (image) {
    const base64 = joined(data[image]).replace(/[^A-Za-z0-9+/=]/g, "");
    const alt = data["text/plain"] ? clip(plainText(data["text/plain"]), 200) : "image";
    return [h("img", { class: "pdnb-image", src: `data:${image};base64,${base64}`, alt })];
  }
  /** @type {HTMLElement[]} */
  const elements = [];
  if (data["text/plain"] != null) elements.push(pre(plainText(data["text/plain"])));
  else if (data["application/json"] != null) elements.push(pre(exactText(data["application/json"], 2)));
  else if (data["text/markdown"] != null) elements.push(pre(plainText(data["text/markdown"])));
  if (data["text/html"] != null) elements.push(framed(joined(data["text/html"])));
  return elements;
}

/** A mail that a step sent, or put into the outbox where no mail server is configured. @param {Mail} mail */
export function mailElement(mail) {
  const to = mail.to?.length ? ` to ${mail.to.join(", ")}` : "";
  /** @type {HTMLElement[]} */
  const body = mail.text != null ? [pre(plainText(mail.text))] : [];
  if (mail.html != null) body.push(framed(mail.html));
  return h("div", { class: "pdnb-export" },
    h("span", { class: "pdnb-key" }, mail.sent ? `mail sent${to}` : `mail in the outbox${to} (no mail server is configured)`),
    h("p", {}, mail.subject), ...body);
}

/** HTML of a step, in a frame without scripts and without an origin, that loads nothing; made when it is opened. @param {string} html @returns {HTMLElement} */
function framed(html) {
  const title = "Show formatted";
  const policy = `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">`;
  const box = h("details", { class: "pdnb-rich" }, h("summary", {}, title));
  box.addEventListener("toggle", () => {
    if (!box.open || box.querySelector("iframe")) return;
    box.append(h("iframe", { sandbox: "", srcdoc: policy + frameStyle(box) + html, title, class: "pdnb-frame", referrerpolicy: "no-referrer" }));
  });
  return box;
}

/** A frame inherits nothing from the page around it. @param {HTMLElement} around */
function frameStyle(around) {
  const { color, fontFamily } = getComputedStyle(around);
  const root = /** @type {HTMLElement | null} */ (around.closest(".pdnb"));
  return `<style>html{color-scheme:${root?.dataset.theme === "dark" ? "dark" : "light"}}`
    + `body{margin:8px;color:${color};font:13px ${fontFamily.replace(/[<>{}]/g, "")}}`
    + "table{border-collapse:collapse}td,th{padding:3px 8px;border:1px solid #8886;text-align:right}img{max-width:100%}</style>";
}
