"""Sentences about a run: where it is, what it waited for, who decided. Their words come from the vocabulary.

Rules: pure, from *run documents* (the JSON of API and store). What users wrote goes through *quote*, which makes it
harmless where the sentence is to stand; the default is for plain text.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

from pdnb.owner_id import OwnerId
from pdnb.pauses import PAUSES, THEN, when_due
from pdnb.text import plain, utc
from pdnb.views.vocabulary import DECISIONS, OUTCOMES, PROCESSES, STATUSES, STEP_STATES, VIA, step_state

Document: TypeAlias = Mapping[str, Any]
Quote: TypeAlias = Callable[[str], str]

#: Where a run is ready and there is no leader whose workers would take it.
NO_LEADER: Final = "No server or worker serves this store just now: start pdnb serve, or pdnb worker."

_WAITING: Final = {str(entry.status) for entry in PAUSES.values()}
_SLASH: Final = r"(?:\\*/|%(?:25)*2F)"
_LINK: Final = re.compile(rf"(pdnb{_SLASH}(?:resume|cancel){_SLASH})[^\s\"'<>\\)\]]+", re.IGNORECASE)


def harmless(text: str) -> str:
    """What users wrote, fit to be shown and saved anywhere: no working link, nothing that drives a terminal."""
    return _LINK.sub(r"\1…", plain(text))


def step_states(document: Document) -> Iterator[tuple[str, str]]:
    """Each step's name with its state, a key of the vocabulary's ``STEP_STATES``."""
    status, position = document["status"], document["position"]
    for i, name in enumerate(document["steps"]):
        if i < position:
            yield name, "done"
        elif i == position:
            yield name, step_state(status)
        else:
            yield name, "unreached" if STATUSES[status].over else "upcoming"


def attempt_name(step: str, runs: int) -> str:
    """``approve``, and from the second attempt on ``approve · attempt 2``."""
    return f"{step} · attempt {runs}" if runs > 1 else step


def attempt_state(attempt: Document, document: Document) -> str:
    """The state of an *attempt* of the run *document*, a key of the vocabulary's ``STEP_STATES``."""
    present = (attempt["position"], attempt["runs"]) == (document["position"], document["runs"])
    if present and STATUSES[document["status"]].waits:
        return step_state(document["status"])
    state = OUTCOMES[attempt["outcome"]].state
    decision = attempt["decision"]
    return "cancelled" if state == "done" and decision and decision["what"] in {"cancelled", "timed out"} else state


def attempt_word(attempt: Document, document: Document) -> str:
    """How an *attempt* of the run *document* ended; while it waits, the run's status."""
    state = attempt_state(attempt, document)
    return STEP_STATES[state].word if state in _WAITING else OUTCOMES[attempt["outcome"]].word


def output_text(output: Document) -> str:
    """A notebook output as text; of what has none, its MIME types."""
    if output.get("output_type") == "stream":
        return _joined(output.get("text", ""))
    if output.get("output_type") == "error":
        return "\n".join(output.get("traceback") or [f"{output.get('ename')}: {output.get('evalue')}"])
    data = output.get("data", {})
    return _joined(data.get("text/plain", "")) or f"({', '.join(data)})"


def run_sentences(document: Document, quote: Quote = harmless) -> Iterator[str]:
    """What there is to say besides the steps: where the run is, its summary, who decided, what went wrong."""
    yield _situation(document, quote)
    if document["summary"]:
        yield quote(document["summary"])
    decision = document["decision"]
    if decision and decision["what"] in {"resumed", "cancelled"}:
        yield decision_sentence(decision, quote)
    if document["error"]:
        yield quote(document["error"])


def decision_sentence(decision: Document, quote: Quote = harmless) -> str:
    """How a pause ended: what, when, by whom, by what way, why."""
    by = f" by {quote(decision['by'])}" if decision["by"] else ""
    via = f" {VIA[decision['via']]}" if decision["via"] in VIA else ""
    reason = f": {quote(decision['reason'])}" if decision["reason"] else ""
    return f"{DECISIONS[decision['what']]} on {utc(decision['at_ms'])}{by}{via}{reason}"


def pause_sentence(pause: Document) -> str:
    """What an attempt waited for, since when, until when at most, and what was to follow then."""
    subject, verb = THEN[when_due(pause["kind"], pause["on_timeout"])]
    since, due = utc(pause["since_ms"]), utc(pause["due_ms"])
    return f"{PAUSES[pause['kind']].waited} since {since}, until {due} at most; then {subject} {verb}."


def origin(document: Document) -> str:
    """Where the run's workflow comes from: its notebook's path, the person's own directory as ``~``; else ``""``."""
    path, home = document.get("notebook") or "", str(Path.home())
    return f"~{path.removeprefix(home)}" if path.startswith(home + os.sep) else path


def process_phrase(owner: str | None) -> str:
    """In which kind of process an attempt ran; empty if that is not known."""
    process = OwnerId.parse(owner or "")
    return PROCESSES.get(process.kind, "") if process else ""


def _situation(document: Document, quote: Quote) -> str:
    status, pause, decision = document["status"], document["pause"], document["decision"]
    name, since = quote(document["step"]), utc(pause["since_ms"] if pause else document["since_ms"])
    step = f"Step {name} (attempt {document['runs']})" if document["runs"] > 1 else f"Step {name}"
    if not STATUSES[status].over:
        return f"{step} {STATUSES[status].phrase} since {since}{_due(document)}."
    ended = utc(document["ended_ms"] or document["since_ms"])
    if status == "succeeded":
        return f"Finished on {ended}."
    if status == "failed":
        return f"{step} failed on {ended}."
    if decision and decision["what"] == "timed out":
        return f"Cancelled itself on {ended}: nobody answered step {name} in time."
    return f"Cancelled in step {name} on {ended}."


def _due(document: Document) -> str:
    pause = document["pause"]
    return f", {THEN[when_due(pause['kind'], pause['on_timeout'])][1]} on {utc(pause['due_ms'])}" if pause else ""


def _joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)
