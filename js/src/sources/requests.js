// @ts-check
// Requests over a channel that only carries messages: an answer has the `seq` of its request.

import { NONCE } from "../dom.js";
import { RequestError } from "./request_error.js";

/**
 * @typedef {{ seq?: unknown, error?: string, problems?: string[], [name: string]: unknown }} Message
 * @typedef {{ resolve: (answer: Message) => void, reject: (error: RequestError) => void, timer: ReturnType<typeof setTimeout> }} Open
 */

const PATIENCE_MS = 10_000;

export class Requests {
  /** @param {(message: Message) => void} post @param {number} patience_ms */
  constructor(post, patience_ms = PATIENCE_MS) {
    this.post = post;
    this.patience_ms = patience_ms;
    this.count = 0;
    /** @type {Map<unknown, Open>} */
    this.open = new Map();
  }

  /** The answer to *message*; rejects with a `RequestError`. @param {Message} message @returns {Promise<Message>} */
  send(message) {
    const seq = `${NONCE}.${(this.count += 1)}`;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.open.delete(seq);
        reject(new RequestError("The kernel has not answered: it is busy, or gone. If it is busy, the request applies when it is free."));
      }, this.patience_ms);
      this.open.set(seq, { resolve, reject, timer });
      try {
        this.post({ ...message, seq });
      } catch (error) {  // JupyterLab throws once the kernel has ended
        this.open.delete(seq);
        clearTimeout(timer);
        reject(new RequestError("The kernel is gone.", 0, null, error));
      }
    });
  }

  /** Settle the request that *message* answers; those of other pages on the same channel are not here. @param {Message} message */
  receive(message) {
    const request = this.open.get(message.seq);
    if (!request) return;
    this.open.delete(message.seq);
    clearTimeout(request.timer);
    if (message.error) request.reject(new RequestError(message.error, 0, message.problems ?? null));
    else request.resolve(message);
  }
}
