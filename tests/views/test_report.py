"""A run as a notebook: everything that happened is in it, nothing that acts is, and it is the workflow again."""

from __future__ import annotations

import json
import resource
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from nbconvert import HTMLExporter

from pdnb.capture.snapshot import snapshot
from pdnb.errors import DefinitionError
from pdnb.links import Links, Target
from pdnb.model import Attempt, Cancelled, Claimed, Decision, Lost, Pause, Prompt, Resumed, Retried, RunRecord, Status
from pdnb.request import from_person
from pdnb.testing import EPOCH_MS, Sandbox
from pdnb.views.documents import redacted_attempt
from pdnb.views.report import default_path, notebook, write
from pdnb.workflow.definition import Step, Workflow
from pdnb.workflow.version import Environment, WorkflowVersion

if TYPE_CHECKING:
    from nbformat import NotebookNode

T0 = EPOCH_MS
TOKEN = Links(b"x" * 32).token("resume", Target("0123456789abcdefghjk", "draft", 1))
HOSTILE = (
    "``` <img src=x onerror=alert(1)>\n\n````\n<script>alert(2)</script> $\\href{javascript:alert(3)}{x}$ "
    "[a](javascript:b) # `x` ~~~\x1b[31m"
)
SETUP = "import math\n\nN = 2"
DRAFT = "print('drafting', N)\nmath.floor(N / 2)"
PUBLISH = "print('published')"
HERE = Environment("python", "/", ())


def launch(approve: str, name: str = "launch") -> Workflow:
    """Three steps, of which the second asks for something."""
    return Workflow(name, (Step("draft", DRAFT), Step("approve", approve), Step("publish", PUBLISH)), (SETUP,))


def begun(sandbox: Sandbox, approve: str) -> str:
    return sandbox.run(launch(approve), {"to": "me"}).id


def suspended(sandbox: Sandbox) -> str:
    return begun(sandbox, "step.flow.suspend(3_600_000)\nstep.send.email('Please', text='look at it', to='a@b.cd')")


def resumed(sandbox: Sandbox) -> str:
    run = suspended(sandbox)
    row = sandbox.home.store.get(run)
    sandbox.now_ms += 90_000
    request = from_person("panel", "ann", {"ok": True})
    sandbox.home.store.apply(run, Resumed(sandbox.now_ms, row.step, row.runs, "panel", "ann", request))
    sandbox.work()
    return run


def cancelled(sandbox: Sandbox) -> str:
    run = suspended(sandbox)
    row = sandbox.home.store.get(run)
    sandbox.home.store.apply(run, Cancelled(sandbox.now_ms, row.step, row.runs, "card", "bob", "too late"))
    return run


def timed_out(sandbox: Sandbox) -> str:
    run = suspended(sandbox)
    sandbox.advance(timedelta(hours=2))
    return run


def rerun(sandbox: Sandbox) -> str:
    run = begun(
        sandbox, "print('try', step.context['run']['runs'])\nstep.flow.rerun(60_000, {'seen': 3}, max_retries=2)"
    )
    sandbox.advance(timedelta(hours=1))
    return run


def delayed(sandbox: Sandbox) -> str:
    return begun(sandbox, "step.flow.delay(60_000)")


def exited(sandbox: Sandbox) -> str:
    return begun(sandbox, "step.flow.exit('nothing to do')")


def failed(sandbox: Sandbox) -> str:
    with pytest.raises(ZeroDivisionError):
        begun(sandbox, "print('before')\n1 / 0")
    return str(sandbox.home.store.list(limit=1).runs[0].id)


def retried(sandbox: Sandbox) -> str:
    run = failed(sandbox)
    row = sandbox.home.store.get(run)
    sandbox.home.store.apply(run, Retried(sandbox.now_ms, row.step, row.runs, "magic", "ann"))
    return run


def _added(sandbox: Sandbox) -> str:
    version = snapshot(launch("1"), {}, Environment.here())
    return str(sandbox.home.store.add(version, None, at_ms=sandbox.now_ms).id)


def queued(sandbox: Sandbox) -> str:
    return _added(sandbox)


def running(sandbox: Sandbox) -> str:
    run = _added(sandbox)
    sandbox.home.store.apply(run, Claimed(sandbox.now_ms, sandbox.home.owner))
    return run


def asked_early(sandbox: Sandbox) -> str:
    """A request came before the step had ended: the attempt has a record already."""
    run = running(sandbox)
    sandbox.home.store.apply(run, Resumed(sandbox.now_ms, "draft", 1, "link", None, from_person("link", None)))
    return run


