"""What happened to a run, in sentences: where it is, what it waited for, who decided.

Rules: pure, from *run documents* (the JSON of API and store). What users wrote goes through *quote*, which makes it
harmless where the sentence is to stand; the default is for bare text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from pdnb.owner_id import OwnerId
from pdnb.text import plain, utc

Document: TypeAlias = Mapping[str, Any]
Quote: TypeAlias = Callable[[str], str]

#: Where a run is ready and nobody takes it.
NO_SERVER: Final = "No server keeps this store just now: start pdnb serve, or pdnb worker."

#: How an attempt ended.
OUTCOMES: Final = {
    "running": "running", "returned": "done", "suspended": "waited", "rerun": "asked to run again", "delay": "waited",
    "exited": "ended the run", "raised": "failed", "lost": "interrupted",
}  # fmt: skip

#: By what way somebody decided.
VIA: Final = {
    "link": "by link", "card": "on the card", "panel": "in the panel", "inbox": "in the inbox",
    "magic": "in a notebook", "python": "from Python", "shell": "from the shell", "api": "through the API",
}  # fmt: skip
_WHERE: Final = {"kernel": "in a kernel", "worker": "in a worker", "shell": "in a shell", "server": "in the server"}

_SLASH: Final = r"(?:\\*/|%(?:25)*2F)"
_LINK: Final = re.compile(rf"(pdnb{_SLASH}(?:resume|cancel){_SLASH})[^\s\"'<>\\)\]]+", re.IGNORECASE)


def own(text: str) -> str:
    """What users wrote, fit to be shown and saved anywhere: no link that acts, nothing that drives a terminal."""
    return _LINK.sub(r"\1…", plain(text))


def states(document: Document) -> Iterator[tuple[str, str]]:
    """Each step with its state: ``done``, the run's own status, ``to come``, ``not reached``."""
    status, position = document["status"], document["position"]
    over = status in {"succeeded", "failed", "cancelled"}
    for i, name in enumerate(document["steps"]):
        if i < position or (i == position and status == "succeeded"):
            yield name, "done"
        elif i == position:
            yield name, status
        else:
            yield name, "not reached" if over else "to come"


def printed(output: Document) -> str:
    """A notebook output as text; of what has none, its kinds."""
    if output.get("output_type") == "stream":
        return _joined(output.get("text", ""))
    if output.get("output_type") == "error":
        return "\n".join(output.get("traceback") or [f"{output.get('ename')}: {output.get('evalue')}"])
    data = output.get("data", {})
    return _joined(data.get("text/plain", "")) or f"({', '.join(data)})"


def sentences(document: Document, quote: Quote = own) -> Iterator[str]:
    """What there is to say besides the steps: where it is, what it says of itself, who decided, what went wrong."""
    yield _now(document, quote)
    if document["summary"]:
        yield quote(document["summary"])
    decision = document["decision"]
    if decision and decision["what"] in {"resumed", "cancelled"}:
        yield decided(decision, quote)
    if document["error"]:
        yield quote(document["error"])


def decided(decision: Document, quote: Quote = own) -> str:
    """How a pause ended: what, when, by whom, by what way, why."""
    at = utc(decision["at_ms"])
    if decision["what"] == "timed out":
        return f"Nobody answered in time: timed out on {at}"
    if decision["what"] == "elapsed":
        return f"Went on by itself on {at}"
    by = f" by {quote(decision['by'])}" if decision["by"] else ""
    via = f" {VIA[decision['via']]}" if decision["via"] in VIA else ""
    reason = f": {quote(decision['reason'])}" if decision["reason"] else ""
    return f"{decision['what'].capitalize()} on {at}{by}{via}{reason}"


def waited(pause: Document) -> str:
    """What an attempt asked to wait for, since when, and until when at most."""
    since, due = utc(pause["since_ms"]), utc(pause["due_ms"])
    match pause["kind"]:
        case "suspend":
            then = "go on by itself" if pause["on_timeout"] == "resume" else "cancel itself"
            return f"Waited for a person or a callback since {since}, to {then} on {due}."
        case "rerun":
            return f"Waited since {since} to run again on {due}."
        case _:
            return f"Waited since {since} to go on with the next step on {due}."


def where(owner: str | None) -> str:
    """In which kind of process an attempt ran; empty if that is not known."""
    process = OwnerId.parse(owner or "")
    return _WHERE.get(process.kind, "") if process else ""


def _now(document: Document, quote: Quote) -> str:
    pause, decision = document["pause"], document["decision"]
    nth = f" (run {document['runs']})" if document["runs"] > 1 else ""
    step = f"Step {quote(document['step'])}{nth}"
    since = utc(pause["since_ms"] if pause else document["since_ms"])
    ended = utc(document["ended_ms"] or document["since_ms"])
    match document["status"]:
        case "suspended":
            then = "goes on by itself" if pause and pause["on_timeout"] == "resume" else "cancels itself"
            return f"{step} waits for a person since {since}{_due(document, then)}."
        case "sleeping":
            then = "runs again" if pause and pause["kind"] == "rerun" else "goes on by itself"
            return f"{step} sleeps since {since}{_due(document, then)}."
        case "succeeded":
            return f"Finished on {ended}."
        case "failed":
            return f"{step} failed on {ended}."
        case "cancelled" if decision and decision["what"] == "timed out":
            return f"Cancelled itself on {ended}: nobody answered step {quote(document['step'])} in time."
        case "cancelled":
            return f"Cancelled in step {quote(document['step'])} on {ended}."
        case status:
            return f"{step} is {status} since {since}."


def _due(document: Document, then: str) -> str:
    return f", {then} on {utc(document['due_ms'])}" if document["due_ms"] is not None else ""


def _joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)
