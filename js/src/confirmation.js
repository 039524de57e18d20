// @ts-check
// An inline confirmation dialog for actions that cannot be undone.

import { button, focused, h, setAttribute, setText, show, uniqueId } from "./dom.js";
import { HOLD_MS } from "./run_buttons.js";

/**
 * @typedef {object} Question
 * @property {string} title
 * @property {string} text
 * @property {string} yes the button that confirms
 * @property {string} no the button that does not
 * @property {boolean} [reason] whether people may say why
 * @property {boolean} [danger]
 */

/** One question at a time. Escape says no; the focus goes back to where it was. */
export class Confirmation {
  constructor() {
    const [title, text, field] = [uniqueId(), uniqueId(), uniqueId()];
    this.title = h("p", { class: "pdnb-confirm-title", id: title });
    this.text = h("p", { id: text });
    this.reason = h("input", { type: "text", class: "pdnb-input", id: field, maxlength: "500", autocomplete: "off" });
    this.reasonField = h("div", { class: "pdnb-field" }, h("label", { for: field }, "Reason (optional)"), this.reason);
    this.yes = button("", "", { "data-yes": "" });
    this.no = button("", "", { "data-no": "" });
    this.el = h("div", { class: "pdnb-confirm", role: "alertdialog", tabindex: "-1", hidden: "", "aria-labelledby": title, "aria-describedby": text },
      this.title, this.text, this.reasonField, h("div", { class: "pdnb-gate" }, this.yes, this.no));
    this.inactiveUntil = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    /** @type {HTMLElement | null} */
    this.focusBefore = null;
    /** @type {((answer: { reason: string } | null) => void) | null} */
    this.resolve = null;
    this.yes.addEventListener("click", () => { if (performance.now() >= this.inactiveUntil) this.close({ reason: this.reason.value.trim() }); });
    this.no.addEventListener("click", () => this.close(null));
    this.el.addEventListener("keydown", (event) => {
      if (event.key === "Escape") { event.stopPropagation(); this.close(null); }
      if (event.key === "Enter" && event.repeat) event.preventDefault();
    });
  }

  /**
   * `{reason}` for yes, `null` for no.
   * @param {Question} question
   * @returns {Promise<{ reason: string } | null>}
   */
  open({ title, text, yes, no, reason = false, danger = false }) {
    this.close(null);
    setText(this.title, title);
    setText(this.text, text);
    show(this.reasonField, reason);
    this.reason.value = "";
    setText(this.yes, yes);
    setText(this.no, no);
    this.yes.classList.toggle("pdnb-danger", danger);
    this.yes.classList.toggle("pdnb-go", !danger);
    this.focusBefore = focused();
    this.inactiveUntil = performance.now() + HOLD_MS;  // the second half of a double click is no answer
    setAttribute(this.yes, "aria-disabled", "true");
    clearTimeout(this.timer);
    this.timer = setTimeout(() => setAttribute(this.yes, "aria-disabled", null), HOLD_MS);
    show(this.el, true);
    this.el.focus();
    this.el.scrollIntoView({ block: "nearest" });
    return new Promise((resolve) => { this.resolve = resolve; });
  }

  /** @param {{ reason: string } | null} answer */
  close(answer) {
    if (!this.resolve) return;
    const resolve = this.resolve;
    this.resolve = null;
    const hadFocus = this.el.contains(document.activeElement);
    show(this.el, false);
    if (hadFocus && this.focusBefore?.isConnected) this.focusBefore.focus({ preventScroll: true });
    resolve(answer);
  }
}
