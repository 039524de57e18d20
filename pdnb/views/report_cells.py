"""The cells of a run's report, in order: its title, its trigger, its setup, and each step with its attempts.

What users wrote stands in their Markdown as text only. Every step has a cell that defines it, once or more; code from
before an upgrade defines nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any, TypeAlias

from pdnb.errors import DefinitionError
from pdnb.model import JSON
from pdnb.text import span, utc
from pdnb.views.phrases import Document, decision_sentence, pause_sentence, process_phrase, run_sentences
from pdnb.views.quoting import fenced, fenced_json, inline
from pdnb.views.vocabulary import OUTCOMES
from pdnb.workflow.definition import Step
from pdnb.workflow.options import SETUP
from pdnb.workflow.version import WorkflowVersion

#: A cell in nbformat's shape, without its id.
Cell: TypeAlias = dict[str, Any]


def cells(
    document: Document, event: JSON, version: WorkflowVersion, earlier: Sequence[WorkflowVersion]
) -> Iterator[Cell]:
    """All cells. *document* has the run's summary and its attempts; *version* is the code the run has now.

    Code and outputs are as they were recorded, working links included; the Markdown has none.
    """
    yield from _title(document, event)
    yield from _setup(version)
    codes, executed = {code.id: code for code in (*earlier, version)}, count(1)
    for position in range(len(document["steps"])):
        yield from _step(document, position, codes, version, executed)


def _title(document: Document, event: JSON) -> Iterator[Cell]:
    credits_ = document["credits"]
    facts = [
        f"run {inline(document['id'])}",
        f"status: {document['status']}",
        f"started {utc(document['created_ms'])}",
        *([f"ended {utc(document['ended_ms'])}"] if document["ended_ms"] is not None else []),
        f"active {span(document['active_ms'])}, paused {span(document['paused_ms'])}",
        f"{credits_} credit{'' if credits_ == 1 else 's'}",
        f"code {inline(document['deployment_id'])}",
    ]
    sentences = run_sentences(document, inline)
    yield _text(f"# Run of {inline(document['workflow'])}", *sentences, "\n".join(f"- {fact}" for fact in facts))
    yield _text("## Trigger", fenced_json(event))


def _setup(version: WorkflowVersion) -> Iterator[Cell]:
    if version.setup:
        yield _text("## Setup")
    for source in version.setup:
        yield _code(f"%%setup{_of(version.name)}\n{source}")


def _step(
    document: Document,
    position: int,
    codes: Mapping[str, WorkflowVersion],
    version: WorkflowVersion,
    executed: Iterator[int],
) -> Iterator[Cell]:
    """A step with its attempts. One cell at least defines it, whatever code the attempts ran."""
    name, here = document["steps"][position], document["position"] == position
    step = next((step for step in version.steps if step.name == name), None)
    attempts = [attempt for attempt in document["attempts"] if attempt["position"] == position]
    defined = False
    for attempt in attempts:
        code = codes.get(attempt["version_id"] or version.id)
        yield _heading(document, attempt)
        if step and code is version:
            defined, source = True, _defining(version, step)
        else:
            source = _former(code, attempt)
        yield _code(source, executed=next(executed), outputs=attempt["outputs"])
        yield from _after(attempt)
    if here and document["status"] in {"queued", "running"} and document["runs"] not in {a["runs"] for a in attempts}:
        since = f"{document['status'].capitalize()} since {utc(document['since_ms'])}."
        yield _text(f"## {inline(name)}, attempt {document['runs']}: {document['status']}", since)
    elif not attempts:
        yet = "" if document["ended_ms"] is not None else " yet"
        yield _text(f"## {inline(name)}", f"not reached{yet}")
    elif step and not defined:
        yield _text(f"The present code of {inline(name)}, which has not run:")
    if step and not defined:
        yield _code(_defining(version, step))


def _heading(document: Document, attempt: Document) -> Cell:
    outcome = OUTCOMES[attempt["outcome"]].word
    current = (document["position"], document["runs"]) == (attempt["position"], attempt["runs"])
    if attempt["outcome"] == "running" and not (current and document["status"] == "running"):
        outcome = "interrupted"
    facts = [f"Began {utc(attempt['started_ms'])}"]
    if attempt["ended_ms"] is not None:
        facts.append(f"took {span(attempt['ended_ms'] - attempt['started_ms'])}")
    if place := process_phrase(attempt["owner"]):
        facts.append(f"ran {place}")
    title = f"## {inline(attempt['step'])}, attempt {attempt['runs']}: {outcome}"
    return _text(title, f"{', '.join(facts)}.")


def _after(attempt: Document) -> Iterator[Cell]:
    """What an attempt has besides its outputs; data is collapsed."""
    texts = []
    if attempt["error"] and not any(output.get("output_type") == "error" for output in attempt["outputs"]):
        texts.append(f"Error: {inline(attempt['error'])}")
    if attempt["note"]:
        texts.append(f"Note: {inline(attempt['note'])}")
    prompt = attempt["prompt"] or {}
    if prompt.get("message"):
        texts += ["People were shown:", fenced(prompt["message"])]
    if attempt["pause"]:
        texts.append(pause_sentence(attempt["pause"]))
    if attempt["decision"]:
        texts.append(f"{decision_sentence(attempt['decision'], inline)}")
    for mail in attempt["mails"]:
        to = f" to {inline(', '.join(mail['to']))}" if mail["to"] else ""
        texts.append(f"{'Mail sent' if mail['sent'] else 'Mail in the outbox'}{to}: {inline(mail['subject'])}")
        texts += [fenced(body, kind) for kind, body in (("text", mail["text"]), ("html", mail["html"])) if body]
    if texts:
        yield _text(*texts)
    data = {
        "Exports": attempt["exports"] or None,
        "Form": prompt.get("form"),
        "Request": attempt["request"],
        "Context of the rerun": attempt["context"],
    }
    for label, value in data.items():
        if value is not None:
            yield _text(
                f"{label} of {inline(attempt['step'])}, attempt {attempt['runs']}:", fenced_json(value), hide=True
            )


def _defining(version: WorkflowVersion, step: Step) -> str:
    """The source of a cell that defines *step*."""
    options = " --at-most-once" if step.at_most_once else ""
    if step.time_limit is not None:
        options += f" --time-limit={f'{step.time_limit:.6f}'.rstrip('0').rstrip('.')}"
    if step.memory_limit is not None:
        options += f" --memory-limit={step.memory_limit}"
    return f"%%step{_of(version.name)}{options} {step.name}\n{step.source}"


def _former(code: WorkflowVersion | None, attempt: Document) -> str:
    """The source of a cell that ran before an upgrade; it defines nothing."""
    was = next((step.source for step in code.steps if step.name == attempt["step"]), None) if code else None
    if was is None:
        return f"# ran other code, which is not in this report (code {attempt['version_id']})"
    return f"# the code before an upgrade (code {attempt['version_id']})\n{was}"


def _of(workflow: str) -> str:
    """The option that names *workflow*; empty if no line can hold the name, so that the file's name counts."""
    for quotes in ("", '"', "'"):
        line = f"--workflow={quotes}{workflow}{quotes}"
        with contextlib.suppress(DefinitionError):
            if SETUP.read(line).text("--workflow") == workflow and workflow.isprintable():
                return f" {line}"
    return ""


def _text(*paragraphs: str, hide: bool = False) -> Cell:
    metadata = {"jupyter": {"source_hidden": True}} if hide else {}
    return {"cell_type": "markdown", "metadata": metadata, "source": "\n\n".join(paragraphs)}


def _code(source: str, *, executed: int | None = None, outputs: Sequence[Document] = ()) -> Cell:
    """A code cell; only its own number is that of its result."""
    kept = [{**it, "execution_count": executed} if it.get("output_type") == "execute_result" else it for it in outputs]
    return {"cell_type": "code", "metadata": {}, "source": source, "execution_count": executed, "outputs": kept}
