"""What commands print about a run, and the check that a run can be answered."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from pdnb.client import Run
    from pdnb.coordination.home import Home
    from pdnb.model import RunRecord


def show_run(home: Home, run: Run, *, as_json: bool = False, links: bool = False, whole: bool = False) -> None:
    """Show *run* at the end of a command: as JSON, as a card (*whole*), or in a few sentences."""
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


def check_waits(run: RunRecord) -> None:
    """Refuse a run that is queued or running: an answer typed twice would answer its next question unread."""
    if run.status.waits or run.status.over:  # when it is over, the store's own refusal says since when
        return
    from dataclasses import asdict

    from pdnb.errors import AlreadyResumed, MovedOn
    from pdnb.views.phrases import decision_sentence

    now = f"run {run.id} is {run.status} at step {run.step!r} and waits for no answer"
    if run.decision is not None and run.decision.what == "resumed":
        raise AlreadyResumed(f"{now}. {decision_sentence(asdict(run.decision))}", at_ms=run.decision.at_ms)
    raise MovedOn(f"{now}: pdnb show {run.id}")


def _url(link: object) -> str | None:
    return None if link is None else str(link)


def put(document: Any) -> None:
    """Print one JSON document on stdout."""
    click.echo(json.dumps(document, indent=2))