def interrupted(sandbox: Sandbox) -> str:
    run = asked_early(sandbox)
    sandbox.home.store.apply(run, Lost(sandbox.now_ms, sandbox.home.store.get(run).fence))
    return run


HISTORIES: dict[str, tuple[Callable[[Sandbox], str], tuple[str, ...]]] = {
    "suspended": (
        suspended,
        (
            "# Run of `launch`",
            "Step `approve` waits for a person since 1 Jan 2026, 00:00 UTC",
            "## `approve`, attempt 1: waited",
            "Began 1 Jan 2026, 00:00 UTC, took 0 s, ran in a shell.",
            (
                "Waited for a person or a callback since 1 Jan 2026, 00:00 UTC, until 1 Jan 2026, 01:00 UTC at most; "
                "then the run cancels itself."
            ),
            "Mail in the outbox to `a@b.cd`: `Please`",
            "look at it",
            "not reached yet",
        ),
    ),
    "resumed": (
        resumed,
        ("Finished on", "Resumed on 1 Jan 2026, 00:01 UTC by `ann` in the panel", "paused 1 min 30 s", '"ok": true'),
    ),
    "cancelled": (cancelled, ("Cancelled on 1 Jan 2026, 00:00 UTC by `bob` on the card: `too late`", "not reached")),
    "timed out": (timed_out, ("Nobody answered in time: timed out on 1 Jan 2026, 01:00 UTC", "not reached")),
    "rerun": (
        rerun,
        (
            "## `approve`, attempt 1: asked to run again",
            "Slept since 1 Jan 2026, 00:00 UTC, until 1 Jan 2026, 00:01 UTC at most; then the step runs again.",
            "Went on by itself on 1 Jan 2026, 00:01 UTC",
            '"seen": 3',
            "## `approve`, attempt 3: done",
            "Note: `retries used up`",
        ),
    ),
    "delayed": (
        delayed,
        ("sleeps since", "until 1 Jan 2026, 00:01 UTC at most; then the run goes on by itself.", "not reached yet"),
    ),
    "exited": (exited, ("## `approve`, attempt 1: ended the run", "Note: `nothing to do`")),
    "failed": (
        failed,
        ("- status: failed", "## `approve`, attempt 1: failed", "`ZeroDivisionError: division by zero`"),
    ),
    "retried": (
        retried,
        ("Retried on 1 Jan 2026, 00:00 UTC by `ann` in a notebook", "## `approve`, attempt 2: queued"),
    ),
    "queued": (queued, ("## `draft`, attempt 1: queued", "Queued since", "not reached yet")),
    "running": (running, ("## `draft`, attempt 1: running", "Running since", "not reached yet")),
    "interrupted": (interrupted, ("Step `draft` waits for a worker since", "## `draft`, attempt 1: interrupted")),
    "asked early": (asked_early, ("## `draft`, attempt 1: running", "Request of `draft`, attempt 1:")),
}


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path) as sandbox:
        yield sandbox


@pytest.fixture(params=HISTORIES)
def told(request: pytest.FixtureRequest, sandbox: Sandbox) -> tuple[Any, ...]:
    """Run, code, event and attempts of a real run, and what its report has to say."""
    make, says = HISTORIES[request.param]
    return (*parts(sandbox, make(sandbox)), says)


def parts(sandbox: Sandbox, run_id: str) -> tuple[RunRecord, WorkflowVersion, Any, tuple[Attempt, ...]]:
    store = sandbox.home.store
    run = store.get(run_id)
    return run, store.workflow_version(run.version_id), store.event(run_id), store.attempts(run_id)


def words(report: NotebookNode) -> str:
    return "\n\n".join(cell.source for cell in report.cells if cell.cell_type == "markdown")


def back(report: NotebookNode, name: str | None, stem: str = "report") -> Workflow:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / f"{stem}.ipynb"
        nbformat.write(report, path)
        return Workflow.from_notebook(path, name)


def as_read(version: WorkflowVersion) -> tuple[tuple[Step, ...], tuple[str, ...]]:
    """Steps and setup of *version* as a kernel reads them from cells: IPython ends every cell with a line's end."""
    return tuple(replace(step, source=ended(step.source)) for step in version.steps), tuple(map(ended, version.setup))


def ended(source: str) -> str:
    return source if source.endswith("\n") or not source else source + "\n"


