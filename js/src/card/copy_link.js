// @ts-check
// Copies a run's link. The link is in no document: it goes from the answer of the source to the clipboard.

import { button, h, setAttribute, setText, show } from "../dom.js";
import { isPaused } from "../run.js";
import { RequestError } from "../sources/request_error.js";

/** @import { Run, Source } from "../types" */

const NOTICE_MS = 8_000;
const THIS_MACHINE = /^(localhost|127\.|\[::1\]|0\.0\.0\.0)/;

export class CopyLink {
  /** @param {Source} source */
  constructor(source) {
    this.source = source;
    /** @type {Run | null} */
    this.run = null;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this.button = button("pdnb-quiet-button", "Copy link");
    this.notice = h("span", { class: "pdnb-hint", role: "status" });
    this.el = h("span", { class: "pdnb-copy" }, this.button, this.notice);
    this.button.addEventListener("click", () => void this.copy());
  }

  /** @param {Run} run */
  patch(run) {
    this.run = run;
    show(this.el, isPaused(run));
    setAttribute(this.button, "aria-label", `Copy the link that approves step ${run.step}`);
  }

  async copy() {
    if (!this.run) return;
    clearTimeout(this.timer);
    setText(this.notice, await this.outcome(this.run));
    this.timer = setTimeout(() => setText(this.notice, ""), NOTICE_MS);
  }

  /** What has come of it, for a person. @param {Run} run */
  async outcome(run) {
    try {
      const { resume_url: url } = await this.source.links(run);
      if (!url) return "This run has no link any more.";
      if (!await toClipboard(url)) return "The browser does not allow copying here.";
      return THIS_MACHINE.test(new URL(url).host) ? "Copied: reachable from this machine only" : "Copied";
    } catch (error) {
      if (error instanceof RequestError) return error.message;
      throw error;
    }
  }
}

/** Whether the browser took it. @param {string} text */
async function toClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {  // no permission, or a page that is not served securely: the old way
    let taken = false;
    const put = (/** @type {ClipboardEvent} */ event) => {
      event.clipboardData?.setData("text/plain", text);
      event.preventDefault();
      taken = true;
    };
    document.addEventListener("copy", put, { once: true });
    document.execCommand("copy");
    document.removeEventListener("copy", put);
    return taken;
  }
}
