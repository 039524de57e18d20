// @ts-check
// As light or dark as the host: this document's JupyterLab, the one around this frame, VS Code, or the system.

import { setAttribute } from "./dom.js";

/** What a page in a frame takes over from the JupyterLab around it. */
const BORROWED = ["layout-color0", "layout-color1", "layout-color2", "ui-font-color0", "ui-font-color1", "border-color1", "border-color2",
  "brand-color1", "ui-inverse-font-color0", "ui-font-family", "ui-font-size1", "code-font-family"].map((name) => `--jp-${name}`);
const STYLE_SHEET_LATE_MS = 300;

/** Whether it is dark, by what a host says in its `body`. @param {DOMStringMap} dataset @param {boolean} systemIsDark */
export function isDark({ jpThemeLight, vscodeThemeKind }, systemIsDark) {
  if (jpThemeLight !== undefined) return jpThemeLight === "false";
  if (vscodeThemeKind) return /dark|black/.test(vscodeThemeKind) || vscodeThemeKind === "vscode-high-contrast";
  return systemIsDark;
}

/** The document whose theme counts. */
function hostDocument() {
  const isThemed = (/** @type {Document} */ doc) => doc.body?.dataset.jpThemeLight !== undefined;
  try {
    if (!isThemed(document) && isThemed(window.parent.document)) return window.parent.document;
  } catch { /* another origin's frame: its theme cannot be seen */ }
  return document;
}

/** Keep *root* in the host's theme. @param {HTMLElement} root @returns {() => void} what stops that */
export function followTheme(root) {
  const host = hostDocument();
  const system = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const theme = isDark(host.body.dataset, system.matches) ? "dark" : "light";
    setAttribute(root, "data-theme", theme);
    if (document.body.classList.contains("pdnb-page")) setAttribute(document.body, "data-theme", theme);
    if (host === document) return;
    const theirs = (host.defaultView ?? window).getComputedStyle(host.body);
    for (const name of BORROWED) document.body.style.setProperty(name, theirs.getPropertyValue(name));
  };
  const observer = new MutationObserver(() => { apply(); setTimeout(apply, STYLE_SHEET_LATE_MS); });
  observer.observe(host.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "data-jp-theme-name", "data-vscode-theme-kind"] });
  system.addEventListener("change", apply);
  apply();
  return () => { observer.disconnect(); system.removeEventListener("change", apply); };
}
