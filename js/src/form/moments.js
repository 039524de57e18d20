// @ts-check
// Moments in the zone of this browser: shown as a date and a time of day, sent with their offset.

const MOMENT = /^(\d{4}-\d\d-\d\d)[t ](\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?)\d*(z|[+-]\d\d:\d\d)?$/i;

/** @param {number} n @param {number} digits */
const padded = (n, digits = 2) => String(n).padStart(digits, "0");

/** The name of this browser's zone. */
export const zoneName = () => Intl.DateTimeFormat().resolvedOptions().timeZone;

/** Whether a moment says its offset. @param {string} text */
export const isAware = (text) => Boolean(MOMENT.exec(text.trim())?.[3]);

/** A moment as an input for a date and a time shows it; without an offset it is local already. @param {string} text @returns {string} `""`: it is none */
export function localOf(text) {
  const [, date, time, offset] = MOMENT.exec(text.trim()) ?? [];
  if (!date) return "";
  if (!offset) return `${date}T${time}`;
  const moment = new Date(`${date}T${time}${offset.toUpperCase()}`);
  return Number.isNaN(moment.getTime()) ? "" : wallClock(moment);
}

/** What such an input holds, with its offset: "2025-01-31T12:30:00+01:00". An hour that the clocks skip is one hour later. @param {string} local */
export function awareOf(local) {
  const moment = new Date(local);
  if (!local || Number.isNaN(moment.getTime())) return local;
  const offset = -moment.getTimezoneOffset();
  const minutes = Math.abs(offset);
  return `${wallClock(moment)}${offset < 0 ? "-" : "+"}${padded(Math.floor(minutes / 60))}:${padded(minutes % 60)}`;
}

/** A list of moments, one a line, each with its offset; what is no moment stays. @param {string} text */
export const awareLines = (text) => text.split("\n").map((line) => (MOMENT.test(line.trim()) && !isAware(line) ? awareOf(localOf(line)) : line)).join("\n");

/** @param {Date} moment */
function wallClock(moment) {
  const date = `${padded(moment.getFullYear(), 4)}-${padded(moment.getMonth() + 1)}-${padded(moment.getDate())}`;
  const time = [moment.getHours(), moment.getMinutes(), moment.getSeconds()].map((n) => padded(n)).join(":");
  const rest = moment.getMilliseconds();
  return `${date}T${time}${rest ? `.${padded(rest, 3)}` : ""}`;
}
