// @ts-check
// What goes along with an approval: the form's fields, or a comment for those who want to leave one.

import { h, show, uniqueId } from "../dom.js";
import { FieldView } from "./field.js";
import { answerOfComment, answerOfFields, placeProblem } from "./values.js";

/**
 * @import { Answer, RunDetail } from "../types"
 * @typedef {{ key: string | null, values: string[][], text: string, open: boolean }} AnswerDraft
 */

export class AnswerForm {
  constructor() {
    const [id, hint] = [uniqueId(), uniqueId()];
    /** What is asked: the fields change with it. @type {string | null} */
    this.key = null;
    /** @type {FieldView[]} */
    this.views = [];
    this.text = h("textarea", { class: "pdnb-input", id, rows: "2", "aria-describedby": hint });
    this.comment = h("details", { class: "pdnb-comment" }, h("summary", {}, "Add a comment or data"), h("div", { class: "pdnb-field" },
      h("label", { for: id, class: "pdnb-label" }, "Comment"),
      h("p", { class: "pdnb-hint", id: hint }, 'The workflow receives it with your approval as {"comment": …}, and JSON as it is.'), this.text));
    this.alert = h("div", { class: "pdnb-problems", role: "alert", hidden: "" });
    this.fields = h("div", { class: "pdnb-form", role: "group", "aria-label": "Your answer" });
    this.el = h("div", { class: "pdnb-answer", hidden: "" }, this.alert, this.fields, this.comment);
  }

  /** @param {RunDetail} run */
  patch(run) {
    const fields = run.prompt?.fields ?? null;
    const key = run.status === "suspended" && run.prompt !== undefined ? `${run.step} ${run.runs} ${JSON.stringify(fields)}` : null;
    if (key !== this.key) {
      this.key = key;
      this.views = key === null ? [] : (fields ?? []).map((field) => new FieldView(field));
      this.fields.replaceChildren(...this.views.map((view) => view.el));
      this.text.value = "";
      this.showProblems([]);
    }
    show(this.el, key !== null);
    show(this.fields, this.views.length);
    show(this.comment, !fields);
  }

  /** What to send; throws an error for a person when it cannot be read. @param {RunDetail} run @returns {Answer} */
  read(run) {
    if (run.prompt?.fields) return answerOfFields(this.views);
    try {
      return answerOfComment(this.comment.open ? this.text.value : "");
    } catch (error) {
      this.text.focus();
      throw error;
    }
  }

  /** Say what the server found wrong: in a list, at each field, and with the focus on the first. @param {string[]} problems */
  showProblems(problems) {
    for (const view of this.views) view.setProblem(null);
    const lines = problems.map((problem) => {
      const { view, text } = placeProblem(problem, this.views);
      if (view?.problem.hidden) view.setProblem(text.charAt(0).toUpperCase() + text.slice(1));
      return view ? `${view.field.title}: ${text}` : problem;
    });
    show(this.alert, lines.length);
    this.alert.replaceChildren();
    if (!lines.length) return;
    const count = lines.length === 1 ? "One answer needs" : `${lines.length} answers need`;
    this.alert.append(h("p", {}, `${count} a correction. Nothing was sent on.`), h("ul", {}, ...lines.map((line) => h("li", {}, line))));
    this.views.find((view) => !view.problem.hidden)?.focus();
  }

  focus() { this.views[0]?.focus(); }

  /** What a person has filled in so far. @returns {AnswerDraft} */
  get draft() {
    return { key: this.key, values: this.views.map((view) => view.strings), text: this.text.value, open: this.comment.open };
  }

  set draft({ key, values, text, open }) {
    if (key !== this.key) return;
    values.forEach((strings, i) => { this.views[i].strings = strings; });
    [this.text.value, this.comment.open] = [text, open];
  }
}