# ---- what is in it ------------------------------------------------------------------------------------------------


def test_a_report_says_what_happened_what_was_waited_for_and_who_decided(told: tuple[Any, ...]) -> None:
    *run, says = told
    text = words(notebook(*run))
    assert [line for line in says if line not in text] == []


def test_a_report_is_a_valid_notebook_and_the_same_every_time(told: tuple[Any, ...]) -> None:
    *run, _ = told
    report = notebook(*run)
    nbformat.validate(report)
    assert nbformat.reads(nbformat.writes(report), as_version=4) == report == notebook(*run)
    assert report.metadata["pdnb"]["run"] == run[0].id


def test_every_attempt_has_a_cell_with_its_outputs_and_its_number(told: tuple[Any, ...]) -> None:
    *run, _ = told
    ran = [cell for cell in notebook(*run).cells if cell.cell_type == "code" and cell.execution_count is not None]
    assert [cell.execution_count for cell in ran] == [n for n, _ in enumerate(run[3], 1)]
    for cell, attempt in zip(ran, map(redacted_attempt, run[3]), strict=True):
        assert cell.source.startswith(f"%%step --workflow=launch {attempt.step}\n")
        assert [_unnumbered(output) for output in cell.outputs] == [_unnumbered(output) for output in attempt.outputs]
        assert {o.execution_count for o in cell.outputs if "execution_count" in o} <= {cell.execution_count}


def test_each_attempt_is_told_once_and_what_did_not_run_is_shown_once(told: tuple[Any, ...]) -> None:
    *run, _ = told
    report = notebook(*run)
    headings = [line for line in words(report).splitlines() if line.startswith("#")]
    assert len(headings) == len(set(headings))
    idle = [cell.source for cell in report.cells if cell.cell_type == "code" and cell.execution_count is None]
    ran = {attempt.step for attempt in run[3]}
    assert [source.split("\n", 1)[1] for source in idle] == [
        *run[1].setup,
        *(step.source for step in run[1].steps if step.name not in ran),
    ]


def _unnumbered(output: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in output.items() if key != "execution_count"}


def test_a_report_is_the_workflow_again(told: tuple[Any, ...]) -> None:
    *run, _ = told
    workflow = back(notebook(*run), "launch")
    assert (workflow.name, workflow.steps, workflow.setup) == (run[1].name, *as_read(run[1]))


def test_the_trigger_and_the_exports_are_json_that_reads_back(sandbox: Sandbox) -> None:
    run, version, _, attempts = parts(sandbox, suspended(sandbox))
    event = {"```": ["é\n```json", "<b>", "\u2028", None, 1.5]}
    attempts = (replace(attempts[0], exports={"rows": event}), *attempts[1:])
    blocks = [
        json.loads(token.content)
        for cell in notebook(run, version, event, attempts).cells
        if cell.cell_type == "markdown"
        for token in MarkdownIt("commonmark").parse(cell.source)
        if token.type == "fence" and token.info == "json"
    ]
    assert blocks[:2] == [event, {"rows": event}]


def test_data_is_collapsed_and_says_what_it_is(sandbox: Sandbox) -> None:
    report = notebook(*parts(sandbox, resumed(sandbox)))
    hidden = [cell.source.splitlines()[0] for cell in report.cells if cell.metadata.get("jupyter")]
    assert hidden == ["Exports of `draft`, attempt 1:", "Request of `approve`, attempt 1:"]


def test_an_error_that_its_outputs_do_not_show_is_told(sandbox: Sandbox) -> None:
    run, version, event, attempts = parts(sandbox, failed(sandbox))
    silent = (attempts[0], replace(attempts[1], outputs=(), outcome="lost", error="interrupted 3 times"))
    assert "Error: `interrupted 3 times`" in words(notebook(run, version, event, silent))
    assert "\n\nError: " not in words(notebook(run, version, event, attempts))


def test_what_people_were_shown_is_told(sandbox: Sandbox) -> None:
    run, version, event, attempts = parts(sandbox, suspended(sandbox))
    asked = (attempts[0], replace(attempts[1], prompt=Prompt("**Publish** <it>?", {"type": "object"})))
    text = words(notebook(run, version, event, asked))
    assert "```text\n**Publish** <it>?\n```" in text
    assert "Form of `approve`, attempt 1:" in text


