// @ts-check
import assert from "node:assert/strict";
import { before, test } from "node:test";

import { safeMarkup, safeUrl } from "../src/message.js";
import { runInAddress } from "../src/page.js";
import { isDark } from "../src/theme.js";
import { useDocument } from "./support.js";

const ID = "01kbtf7q0000000000aa";

before(() => { useDocument(); });

/** @param {string} html */
const rebuilt = (html) => {
  const el = document.createElement("div");
  el.append(safeMarkup(`<!doctype html><html><body>${html}</body></html>`));
  return el.innerHTML;  // eslint-disable-line no-restricted-properties -- read, not written
};

test("an address names a run in its fragment or as a parameter, and nothing else is one", () => {
  assert.equal(runInAddress({ hash: `#${ID}`, search: "" }), ID);
  assert.equal(runInAddress({ hash: "", search: `?run=${ID}` }), ID);
  assert.equal(runInAddress({ hash: "#<script>", search: "?run=../x" }), null);
});

test("JupyterLab's theme counts more than VS Code's, and that more than the system's", () => {
  assert.equal(isDark({ jpThemeLight: "false" }, false), true);
  assert.equal(isDark({ jpThemeLight: "true", vscodeThemeKind: "vscode-dark" }, true), false);
  assert.equal(isDark({ vscodeThemeKind: "vscode-high-contrast" }, false), true);
  assert.equal(isDark({ vscodeThemeKind: "vscode-high-contrast-light" }, true), false);
  assert.equal(isDark({}, true), true);
});

test("of a message's markup only a few elements stay, without attributes; of all else the text", () => {
  assert.equal(rebuilt('<p onclick="x()">a <b class="y">b</b></p>'), "<p>a <strong>b</strong></p>");
  assert.equal(rebuilt("<section><h1>t</h1><img src=x onerror=y></section>"), "<h3>t</h3>");
  assert.equal(rebuilt("<form><button>press</button></form>"), "press");
});

test("a link leads outward or is text", () => {
  const link = safeMarkup('<!doctype html><html><body><a href="https://example.org/x" onmouseover="y">x</a></body></html>').firstElementChild;
  const attributes = [...link?.attributes ?? []].map(({ name, value }) => `${name}=${value}`).sort();
  assert.deepEqual(attributes, ["href=https://example.org/x", "rel=noopener noreferrer", "target=_blank"]);
  assert.equal(rebuilt('<a href="javascript:alert(1)">x</a>'), "x");
  assert.deepEqual(["mailto:a@b.c", "/relative", "data:text/html,x", null].map(safeUrl), ["mailto:a@b.c", null, null, null]);
});

test("markup without an end is cut short, not followed", () => {
  assert.equal(rebuilt(`${"<em>".repeat(60)}x`).split("<em>").length - 1, 40);
});
