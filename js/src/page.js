// @ts-check
// The pages of pdnb: a card, and the inbox.

import { parseExact } from "./exact.js";
import { fitFrame } from "./frame.js";
import { drawCard, drawTable } from "./mount.js";
import { apiSource } from "./sources/api.js";

/** Start what a page asks for in the data attributes of *root*. @param {HTMLElement} root */
export function drawPage(root) {
  const { view, base = "/", run = "" } = root.dataset;
  const initial = document.getElementById("pdnb-initial")?.textContent;
  fitFrame(root);
  if (view === "card") drawCard(root, apiSource(base, "card"), run, initial ? parseExact(initial) : null);
  else drawInbox(root, base);
}

/** The run that an address names, in its fragment or as `?run=`; `null`: none. @param {{ hash: string, search: string }} address */
export function runInAddress({ hash, search }) {
  const named = [hash.slice(1), new URLSearchParams(search).get("run") ?? ""];
  return named.find((id) => /^[0-9a-z]{20}$/.test(id)) ?? null;
}

/** The table as a page: its title says how many wait, and its address which run is shown. @param {HTMLElement} root @param {string} base */
function drawInbox(root, base) {
  const name = document.title;
  const { table } = drawTable(root, apiSource(base, "inbox"), {
    onUpdate(waiting) { document.title = waiting ? `(${waiting}) ${name}` : name; },
    onShow(id) { history.replaceState(null, "", `${location.pathname}${id ? `#${id}` : ""}`); },
  });
  const follow = () => {
    const id = runInAddress(location);
    if (id) table.show(id);
    else table.hide();
  };
  addEventListener("hashchange", follow);
  if (runInAddress(location)) follow();
}
