// @ts-check
// A form's values as the strings an HTML form would send; what they mean is the server's to decide.

/** @import { Answer, Field } from "../types" */

/** An answer to a form; a field without a string is not sent. @param {{ field: Field, strings: string[] }[]} filled @returns {Answer} */
export function answerOfFields(filled) {
  /** @type {Record<string, string | string[]>} */
  const fields = {};
  for (const { field, strings } of filled) {
    if (strings.length) fields[field.name] = strings.length > 1 || field.kind === "choices" ? strings : strings[0];
  }
  return { fields };
}

/** An answer where no form is: a comment, or JSON as it was written, digit for digit; throws an error for a person. @param {string} text @returns {Answer} */
export function answerOfComment(text) {
  const trimmed = text.trim();
  if (!trimmed) return {};
  if (!/^[[{]/.test(trimmed)) return { json: JSON.stringify({ comment: trimmed }) };
  try {
    JSON.parse(trimmed);
    return { json: trimmed };
  } catch (error) {
    throw new Error(`What you wrote begins like JSON but is none: ${/** @type {Error} */ (error).message}`, { cause: error });
  }
}

/**
 * A problem of the server ("total: must be …", "items[2].name: …") with the field that it is about, if there is one.
 * @template {{ field: Field }} View
 * @param {string} problem
 * @param {View[]} views
 * @returns {{ view: View | null, text: string }}
 */
export function placeProblem(problem, views) {
  const about = views.filter(({ field: { name } }) => problem.startsWith(name) && /^[:.[]/.test(problem.slice(name.length)));
  const view = about.toSorted((a, b) => b.field.name.length - a.field.name.length)[0] ?? null;
  return { view, text: view ? problem.slice(view.field.name.length).replace(/^: /, "") : problem };
}

/** The numbers that a field takes, in words. @param {Field} field */
export function rangePhrase({ minimum, maximum, kind }) {
  if (kind !== "number" && kind !== "integer" && kind !== "decimal") return "";
  if (minimum != null && maximum != null) return `From ${minimum} to ${maximum}.`;
  if (minimum != null) return `At least ${minimum}.`;
  return maximum != null ? `At most ${maximum}.` : "";
}
