// @ts-check

/** Why a request was not done, for a person; `problems` are those of a form's answer, `status` is HTTP's (0: none). */
export class RequestError extends Error {
  /** @param {string} message @param {number} status @param {string[] | null} problems @param {unknown} cause */
  constructor(message, status = 0, problems = null, cause = undefined) {
    super(message, { cause });
    this.status = status;
    this.problems = problems;
  }
}