def test_code_from_before_an_upgrade_is_shown_and_defines_nothing(sandbox: Sandbox) -> None:
    run, before, event, attempts = parts(sandbox, suspended(sandbox))
    after = snapshot(launch("'better'"), {}, Environment.here())
    run = replace(run, version_id=after.id)
    attempts = tuple(replace(attempt, version_id=before.id) for attempt in attempts)
    report = notebook(run, after, event, attempts, earlier=[before])
    ran = [cell for cell in report.cells if cell.get("execution_count")]
    assert [cell.source.split("\n", 1)[1] for cell in ran] == [step.source for step in before.steps[:2]]
    assert back(report, "launch").steps == as_read(after)[0]
    unknown = notebook(run, after, event, attempts)
    assert not any(DRAFT in cell.source for cell in unknown.cells if cell.get("execution_count"))
    assert back(unknown, "launch").steps == as_read(after)[0]


# ---- the workflow again -------------------------------------------------------------------------------------------

SOURCES = st.text(st.characters(exclude_categories=["Cs"]), max_size=60).filter(
    lambda s: "pdnb1" not in s and (not s or s.strip())  # IPython takes blanks alone for an empty cell
)


def waiting(version: WorkflowVersion) -> RunRecord:
    steps = version.names
    return RunRecord("0" * 20, version.name, version.id, "e", steps, Status.QUEUED, T0, T0)


@given(
    st.lists(SOURCES, min_size=1, max_size=4),
    st.lists(SOURCES, max_size=3, unique_by=lambda s: s.rstrip("\n")),
    st.data(),
)
def test_whatever_the_cells_hold_they_come_back(sources: list[str], setup: list[str], data: st.DataObject) -> None:
    time = st.none() | st.integers(1, 10**9).map(lambda ms: ms / 1000)
    steps = tuple(
        Step(f"s-{i}", s, data.draw(st.booleans()), data.draw(time), data.draw(st.none() | st.integers(2**20, 2**45)))
        for i, s in enumerate(sources)
    )
    version = WorkflowVersion("w", steps, tuple(setup), HERE)
    workflow = back(notebook(waiting(version), version, None, ()), "w")
    assert (workflow.steps, workflow.setup) == as_read(version)


def test_a_steps_options_are_spelled_as_a_person_would() -> None:
    version = WorkflowVersion(
        "w", (Step("draft", DRAFT, at_most_once=True, time_limit=90, memory_limit=2**21),), (), HERE
    )
    cell = notebook(waiting(version), version, None, ()).cells[-1]
    assert cell.source == f"%%step --workflow=w --at-most-once --time-limit=90 --memory-limit=2097152 draft\n{DRAFT}"


@pytest.mark.parametrize(
    "name", ["launch", "my launch", "-w", "it's", 'a "b" c', "x=1", "{x} $y", "'", "日本 語", "%%step"]
)
def test_whatever_the_workflow_is_called_it_comes_back(name: str) -> None:
    version = WorkflowVersion(name, (Step("draft", DRAFT),), (SETUP,), HERE)
    assert back(notebook(waiting(version), version, None, ()), name).name == name


@pytest.mark.parametrize("name", ['it\'s "it" ', "a\nb"])
def test_a_name_that_no_line_can_hold_leaves_it_to_the_file(name: str) -> None:
    version = WorkflowVersion(name, (Step("draft", DRAFT),), (SETUP,), HERE)
    assert back(notebook(waiting(version), version, None, ()), None, "mine").steps == as_read(version)[0]


# ---- what is not in it --------------------------------------------------------------------------------------------


def test_no_working_link_is_in_a_report(sandbox: Sandbox, tmp_path: Path) -> None:
    run_id = begun(
        sandbox,
        "links = step.flow.suspend()\nprint(links['resume_url'])\nstep.export('l', dict(links))\n"
        "step.send.email(str(links['cancel_url']), text=str(links['resume_url']))\nlinks['resume_url'] + '?a=1'",
    )
    run, version, _, attempts = parts(sandbox, run_id)
    assert "pdnb1r." in str(attempts), "the law means nothing without links"
    path = tmp_path / "report.ipynb"
    write(path, run, version, {"callback": TOKEN, TOKEN: [TOKEN]}, attempts)
    text = path.read_text()
    assert "pdnb1" not in text
    assert "/pdnb/resume/…" in text


