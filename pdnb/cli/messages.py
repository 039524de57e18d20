"""What a command says of a run in the end, and what it refuses first."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from pdnb.client import Run
    from pdnb.coordination.home import Home
    from pdnb.model import RunRecord


def told(home: Home, run: Run, *, as_json: bool = False, links: bool = False, whole: bool = False) -> None:
    """Show *run* after a command: as JSON, as a card (*whole*), or in its sentences."""
    document = run.document()
    if links:
        document["links"] = {"resume_url": _url(run.resume_url), "cancel_url": _url(run.cancel_url)}
    if as_json:
        put(document)
        return
    from pdnb.cli import display
    from pdnb.views.phrases import NO_LEADER, run_sentences

    console = display.make_console()
    if whole:
        console.print(display.card(document), soft_wrap=not console.is_terminal)
    else:
        console.print(display.head(document))
        for line in run_sentences(document):
            console.print(display.text_of(line))
    for name, url in document.get("links", {}).items():
        if url:
            click.echo(f"{name} = {url}")
    hints = []
    if document["status"] == "suspended":
        hints += [f"Answer: pdnb resume {run.id} [JSON]", f"or:     pdnb cancel {run.id} [REASON]"]
    if document["status"] in ("queued", "sleeping", "suspended") and not home.has_leader():
        hints.append(NO_LEADER)
    if whole and hints:
        console.print()
    for hint in hints:
        console.print(display.text_of(hint, "dim"))


def check_waits(row: RunRecord) -> None:
    """Refuse a run that is on its way: the answer, typed twice, would answer its next question unread."""
    if row.status.waits or row.status.over:  # over: the store says since when
        return
    from dataclasses import asdict

    from pdnb.errors import AlreadyResumed, MovedOn
    from pdnb.views.phrases import decision_sentence

    now = f"run {row.id} is {row.status} at step {row.step!r} and waits for nobody"
    if row.decision is not None and row.decision.what == "resumed":
        raise AlreadyResumed(f"{now}. {decision_sentence(asdict(row.decision))}", at_ms=row.decision.at_ms)
    raise MovedOn(f"{now}: pdnb show {row.id}")


def _url(link: object) -> str | None:
    return None if link is None else str(link)


def put(document: Any) -> None:
    """One JSON document on stdout."""
    click.echo(json.dumps(document, indent=2))
