// The shapes that travel: run documents as API and kernel send them, and what a source of runs offers.

import type { LosslessNumber } from "lossless-json";

/** A number that JavaScript's would round is a `LosslessNumber`: it is shown as its text, and nothing counts with it. */
export type Json = null | boolean | number | LosslessNumber | string | Json[] | { [key: string]: Json };
export type Status = "queued" | "running" | "suspended" | "sleeping" | "succeeded" | "failed" | "cancelled";
export type StepState = Exclude<Status, "succeeded"> | "done" | "upcoming" | "unreached";
export type PauseKind = "suspend" | "rerun" | "delay";
export type Action = "resume" | "cancel" | "retry";
export type Outcome = "running" | "returned" | "suspended" | "rerun" | "delay" | "exited" | "raised" | "lost";

/** What a run waits for; `form`: whether an answer has to fit a form. Times are milliseconds since 1970. */
export interface Pause {
  kind: PauseKind;
  since_ms: number;
  due_ms: number;
  on_timeout: "cancel" | "resume";
  confirm: boolean;
  form: boolean;
}

/** How a pause ended, or who retried a failed run. */
export interface Decision {
  what: "resumed" | "cancelled" | "timed out" | "elapsed" | "retried";
  at_ms: number;
  via: string;
  by: string | null;
  reason: string | null;
}

export interface Choice {
  key: string;
  label: string;
  value: Json;
}

/** One property of a form; `strings` are those with which it begins, as an HTML form would send them. */
export interface Field {
  name: string;
  title: string;
  description: string;
  kind: "text" | "multiline" | "number" | "integer" | "decimal" | "boolean" | "choice" | "choices" | "date" | "time" | "datetime" | "list" | "mixed" | "json" | (string & {});
  required: boolean;
  strings: string[];
  hint: string;
  entry?: Field | null;
  choices: Choice[];
  minimum: number | LosslessNumber | null;
  maximum: number | LosslessNumber | null;
  step: number | LosslessNumber | null;
  max_length: number | null;
  placeholder: string | null;
}

/** What people are shown where a run waits for them; `message_html` was made safe by the server. */
export interface Prompt {
  message: string | null;
  message_html: string | null;
  fields: Field[] | null;
  after: string | null;
}

/** A notebook output (nbformat). */
export interface Output {
  output_type: string;
  name?: string;
  text?: string | string[];
  data?: { [mime: string]: Json };
  ename?: string;
  evalue?: string;
  traceback?: string[];
}

export interface Mail {
  subject: string;
  to?: string[];
  text?: string | null;
  html?: string | null;
  sent?: boolean;
}

export interface ProgressNote {
  done?: number | LosslessNumber | null;
  total?: number | LosslessNumber | null;
  text?: string | null;
}

/** One go at one step; `runs` counts the attempts at it from 1. */
export interface Attempt {
  step: string;
  position: number;
  runs: number;
  started_ms: number;
  ended_ms?: number | null;
  outcome: Outcome;
  exports?: { [name: string]: Json };
  outputs?: Output[];
  mails?: Mail[];
  decision?: Decision | null;
  note?: string | null;
  error?: string | null;
  progress?: ProgressNote | null;
}

/** A run as lists show it; `runs` is the number of the present attempt at `step`. */
export interface Run {
  id: string;
  workflow: string;
  steps: string[];
  step: string;
  position: number;
  runs: number;
  status: Status;
  revision: number;
  created_ms: number;
  since_ms: number;
  ended_ms: number | null;
  pause: Pause | null;
  early: Decision | null;
  decision: Decision | null;
  error: string | null;
  summary: string | null;
  credits: number;
  deployment_id?: string;
  by: string | null;
}

/** A run by itself: with all attempts, and what people are asked. */
export interface RunDetail extends Run {
  attempts?: Attempt[];
  exports?: { [step: string]: { [name: string]: Json } };
  notebook?: string | null;
  prompt?: Prompt | null;
}

/** What goes along with a resume: nothing, a text of JSON, or a form's fields as the strings an HTML form would send. */
export interface Answer {
  json?: string;
  fields?: { [name: string]: string | string[] };
}

export interface Watch {
  /** Ask now. */
  refresh(): void;
  /** Show older runs as well, where a list is cut off. */
  more(): void;
  stop(): void;
}

/** `next`: the cursor of the page before, where there is one; `complete`: whether all pages are here. */
export interface Page {
  next: string | null;
  complete: boolean;
}

/** Where runs come from and where decisions go: the HTTP API or a widget. Errors are `RequestError`. */
export interface Source {
  watchRun(id: string, el: Element, draw: (run: RunDetail) => void, trouble: (message: string | null) => void): Watch;
  watchList(limit: number, el: Element, draw: (runs: Run[], page: Page) => void, trouble: (message: string | null) => void): Watch;
  resume(run: Run, answer?: Answer): Promise<Run>;
  cancel(run: Run, reason?: string): Promise<Run>;
  retry(run: Run): Promise<Run>;
  links(run: Run): Promise<{ resume_url: string | null; cancel_url: string | null }>;
}
