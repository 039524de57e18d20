// @ts-check
// One field of a form: a label, what helps, an input of its kind, and what was wrong with it.

import { h, setAttribute, setOptionalText, uniqueId } from "../dom.js";
import { awareLines, awareOf, isAware, localOf, zoneName } from "./moments.js";
import { rangePhrase } from "./values.js";

/**
 * @import { Field } from "../types"
 * @typedef {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} Input
 */

const MOST_RADIO_BUTTONS = 4;

export class FieldView {
  /** @param {Field} field */
  constructor(field) {
    this.field = field;
    this.id = uniqueId();
    const [hintId, problemId] = [uniqueId(), uniqueId()];
    this.problem = h("p", { class: "pdnb-problem", id: problemId, hidden: "" });
    this.required = field.required && field.kind !== "boolean" && field.kind !== "choices";
    this.isOfMoments = field.kind === "list" && field.entry?.kind === "datetime";
    const zone = field.kind === "datetime" || this.isOfMoments ? `In your time zone, ${zoneName()}.` : "";
    const hint = [field.description, field.hint, zone, rangePhrase(field)].filter(Boolean).join(" ");
    this.hint = hint ? h("p", { class: "pdnb-hint", id: hintId }, hint) : "";
    this.describedBy = `${hint ? `${hintId} ` : ""}${problemId}`;
    /** @type {Input[]} */
    this.inputs = [];
    const title = h("span", { class: "pdnb-label" }, field.title);
    if (this.required) title.append(h("span", { class: "pdnb-required" }, " (required)"));
    const options = field.kind === "choices" || (field.kind === "choice" && field.choices.length <= MOST_RADIO_BUTTONS);
    this.el = options ? this.makeOptions(title, problemId) : this.makeInput(title);
    /** The moment that was put in, and how it is shown: untouched, it is sent as it came. */
    this.untouched = { shown: "", text: "" };
    this.strings = field.strings;
    this.el.addEventListener("input", () => this.setProblem(null));
  }

  /** One of few, or any of them, to tick. @param {HTMLElement} title @param {string} problemId */
  makeOptions(title, problemId) {
    const { field, id } = this;
    const type = field.kind === "choices" ? "checkbox" : "radio";
    const rows = field.choices.map((choice) => ({ value: choice.key, label: choice.label, describedBy: /** @type {string | null} */ (problemId) }));
    if (type === "radio" && !field.required) rows.push({ value: "", label: "no answer", describedBy: null });
    const labels = rows.map(({ value, label, describedBy }) => {
      const input = h("input", { type, name: id, value, "aria-describedby": describedBy });
      this.inputs.push(input);
      return h("label", { class: "pdnb-option" }, input, h("span", {}, label));
    });
    return h("fieldset", { class: "pdnb-field", "aria-describedby": this.describedBy }, h("legend", {}, title), this.hint,
      h("div", { class: "pdnb-options" }, ...labels), this.problem);
  }

  /** @param {HTMLElement} title */
  makeInput(title) {
    const { field, id } = this;
    const input = inputFor(field, { id, "aria-describedby": this.describedBy, "aria-required": this.required ? "true" : null });
    this.inputs = [input];
    const label = h("label", { for: id, class: field.kind === "boolean" ? "pdnb-option" : null });
    if (field.kind === "boolean") {
      label.append(input, title);
      return h("div", { class: "pdnb-field" }, label, this.hint, this.problem);
    }
    label.append(title);
    return h("div", { class: "pdnb-field" }, label, this.hint, input, this.problem);
  }

  /** The strings that an HTML form would send for it. */
  get strings() {
    const ticks = this.ticks;
    if (!ticks && this.field.kind === "datetime") return [this.moment];
    if (!ticks) return [this.isOfMoments ? awareLines(this.inputs[0].value) : this.inputs[0].value];
    if (this.field.kind === "boolean") return ticks[0].checked ? ["on"] : [];
    return ticks.filter((input) => input.checked).map((input) => input.value);
  }

  set strings(strings) {
    const ticks = this.ticks;
    if (!ticks && this.field.kind === "datetime") this.moment = strings[0] ?? "";
    else if (!ticks) this.inputs[0].value = strings[0] ?? "";
    for (const input of ticks ?? []) input.checked = this.field.kind === "boolean" ? strings[0] === "on" : strings.includes(input.value);
  }

  /** A moment with its offset; in the input it is one of this browser's zone. */
  get moment() {
    const { value } = this.inputs[0];
    return value === this.untouched.shown && this.untouched.text ? this.untouched.text : awareOf(value);
  }

  set moment(text) {
    this.inputs[0].value = localOf(text);
    this.untouched = { shown: this.inputs[0].value, text: isAware(text) ? text : "" };
  }

  /** Its inputs, if they are ticked rather than filled. @returns {HTMLInputElement[] | null} */
  get ticks() {
    const inputs = this.inputs.filter((input) => input instanceof HTMLInputElement);
    return inputs.length === this.inputs.length && inputs.every(({ type }) => type === "checkbox" || type === "radio") ? inputs : null;
  }

  /** @param {string | null} text */
  setProblem(text) {
    setOptionalText(this.problem, text);
    for (const input of this.inputs) setAttribute(input, "aria-invalid", text ? "true" : null);
  }

  focus() { (this.ticks?.find((input) => input.checked) ?? this.inputs[0])?.focus(); }
}

/** @param {Field} field @param {Record<string, unknown>} attributes @returns {Input} */
function inputFor(field, attributes) {
  const own = { ...attributes, class: "pdnb-input", placeholder: field.placeholder, maxlength: field.max_length };
  switch (field.kind) {
    case "choice": {
      const options = field.choices.map((choice) => h("option", { value: choice.key }, choice.label));
      return h("select", own, h("option", { value: "" }, field.required ? "choose…" : "no answer"), ...options);
    }
    case "boolean": return h("input", { ...attributes, type: "checkbox" });
    case "multiline": return h("textarea", { ...own, rows: "4" });
    case "list": return h("textarea", { ...own, rows: "3" });
    case "json": return h("textarea", { ...own, rows: "4", class: "pdnb-input pdnb-code", spellcheck: "false" });
    case "date": return h("input", { ...own, type: "date" });
    case "time": return h("input", { ...own, type: "time", step: "any" });
    case "datetime": return h("input", { ...own, type: "datetime-local", step: "any" });
    case "decimal": return h("input", { ...own, type: "text", inputmode: "decimal", autocomplete: "off" });
    case "number": case "integer":
      return h("input", { ...own, type: "number", min: field.minimum, max: field.maximum, step: field.step ?? "any",
        inputmode: field.kind === "integer" ? "numeric" : "decimal" });
    default: return h("input", { ...own, type: "text", autocomplete: "off" });
  }
}
