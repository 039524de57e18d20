"""How runs look in a terminal: a table, a card, the steps while they run; colours never stand alone."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final, TextIO

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from pdnb.text import clip, span, utc
from pdnb.views.phrases import OUTCOMES, Document, decided, own, printed, sentences, states, where

#: Sign, word, style.
STATES: Final[dict[str, tuple[str, str, str]]] = {
    "done": ("✓", "done", "green"),
    "succeeded": ("✓", "succeeded", "green"),
    "queued": ("◌", "queued", "dim"),
    "running": ("▶", "running", "blue"),
    "suspended": ("◆", "suspended", "yellow"),
    "sleeping": ("◷", "sleeping", "magenta"),
    "failed": ("✕", "failed", "red"),
    "cancelled": ("⊘", "cancelled", "dim"),
    "to come": ("○", "to come", "dim"),
    "not reached": ("○", "not reached", "dim"),
}
_ENDS: Final = {"raised": "red", "returned": "green", "exited": "green", "lost": "red"}
_LINES: Final = {"+": "green", "-": "red", "@": "cyan"}
_REST: Final = 56  # columns that the list of runs needs besides the names of workflows and steps
_MAX_OUTPUT: Final = 20_000
_MAX_NAME: Final = 40  # of a step in the list of steps: what stands behind it fits into 80 columns


def make_console(stream: TextIO | None = None) -> Console:
    """A console on *stream* (default: stdout as it is now); where that is no terminal, no line is broken."""
    file = stream or sys.stdout
    console = Console(file=file, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console = Console(file=file, highlight=False, markup=False, emoji=False, color_system=None, width=10_000)
    return console


def text_of(value: str, style: str = "") -> Text:
    """What a person or a step wrote, as text without markup or terminal codes."""
    return Text(own(value), style)


def head(document: Document) -> Text:
    """A line that names the run and its status."""
    return Text.assemble(
        f"run {document['id']} of ", (own(document["workflow"]), "bold"), "  ", state(document["status"])
    )


def state(name: str) -> Text:
    """A status as sign and word in its colour."""
    sign, word, style = STATES[name]
    return Text(f"{sign} {word}", style)


def runs_table(documents: Sequence[Document], now_ms: int, width: int) -> Table:
    """The list of runs as a table, at most *width* characters wide where that is possible."""
    names = [max(len(own(it[what])) for it in documents) for what in ("workflow", "step")]
    room = max(16, width - _REST)
    least = min(*names, room // 2)
    workflow, step = (min(name, room - least) if name > room // 2 else name for name in names)
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("run", no_wrap=True)
    table.add_column("workflow", no_wrap=True, overflow="ellipsis", max_width=max(8, workflow))
    table.add_column("status", no_wrap=True)
    table.add_column("step", no_wrap=True, overflow="ellipsis", max_width=max(8, step))
    for name in ("since", "due in", "credits"):
        table.add_column(name, no_wrap=True, justify="right", min_width=6)
    for it in documents:
        due_ms = it["due_ms"]
        table.add_row(
            text_of(it["id"]),
            _one_line(it["workflow"]),
            state(it["status"]),
            _one_line(it["step"]),
            _short(now_ms - it["since_ms"]),
            "" if due_ms is None else _short(due_ms - now_ms),
            str(it["credits"]),
        )
    return table


def card(document: Document) -> Group:
    """One run in full."""
    credits_ = document["credits"]
    facts = (
        f"run {document['id']} · started {utc(document['created_ms'])} · active {span(document['active_ms'])}"
        f" · paused {span(document['paused_ms'])} · {credits_} credit{'' if credits_ == 1 else 's'}"
    )
    said = [text_of(line) for line in sentences(document)]
    title = Text.assemble((own(document["workflow"]), "bold"), "  ", state(document["status"]))
    parts: list[RenderableType] = [title, steps(document), *said]
    prompt = document["prompt"]
    if prompt and prompt["message"]:
        parts += [Text("People are shown:"), _indented(prompt["message"])]
    parts += [Text(facts, "dim")]
    event = document["exports"]["trigger"]["event"]
    if event is not None:
        parts += [Text("\ntrigger", "bold"), _indented(as_json(event))]
    for attempt in document["attempts"]:
        present = (attempt["position"], attempt["runs"]) == (document["position"], document["runs"])
        waits = present and document["status"] in ("suspended", "sleeping")
        parts += [Text(), *_attempt(attempt, document["status"] if waits else None)]
    return Group(*parts)


def _attempt(attempt: Document, now: str | None) -> Iterator[RenderableType]:
    nth = f" · run {attempt['runs']}" if attempt["runs"] > 1 else ""
    facts = [now or OUTCOMES.get(attempt["outcome"], str(attempt["outcome"]))]
    if attempt["ended_ms"] is not None:
        facts.append(f"took {seconds(attempt['ended_ms'] - attempt['started_ms'])}")
    facts += [fact for fact in (where(attempt["owner"]), own(attempt["note"] or "")) if fact]
    style = _ENDS.get(attempt["outcome"], "")
    yield Text.assemble((own(attempt["step"]) + nth, "bold"), "  ", (", ".join(facts), style))
    said = [
        printed(it) for it in attempt["outputs"] if it.get("output_type") != "execute_result"
    ]  # it is returned, too
    if attempt["error"] and not any(output.get("output_type") == "error" for output in attempt["outputs"]):
        said.append(attempt["error"])
    said += [f"{'mail sent' if m['sent'] else 'mail in the outbox'}: {m['subject']}" for m in attempt["mails"]]
    for name, value in attempt["exports"].items():
        said.append(f"{'→' if name == '$return_value' else f'{name} ='} {as_json(value)}")
    if attempt["decision"]:
        said.append(decided(attempt["decision"]))
    if attempt["request"] and attempt["request"].get("body") is not None:
        said.append(f"answer: {as_json(attempt['request']['body'])}")
    if attempt.get("progress"):
        said.append(far(attempt["progress"]))
    for text in said:
        if text.strip():
            yield _indented(_cut(text.rstrip("\n")))


def steps(document: Document, times: dict[str, str] | None = None) -> Table:
    """The steps, a line each, with their states; *times* by step."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    for name, now in states(document):
        sign, word, style = STATES[now]
        row = [Text(f"  {sign}", style), _one_line(clip(name, _MAX_NAME)), Text(word, style)]
        table.add_row(*row, *([] if times is None else [_one_line(times.get(name, ""), "dim")]))
    return table


