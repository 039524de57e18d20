// @ts-check
// JSON without rounding: what JavaScript's numbers cannot hold (9007199254740993), or would write otherwise (7.0), keeps
// its digits.

import { LosslessNumber, parse, stringify } from "lossless-json";

/** @import { Json } from "./types" */

/** A number as JavaScript's where that says the same. @param {string} text */
const numberOf = (text) => (String(Number(text)) === text ? Number(text) : new LosslessNumber(text));

/** The value of a JSON text, each number with its digits; throws a `SyntaxError`. @param {string} text @returns {any} */
export const parseExact = (text) => parse(text, undefined, numberOf);

/** A value as JSON, the inverse of {@link parseExact}. @param {Json} value @param {number} [indent] @returns {string} */
export const exactText = (value, indent) => stringify(value, undefined, indent) ?? "null";
