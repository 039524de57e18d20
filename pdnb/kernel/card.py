"""A run as notebook output: static HTML, which the live page replaces where a pdnb server can be reached.

- Both come from a *run document* (the JSON of API and store); nothing here reads the store.
- No script, and no working link: what looks like a resume or cancel link in what users printed, returned or exported is
  shortened, because notebooks are saved, mailed and published.
- The static card makes sense as bare text: some hosts drop styles (GitHub), others the frame (untrusted notebooks).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Final
from urllib.parse import quote

from pdnb.text import clip, span, utc
from pdnb.views.markdown import to_text
from pdnb.views.phrases import (
    Document,
    attempt_name,
    attempt_word,
    harmless,
    origin,
    output_text,
    run_sentences,
    step_states,
)
from pdnb.views.vocabulary import STATUSES, STEP_STATES, TONES, State

#: What a saved notebook keeps of a run's attempts: this many characters of each, of this many.
MAX_OUTPUT: Final = 4_000
MAX_ATTEMPTS: Final = 30

_BOX: Final = (
    "box-sizing:border-box;max-width:60rem;padding:14px 18px;border:1px solid rgba(128,128,128,.4);border-radius:10px;"
    "font-family:system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;font-size:13px;line-height:1.5"
)
_PRE: Final = (
    "margin:4px 0 8px;padding:8px 11px;max-height:22em;overflow:auto;border-radius:6px;background:rgba(128,128,128,.1);"
    "white-space:pre-wrap;overflow-wrap:anywhere"
)
_LINE: Final = "margin:0 0 8px"


@dataclass(frozen=True)
class Card:
    """What IPython shows for a run. *base_path* is the path of the Jupyter server (``"/"``), ``None`` without one."""

    document: Document
    base_path: str | None = None

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/html": card_html(self.document, self.base_path), "text/plain": card_text(self.document)}


def card_html(document: Document, base_path: str | None) -> str:
    """The output of ``%pdnb run``: the live page's frame with the static card inside, or the static card alone.

    *document* may lack ``exports`` and ``attempts``. *base_path* starts and ends with ``/``.
    """
    static = "\n".join(_static(document))
    if base_path is None:
        return static
    # no height: the page sets it, and where no page loads, the static card has its own
    url = escape(f"{base_path}pdnb/card/{quote(document['id'], safe='')}")
    label = escape(f"Run of {harmless(document['workflow'])}")
    frame = f'<object type="text/html" data="{url}" aria-label="{label}" style="display:block;width:100%">'
    return f"{frame}\n{static}\n</object>"


def card_text(document: Document) -> str:
    """The card for terminals: three lines and more if there is more to say."""
    steps = "   ".join(f"{STEP_STATES[state].sign} {harmless(name)}" for name, state in step_states(document))
    lines = [f"{harmless(document['workflow'])}  {document['status']}  (run {harmless(document['id'])})", f"  {steps}"]
    sentences = [*run_sentences(document), *_prompt_and_progress(document)]
    return "\n".join(lines + [f"  {line}" for text in sentences for line in text.splitlines()])


def _prompt_and_progress(document: Document) -> Iterator[str]:
    """What people are asked where the run waits for them, and how far the step at work has come."""
    prompt = document.get("prompt")
    if prompt and prompt["message"]:
        yield harmless(to_text(prompt["message"]))
    if prompt and prompt["fields"]:
        yield f"Asks for: {harmless(', '.join(field['title'] for field in prompt['fields']))}"
    for attempt in (document.get("attempts") or [])[-1:]:
        if progress := attempt.get("progress"):
            text = f" · {harmless(progress['text'])}" if progress["text"] else ""
            yield f"{progress['done']:g} of {progress['total']:g}{text}"


def _static(document: Document) -> Iterator[str]:
    status = STATUSES[document["status"]]
    steps = "&ensp;→&ensp;".join(
        f"{_sign(STEP_STATES[state])}&nbsp;<b>{_html(name)}</b> <small>{STEP_STATES[state].word}</small>"
        for name, state in step_states(document)
    )
    yield f'<div style="{_BOX}">'
    yield (
        f'<p style="{_LINE}"><b style="font-size:1.15em">{_html(document["workflow"])}</b>'
        f"&ensp;{_sign(status)}&nbsp;{status.word}</p>"
    )
    yield f'<p style="margin:0 0 10px;line-height:2">{steps}</p>'
    for text in (*run_sentences(document), *_prompt_and_progress(document)):
        yield f'<p style="{_LINE};white-space:pre-line;overflow-wrap:anywhere">{escape(text)}</p>'
    attempts = document.get("attempts") or []
    if len(attempts) > MAX_ATTEMPTS:
        yield f'<p style="{_LINE}"><small>{len(attempts) - MAX_ATTEMPTS} earlier attempts are not shown.</small></p>'
    for attempt in attempts[-MAX_ATTEMPTS:]:
        yield from _attempt(attempt, document)
    credits_ = document["credits"]
    paused = f" · paused {span(document['paused_ms'])}" if document.get("paused_ms") else ""
    yield (
        f'<p style="margin:0"><small>Started {utc(document["created_ms"])} · active {span(document["active_ms"])}'
        f"{paused} · {credits_} credit{'' if credits_ == 1 else 's'} "
        f" · run {_html(document['id'])}{_origin(document)}</small></p>"
    )
    yield "</div>"


def _attempt(attempt: Document, document: Document) -> Iterator[str]:
    parts = [text for output in attempt["outputs"] if (text := output_text(output))]
    if attempt["error"] and not any(output.get("output_type") == "error" for output in attempt["outputs"]):
        parts.append(attempt["error"])
    for mail in attempt.get("mails", ()):
        to = f" to {', '.join(mail['to'])}" if mail["to"] else ""
        sent = "mail sent" if mail["sent"] else "mail in the outbox"
        parts.append(f"{sent}{to}: {mail['subject']}\n{mail['text'] or ''}")
    value = attempt["exports"].get("$return_value")
    if value is not None:
        parts.append(f"→ {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}")
    if not parts:
        return
    note = f", {attempt['note']}" if attempt["note"] else ""
    head = f"{attempt_name(attempt['step'], attempt['runs'])}: {attempt_word(attempt, document)}{note}"
    text = clip(harmless("\n".join(part.rstrip("\n") for part in parts)), MAX_OUTPUT)
    yield f'<details><summary>{_html(head)}</summary><pre style="{_PRE}">{escape(text)}</pre></details>'


def _sign(state: State) -> str:
    """The colour is one for white paper and dark theme alike: no style sheet is there that could tell them apart."""
    return f'<span style="color:{TONES[state.tone].any}">{state.sign}</span>'


def _origin(document: Document) -> str:
    path = origin(document)
    return f" · from {_html(path)}" if path else ""


def _html(text: str) -> str:
    return escape(harmless(text))