def far(progress: Document) -> str:
    """The progress of a step, as the step has reported it."""
    done, total, text = progress["done"], progress["total"], progress["text"]
    share = f"{min(1.0, max(0.0, done / total)):.0%}" if total else f"{done:g}"
    return f"{share} {text}" if text else share


def diff(text: str) -> Text:
    """A unified diff in its colours."""
    lines = (Text(own(line), _LINES.get(line[:1], "")) for line in text.splitlines())
    return Text("\n").join(lines)


def as_json(value: Any) -> str:
    """JSON to read: on one line if it is short."""
    line = json.dumps(value, ensure_ascii=False)
    return line if len(line) <= 100 else json.dumps(value, ensure_ascii=False, indent=2)


def seconds(ms: int) -> str:
    """A number of milliseconds: a short time to a tenth of a second, a long one in its units."""
    return f"{max(0, ms) / 1000:.1f} s" if ms < 60_000 else span(ms)


def _short(ms: int) -> str:
    return " ".join(span(ms).split(" ")[:2])


def _one_line(value: str, style: str = "") -> Text:
    return text_of(" ".join(value.split()), style)


def _indented(value: str) -> Text:
    return text_of("\n".join(f"  {line}" for line in value.splitlines()))


def _cut(text: str) -> str:
    left = len(text) - _MAX_OUTPUT
    return text if left <= 0 else f"{text[:_MAX_OUTPUT]}\n… {left} more characters: pdnb show RUN --json"
