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
from pdnb.views.phrases import (
    Document,
    attempt_name,
    attempt_state,
    attempt_word,
    decision_sentence,
    harmless,
    origin,
    output_text,
    process_phrase,
    run_sentences,
    step_states,
)
from pdnb.views.vocabulary import DIFF_TONES, STATUSES, STEP_STATES, TONES, State

_OTHER_COLUMNS: Final = 56  # columns that the list of runs needs besides the names of workflows and steps
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
    """What a user wrote, as text that can do nothing else."""
    return Text(harmless(value), style)


def head(document: Document) -> Text:
    """Which run, and its status."""
    return Text.assemble(f"run {document['id']} of ", (harmless(document["workflow"]), "bold"), "  ", status(document))


def status(document: Document) -> Text:
    """A run's status: sign, word and colour."""
    entry = STATUSES[document["status"]]
    return Text(f"{entry.sign} {entry.word}", style(entry))


def style(entry: State) -> str:
    """The colour of a state, as rich names it."""
    return TONES[entry.tone].terminal


def runs_table(documents: Sequence[Document], now_ms: int, width: int) -> Table:
    """The list of runs, in *width* columns if that can be."""
    names = [max(len(harmless(it[what])) for it in documents) for what in ("workflow", "step")]
    room = max(16, width - _OTHER_COLUMNS)
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
            status(it),
            _one_line(it["step"]),
            _short(now_ms - it["since_ms"]),
            "" if due_ms is None else _short(due_ms - now_ms),
            str(it["credits"]),
        )
    return table


def card(document: Document) -> Group:
    """One run in full: its steps, its sentences, the event that started it, every attempt."""
    credits_ = document["credits"]
    facts = (
        f"run {document['id']} · started {utc(document['created_ms'])} · active {span(document['active_ms'])}"
        f" · paused {span(document['paused_ms'])} · {credits_} credit{'' if credits_ == 1 else 's'}"
        + (f" · from {harmless(path)}" if (path := origin(document)) else "")
    )
    sentences = [text_of(line) for line in run_sentences(document)]
    title = Text.assemble((harmless(document["workflow"]), "bold"), "  ", status(document))
    parts: list[RenderableType] = [title, steps(document), *sentences]
    prompt = document["prompt"]
    if prompt and prompt["message"]:
        parts += [Text("People are shown:"), _indented(prompt["message"])]
    parts += [Text(facts, "dim")]
    event = document["exports"]["trigger"]["event"]
    if event is not None:
        parts += [Text("\ntrigger", "bold"), _indented(as_json(event))]
    for attempt in document["attempts"]:
        parts += [Text(), *_attempt(attempt, document)]
    return Group(*parts)


def _attempt(attempt: Document, document: Document) -> Iterator[RenderableType]:
    facts = [attempt_word(attempt, document)]
    if attempt["ended_ms"] is not None:
        facts.append(f"took {seconds(attempt['ended_ms'] - attempt['started_ms'])}")
    facts += [fact for fact in (process_phrase(attempt["owner"]), harmless(attempt["note"] or "")) if fact]
    name = attempt_name(harmless(attempt["step"]), attempt["runs"])
    state = STEP_STATES[attempt_state(attempt, document)]
    yield Text.assemble((name, "bold"), "  ", (", ".join(facts), style(state)))
    # an execute_result is the step's return value, and comes with the exports
    parts = [output_text(it) for it in attempt["outputs"] if it.get("output_type") != "execute_result"]
    if attempt["error"] and not any(output.get("output_type") == "error" for output in attempt["outputs"]):
        parts.append(attempt["error"])
    parts += [f"{'mail sent' if m['sent'] else 'mail in the outbox'}: {m['subject']}" for m in attempt["mails"]]
    for name, value in attempt["exports"].items():
        parts.append(f"{'→' if name == '$return_value' else f'{name} ='} {as_json(value)}")
    if attempt["decision"]:
        parts.append(decision_sentence(attempt["decision"]))
    if attempt["request"] and attempt["request"].get("body") is not None:
        parts.append(f"answer: {as_json(attempt['request']['body'])}")
    if attempt.get("progress"):
        parts.append(far(attempt["progress"]))
    for text in parts:
        if text.strip():
            yield _indented(_cut(text.rstrip("\n")))


def steps(document: Document, times: dict[str, str] | None = None) -> Table:
    """The steps, a line each, with their states; *times* by step."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    for name, key in step_states(document):
        state = STEP_STATES[key]
        row = [Text(f"  {state.sign}", style(state)), _one_line(clip(name, _MAX_NAME)), Text(state.word, style(state))]
        table.add_row(*row, *([] if times is None else [_one_line(times.get(name, ""), "dim")]))
    return table


def far(progress: Document) -> str:
    """The progress of a step, as the step has reported it."""
    done, total, text = progress["done"], progress["total"], progress["text"]
    share = f"{min(1.0, max(0.0, done / total)):.0%}" if total else f"{done:g}"
    return f"{share} {text}" if text else share


def diff(text: str) -> Text:
    """A unified diff in its colours."""
    styles = {sign: TONES[tone].terminal for sign, tone in DIFF_TONES.items()}
    lines = (Text(harmless(line), styles.get(line[:1], "")) for line in text.splitlines())
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
