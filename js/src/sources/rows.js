// @ts-check
// Documents from a table that describes itself; `pdnb/kernel/rows.py` writes it and says how.

/**
 * @import { Json } from "../types"
 * @typedef {Record<string, Json>} Document
 * @typedef {{ fields: string[], rows: Json[][], constants: Document, choices: Record<string, Json[]>, bases: Record<string, number> }} RowTable
 */

/** One document for each row; the values that rows have in common are shared. @param {RowTable} table @returns {Document[]} */
export function decodeRows({ fields, rows, constants, choices, bases }) {
  const common = Object.entries(constants);
  const readers = fields.map((field) => reader(choices[field], bases[field]));
  const objects = [...new Set([...fields, ...Object.keys(constants)].filter((field) => field.includes(".")).map((field) => field.split(".")[0]))];
  return rows.map((cells) => {
    /** @type {Document} */
    const document = {};
    for (const name of objects) document[name] = {};
    for (const [field, value] of common) put(document, field, value);
    fields.forEach((field, i) => put(document, field, readers[i](cells[i])));
    for (const name of objects) if (Object.values(/** @type {Document} */ (document[name])).every((value) => value === null)) document[name] = null;
    return document;
  });
}

/** What a cell stands for. @param {Json[] | undefined} values @param {number | undefined} base @returns {(cell: Json) => Json} */
function reader(values, base) {
  if (values) return (cell) => values[/** @type {number} */ (cell)];
  return base === undefined ? (cell) => cell : (cell) => (cell === null ? null : /** @type {number} */ (cell) + base);
}

/** @param {Document} document @param {string} field "status", "pause.kind" @param {Json} value */
function put(document, field, value) {
  const dot = field.indexOf(".");
  if (dot < 0) document[field] = value;
  else /** @type {Document} */ (document[field.slice(0, dot)])[field.slice(dot + 1)] = value;
}
