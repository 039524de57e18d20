// @ts-check
// The front end of pdnb. JupyterLab's panel is a widget (anywidget calls `render`); card and inbox are pages of their own.

import { drawTable } from "./mount.js";
import { widgetSource } from "./sources/widget.js";

/** @import { Model } from "./sources/widget.js" */

export { drawPage } from "./page.js";

export default {
  /** @param {{ model: Model, el: HTMLElement }} view @returns {() => void} what undoes it */
  render: ({ model, el }) => drawTable(el, widgetSource(model)).undo,
};