def test_no_token_comes_together_in_the_report_that_was_apart_before(sandbox: Sandbox) -> None:
    run, version, _, attempts = parts(sandbox, suspended(sandbox))
    half, rest = TOKEN[:20], TOKEN[20:]
    apart = f"{half}\x1b[0m{rest}"
    output = {"output_type": "display_data", "data": {"text/plain": [half, rest]}, "metadata": {}}
    stream = {"output_type": "stream", "name": "stdout", "text": [half, rest]}
    attempt = replace(
        attempts[1],
        outputs=(output, stream),
        exports={TOKEN: TOKEN},
        note=apart,
        error=apart,
        request={"body": TOKEN},
        context=TOKEN,
        mails=({"subject": apart, "text": apart, "html": apart, "to": [apart], "sent": True},),
        decision=Decision("cancelled", T0, "api", apart, apart),
        prompt=Prompt(apart, {"title": TOKEN}),
    )
    run = replace(run, summary=apart, error=apart, workflow=TOKEN, decision=attempt.decision)
    version = replace(version, steps=(Step("draft", f"url = {TOKEN!r}"), *version.steps[1:]))
    report = notebook(run, version, {TOKEN: TOKEN}, (attempts[0], attempt))
    assert TOKEN[-40:] not in nbformat.writes(report)


def to_html(report: NotebookNode) -> str:
    body, _ = HTMLExporter().from_notebook_node(report)  # type: ignore[no-untyped-call]  # nbconvert has no annotations
    return str(body)


class Page(HTMLParser):
    """The elements of a page that could do something, and all text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.active: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in {"img", "iframe", "object"} or "onerror" in given or str(given.get("href")).startswith("javascript"):
            self.active.append(tag)


def hostile(sandbox: Sandbox) -> tuple[RunRecord, WorkflowVersion, Any, tuple[Attempt, ...]]:
    run, version, _, attempts = parts(sandbox, resumed(sandbox))
    decision = Decision("resumed", T0, "api", HOSTILE, HOSTILE)
    attempt = replace(
        attempts[1],
        outputs=(),
        exports={HOSTILE: HOSTILE},
        note=HOSTILE,
        error=HOSTILE,
        decision=decision,
        request={"body": HOSTILE},
        context=HOSTILE,
        pause=Pause("suspend", T0, T0 + 1, "resume"),
        mails=({"subject": HOSTILE, "text": HOSTILE, "html": HOSTILE, "to": [HOSTILE], "sent": False},),
        prompt=Prompt(HOSTILE, {"title": HOSTILE}),
    )
    run = replace(run, workflow=HOSTILE, summary=HOSTILE, error=HOSTILE, decision=decision)
    run = replace(run, steps=("draft", HOSTILE, "publish"))
    attempt = replace(attempt, step=HOSTILE)
    return run, version, HOSTILE, (attempts[0], attempt, attempts[2])


def test_whatever_users_wrote_stays_text_for_a_reader_of_markdown(sandbox: Sandbox) -> None:
    report = notebook(*hostile(sandbox))
    nbformat.validate(report)
    for cell in report.cells:
        if cell.cell_type == "markdown":
            tokens = [t for top in MarkdownIt("commonmark").parse(cell.source) for t in (top, *(top.children or ()))]
            prose = "".join(t.content for t in tokens if t.type == "text")
            assert not {t.type for t in tokens} & {"html_block", "html_inline", "image", "link_open"}
            assert not {"alert", "<", "$", "javascript"} & set(prose.replace("(", " ").replace(":", " ").split())
            assert "\x1b" not in cell.source


def test_a_report_converts_to_html_that_does_nothing(sandbox: Sandbox) -> None:
    plain = to_html(notebook(*parts(sandbox, resumed(sandbox))))
    assert "drafting" in plain
    body = to_html(notebook(*hostile(sandbox)))
    assert Page(body).active == Page(plain).active == []
    assert "<script>alert(2)" not in body
    assert "&lt;script&gt;alert(2)" in body


# ---- the file -----------------------------------------------------------------------------------------------------


def test_a_report_is_written_whole_and_leaves_nothing_beside_it(sandbox: Sandbox, tmp_path: Path) -> None:
    run = parts(sandbox, suspended(sandbox))
    path = tmp_path / "new" / "report.ipynb"
    path.parent.mkdir()
    write(path, *run)
    assert list(path.parent.iterdir()) == [path]
    assert nbformat.read(path, as_version=4) == notebook(*run)


def test_an_older_report_of_the_same_run_makes_room(sandbox: Sandbox, tmp_path: Path) -> None:
    run, *rest = parts(sandbox, suspended(sandbox))
    path = tmp_path / "report.ipynb"
    write(path, replace(run, summary="before"), *rest)
    write(path, replace(run, summary="after"), *rest)
    assert "after" in path.read_text()
    assert "before" not in path.read_text()


def test_a_full_disk_leaves_the_older_report_as_it_was(sandbox: Sandbox, tmp_path: Path) -> None:
    run = parts(sandbox, suspended(sandbox))
    path = tmp_path / "report.ipynb"
    write(path, *run)
    before = path.read_bytes(), sorted(tmp_path.iterdir())
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, limits[1]))
    try:
        with pytest.raises(DefinitionError, match=r"report\.ipynb cannot be written: File too large"):
            write(path, *run)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (path.read_bytes(), sorted(tmp_path.iterdir())) == before


def test_half_a_letter_does_not_keep_a_report_from_being_written(sandbox: Sandbox, tmp_path: Path) -> None:
    run, version, event, attempts = parts(sandbox, suspended(sandbox))
    output = {"output_type": "stream", "name": "stdout", "text": "half: \ud800"}
    half = replace(attempts[0], outputs=(output,), note="\ud800", exports={"half": "\ud800"})
    write(tmp_path / "report.ipynb", run, version, event, (half, *attempts[1:]))
    assert "half: ?" in (tmp_path / "report.ipynb").read_text()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"\xff",
        b"null",
        b"[" * 100_000,
        b'{"metadata": {"pdnb": 1}, "cells": []}',
        b'{"metadata": {}, "cells": [], "nbformat": 4, "nbformat_minor": 5}',
        b'{"metadata": {"pdnb": {"run": "another"}}, "cells": []}',
    ],
)
def test_nothing_but_a_report_of_the_run_is_overwritten(sandbox: Sandbox, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mine.ipynb"
    path.write_bytes(content)
    with pytest.raises(
        DefinitionError, match=r"^.*mine\.ipynb is there already and is no report of run \w+: choose an"
    ):
        write(path, *parts(sandbox, suspended(sandbox)))
    assert path.read_bytes() == content
    assert not list(tmp_path.glob(".pdnb-*"))


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("nowhere/report.ipynb", "nowhere is no directory: make it first"),
        ("report.html", "is no name of a notebook: end it with .ipynb"),
        ("report", "is no name of a notebook: end it with .ipynb"),
        ("folder.ipynb", "is a directory: give the path of a notebook in it"),
        ("link.ipynb", "is there already and is no report"),
        ("file/report.ipynb", "file is no directory: make it first"),
        (f"{'x' * 300}.ipynb", "cannot be written: File name too long"),
    ],
)
def test_a_path_that_is_no_place_for_a_report_is_refused_in_one_line(
    sandbox: Sandbox, tmp_path: Path, where: str, says: str
) -> None:
    (tmp_path / "folder.ipynb").mkdir()
    (tmp_path / "link.ipynb").symlink_to(tmp_path / "gone")
    (tmp_path / "file").touch()
    before = sorted(tmp_path.iterdir())
    with pytest.raises(DefinitionError, match=says) as refused:
        write(tmp_path / where, *parts(sandbox, suspended(sandbox)))
    assert "\n" not in str(refused.value)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("workflow", "name"),
    [
        ("launch", "launch-01234567.ipynb"),
        ("my launch (2)", "my launch (2)-01234567.ipynb"),
        ("../../etc/passwd", "_.._etc_passwd-01234567.ipynb"),
        ('a\\b:c*?"<>|\nd', "a_b_c_______d-01234567.ipynb"),
        ("日本", "日本-01234567.ipynb"),
        ("...", "run-01234567.ipynb"),
        (f"x {TOKEN}", "x _-01234567.ipynb"),
        ("--wait", "wait-01234567.ipynb"),
    ],
)
def test_the_default_path_is_the_workflows_name_and_the_runs(workflow: str, name: str) -> None:
    version = WorkflowVersion(workflow, (Step("draft", DRAFT),), (), HERE)
    assert default_path(replace(waiting(version), id="0123456789abcdefghjk")) == Path(name)


@given(st.text(max_size=120))
def test_any_workflow_has_a_default_path_that_is_one_file_name(workflow: str) -> None:
    path = default_path(replace(waiting(WorkflowVersion("w", (Step("s", ""),), (), HERE)), workflow=workflow))
    assert path.name == str(path)
    assert path.suffix == ".ipynb"
    assert len(str(path).encode(errors="replace")) < 200
    assert not str(path).startswith((".", "-"))
