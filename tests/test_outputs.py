"""What a step printed and displayed: the same record in every host, and no token on any screen."""

from __future__ import annotations

import asyncio
import builtins
import io
import json
import logging
import os
import re
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from itertools import pairwise
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pdnb.outputs
from pdnb.links import Links, Target, redact
from pdnb.outputs import Recorder

LINK = Links(b"secret").url("resume", Target("a" * 20, "approve", 1))
OTHER = Links(b"secret").url("cancel", Target("b" * 20, "pdnb1_step", 23))
TOKEN = LINK.rpartition("/")[2]
SIGNATURE = TOKEN.rpartition(".")[2]


def texts(recorder: Recorder, name: str = "stdout") -> str:
    return "".join(output["text"] for output in recorder.outputs if output.get("name") == name)


def size(recorder: Recorder) -> int:
    return len(json.dumps(recorder.outputs, ensure_ascii=False).encode())


def check_shapes(outputs: list[dict[str, Any]]) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x", outputs=outputs)])
    nbformat.validate(nbformat.from_dict(notebook))
    json.dumps(outputs, allow_nan=False, ensure_ascii=False).encode()


class Rich:
    """Has forms that need IPython."""

    def __init__(self, **forms: Any) -> None:
        self.forms = forms

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {mime.replace("_", "/"): value for mime, value in self.forms.items()}

    def __repr__(self) -> str:
        return "rich"


class Broken:
    """Cannot be shown."""

    def __repr__(self) -> str:
        raise ValueError("this repr is broken")


# ---- hosts: a plain process, an IPython terminal, a kernel --------------------------------------------------------

AROUND = """
import json, sys
from pathlib import Path
from pdnb.links import redact
from pdnb.outputs import Recorder
before = sys.stdout, sys.stderr, sys.meta_path[:]
recorder = Recorder(show={show}, redact=redact)
with recorder:
{step}
assert (sys.stdout, sys.stderr, sys.meta_path) == before
_ = Path({path!r}).write_text(json.dumps(recorder.outputs))
"""


class Host:
    """Runs a step's source under a recorder, for real."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.env = os.environ | {
            "PYTHONPATH": os.pathsep.join([str(Path(pdnb.outputs.__file__).parents[1]), *filter(None, sys.path)]),
            "IPYTHONDIR": str(directory / "ipython"),
            "JUPYTER_RUNTIME_DIR": str(directory / "runtime"),
        }

    def source(self, step: str, *, show: bool, name: str = "outputs") -> str:
        step = textwrap.indent(textwrap.dedent(step), "    ")
        return AROUND.format(show=show, step=step, path=str(self.directory / name))

    def outputs(self, name: str = "outputs") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads((self.directory / name).read_text())
        check_shapes(found)
        return found

    def run(self, *before: str, step: str, show: bool = False) -> tuple[list[dict[str, Any]], str]:
        """The record, and what could be seen."""
        script = self.directory / "script.py"
        script.write_text(self.source(step, show=show))
        done = subprocess.run(
            [sys.executable, *before, str(script)], env=self.env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return self.outputs(), done.stdout + done.stderr

    def plain(self, step: str, *, show: bool = False) -> tuple[list[dict[str, Any]], str]:
        return self.run(step=step, show=show)

    def terminal(self, step: str, *, show: bool = False) -> tuple[list[dict[str, Any]], str]:
        return self.run("-m", "IPython", "--no-banner", "--simple-prompt", "--colors=NoColor", step=step, show=show)

    def kernel(self, *cells: str) -> list[list[dict[str, Any]]]:
        """What each cell shows in a notebook."""
        from nbclient import NotebookClient

        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        NotebookClient(notebook, kernel_name="python3", timeout=60).execute(env=self.env)
        return [cell["outputs"] for cell in notebook["cells"]]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


STEP = """
    import sys
    import pandas
    from IPython.display import HTML, clear_output, display

    class Broken:
        def __repr__(self):
            raise ValueError("broken")

    print("forgotten")
    clear_output()
    print("to", "stdout")
    print("to stderr", file=sys.stderr)
    display(HTML("<a href='LINK'>html</a>"))
    handle = display("one", display_id="id")
    print("between")
    handle.update("two")
    display({"application/json": {"a": ["LINK"]}, "image/png": b"PNG", "x/y": {1}}, raw=True)
    display(pandas.DataFrame({"a": [1]}))
    display(Broken())
    print("LINK", end="")
    print("?decision=approve")
    recorder.result({"a": 1})
    recorder.result(HTML("<i>last</i>"))
""".replace("LINK", LINK)


def without_traceback(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every host has frames of its own in it."""
    return [{key: value for key, value in output.items() if key != "traceback"} for output in outputs]


def test_a_plain_process_records_all_that_a_step_printed_and_displayed(host: Host) -> None:
    outputs, live = host.plain(STEP)
    assert live == ""
    html = outputs.pop(6)
    assert html["data"].keys() == {"text/plain", "text/html"}
    assert "<table" in html["data"]["text/html"]
    assert without_traceback(outputs) == [
        {"output_type": "stream", "name": "stdout", "text": "to stdout\n"},
        {"output_type": "stream", "name": "stderr", "text": "to stderr\n"},
        {
            "output_type": "display_data",
            "data": {
                "text/plain": "<IPython.core.display.HTML object>",
                "text/html": f"<a href='{LINK}'>html</a>",
            },
            "metadata": {},
        },
        {"output_type": "display_data", "data": {"text/plain": "'two'"}, "metadata": {}},
        {"output_type": "stream", "name": "stdout", "text": "between\n"},
        {
            "output_type": "display_data",
            "data": {"application/json": {"a": [LINK]}, "image/png": "UE5H"},
            "metadata": {},
        },
        {"output_type": "error", "ename": "ValueError", "evalue": "broken"},
        {"output_type": "stream", "name": "stdout", "text": f"{LINK}?decision=approve\n"},
        {"output_type": "execute_result", "execution_count": None, "data": {"text/plain": "{'a': 1}"}, "metadata": {}},
        {
            "output_type": "execute_result",
            "execution_count": None,
            "data": {"text/plain": "<IPython.core.display.HTML object>", "text/html": "<i>last</i>"},
            "metadata": {},
        },
    ]


def test_a_terminal_records_the_same_and_shows_it_without_tokens(host: Host) -> None:
    expected, printed = host.plain(STEP, show=True)
    recorded, seen = host.terminal(STEP, show=True)
    assert without_traceback(recorded) == without_traceback(expected)
    for live in (printed, seen):
        assert TOKEN not in live
        assert f"{redact(LINK)}?decision=approve\n" in live
        for text in ("forgotten", "to stdout", "to stderr", "'one'", "'two'", "ValueError: broken", "{'a': 1}"):
            assert live.count(text) == 1, text
    assert host.terminal(STEP, show=False) == (recorded, "")


def test_a_kernel_records_the_same_and_its_notebook_shows_it_without_tokens(host: Host) -> None:
    expected, _ = host.plain(STEP)
    seen, silent, after = host.kernel(
        host.source(STEP, show=True, name="shown"),
        host.source(STEP, show=False, name="silent"),
        "display('the display is back'); print('and the streams')",
    )
    assert without_traceback(host.outputs("shown")) == without_traceback(expected)
    assert without_traceback(host.outputs("silent")) == without_traceback(expected)
    assert silent == []
    assert [output["output_type"] for output in after] == ["display_data", "stream"]

    assert TOKEN not in json.dumps(seen)
    # Two threads of the kernel bring streams and displays, so only each kind by itself has an order.
    printed = "".join(output["text"] for output in seen if output.get("name") == "stdout")
    assert printed == f"to stdout\nbetween\n{redact(LINK)}?decision=approve\n"
    displayed = [output["data"] for output in seen if output["output_type"] == "display_data"]
    assert displayed[0]["text/html"] == f"<a href='{redact(LINK)}'>html</a>"
    assert displayed[1]["text/plain"] == "'two'"
    assert displayed[2] == {"application/json": {"a": [redact(LINK)]}, "image/png": "UE5H"}
    assert "<table" in displayed[3]["text/html"]
    assert [data["text/plain"] for data in displayed[4:]] == ["{'a': 1}", "<IPython.core.display.HTML object>"]
    assert [output["evalue"] for output in seen if output["output_type"] == "error"] == ["broken"]


# ---- IPython comes late -------------------------------------------------------------------------------------------


def test_a_step_of_the_standard_library_never_imports_ipython(host: Host) -> None:
    outputs, _ = host.plain("""
        print("text")
        display([1, 2], "three")
        recorder.result({"long": ["x" * 30] * 5})
        recorder.error(ValueError("no"))
        print(sorted({"IPython", "traitlets", "asyncio"} & set(sys.modules)))
    """)
    assert [output["output_type"] for output in outputs] == [
        "stream",
        "display_data",
        "display_data",
        "execute_result",
        "error",
        "stream",
    ]
    assert outputs[3]["data"]["text/plain"].count("\n") == 4
    assert outputs[-1]["text"] == "[]\n"


def test_the_builtin_display_gives_rich_forms_in_a_plain_process(host: Host) -> None:
    outputs, _ = host.plain("""
        class Page:
            def _repr_html_(self):
                return "<p>"
        handle = display(Page(), display_id=True, metadata={"isolated": True})
        handle.update(Page())
    """)
    assert [(o["output_type"], o["data"]["text/html"], o["metadata"]) for o in outputs] == [("display_data", "<p>", {})]


def test_ipython_imported_before_the_recorder_serves_it_as_well(host: Host) -> None:
    outputs, _ = host.plain("""
        from IPython import get_ipython
        from IPython.display import HTML, display
        inner = Recorder(show=False)
        recorder.__exit__(None, None, None)
        assert get_ipython() is None
        with inner:
            display(HTML("<p>"))
        assert get_ipython() is None
        recorder.__enter__()
        display(inner.outputs[0]["data"], raw=True)
    """)
    assert [output["data"]["text/html"] for output in outputs] == ["<p>"]


def test_a_magic_in_a_plain_process_says_what_to_do_instead(host: Host) -> None:
    outputs, _ = host.plain("""
        from IPython import get_ipython
        from IPython.display import display
        try:
            get_ipython().run_line_magic("matplotlib", "inline")
        except Exception as exc:
            print(exc)
    """)
    assert outputs[0]["text"] == "%matplotlib cannot run here: this process has no notebook; write it in Python\n"


def test_a_figure_is_recorded_as_a_picture_also_when_nobody_showed_it(host: Host) -> None:
    pytest.importorskip("matplotlib")
    step = """
        import warnings; warnings.simplefilter("error")
        import matplotlib.pyplot as plt
        figure, axes = plt.subplots(figsize=(1, 1))
        axes.plot([1, 2])
    """
    displayed, _ = host.plain(step + "    display(figure)")
    host.env["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    host.env["IPYTHONDIR"] += "2"
    showed, _ = host.plain(step + "    plt.show()")
    drawn, _ = host.plain(step)
    for outputs in (displayed, showed, drawn):
        assert [output["output_type"] for output in outputs] == ["display_data"]
        assert outputs[0]["data"]["image/png"].startswith("iVBORw0KGgo")


# ---- streams ------------------------------------------------------------------------------------------------------


def test_everything_is_restored_also_when_the_step_raises_or_replaces_the_streams_itself() -> None:
    before = sys.stdout, sys.stderr, sys.meta_path[:], vars(builtins).get("display")

    def step() -> None:
        sys.stdout = io.StringIO()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Recorder(show=False):
        step()
    assert (sys.stdout, sys.stderr, sys.meta_path, vars(builtins).get("display")) == before


def test_writes_to_one_stream_are_one_output_and_empty_ones_are_none() -> None:
    with Recorder(show=False) as recorder:
        print("a", "b")
        sys.stdout.writelines(["c", "d\n"])
        print(end="")
        print("e", file=sys.stderr)
        print(end="")
        print("f", file=sys.stderr)
    assert recorder.outputs == (
        {"output_type": "stream", "name": "stdout", "text": "a b\ncd\n"},
        {"output_type": "stream", "name": "stderr", "text": "e\nf\n"},
    )


def test_threads_and_tasks_that_the_step_starts_are_recorded() -> None:
    async def task() -> None:
        await asyncio.sleep(0)
        print("task")

    with Recorder(show=False) as recorder:
        threads = [threading.Thread(target=print, args=(f"thread {i}",)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        asyncio.run(task())
    for line in ("task", *(f"thread {i}" for i in range(8))):
        assert line in texts(recorder)


def test_a_logger_that_keeps_the_stream_is_recorded_by_the_next_recorder_and_then_shown_redacted() -> None:
    logger = logging.getLogger("pdnb.tests.kept")
    logger.propagate = False
    with redirect_stdout(io.StringIO()) as outside:
        with Recorder(show=False, redact=redact) as first:
            logger.addHandler(logging.StreamHandler(sys.stdout))
            logger.error("one")
        with Recorder(show=False, redact=redact) as second:
            logger.error("two %s", LINK)
        logger.error("three %s", LINK)
        logger.handlers.clear()
    assert texts(first) == "one\n"
    assert texts(second) == f"two {LINK}\n"
    assert outside.getvalue() == f"three {redact(LINK)}\n"


def test_the_streams_answer_what_libraries_ask_of_them() -> None:
    with Recorder(show=False) as recorder:
        assert not sys.stdout.isatty()
        assert sys.stdout.writable()
        assert sys.stdout.encoding == "utf-8"
        sys.stdout.buffer.write("é".encode()[:1])
        sys.stdout.buffer.write("é\n".encode()[1:])
        sys.stdout.buffer.flush()
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
        sys.stdout.close()
        print("still open")
        with pytest.raises(TypeError, match="must be str, not bytes"):
            sys.stdout.write(b"x")  # type: ignore[arg-type]
    assert texts(recorder) == "é\nstill open\n"


def test_lone_surrogates_are_replaced_in_text_and_in_rich_outputs() -> None:
    with Recorder(show=False) as recorder:
        print("a\ud800b", "\ud83d", end="")
        print("\ude00")
        recorder.result(Rich(text_html="<\ud800>", application_json={"\ud800": ["\udfff"]}))
        recorder.error(ValueError("\ud800"))
    check_shapes(list(recorder.outputs))
    assert texts(recorder) == "a\ufffdb 😀\n"
    assert recorder.outputs[1]["data"]["text/html"] == "<\ufffd>"


def terminal(text: str) -> str:
    """What a terminal would have on its lines."""
    lines, column = [""], 0
    for char in text:
        if char == "\n":
            lines.append("")
            column = 0
        elif char == "\r":
            column = 0
        else:
            lines[-1] = lines[-1][:column] + char + lines[-1][column + 1 :]
            column += 1
    return "\n".join(lines)


@given(st.lists(st.text("ab\r\n", max_size=8)))
def test_carriage_returns_overwrite_as_in_a_terminal(pieces: list[str]) -> None:
    with Recorder(show=False) as recorder:
        for piece in pieces:
            sys.stdout.write(piece)
    assert texts(recorder) == terminal("".join(pieces))


def test_a_progress_bar_leaves_its_last_state_and_shows_every_one() -> None:
    with redirect_stdout(io.StringIO()) as live, Recorder(show=True) as recorder:
        for i in range(10_000):
            sys.stdout.write(f"\r{i / 100:3.0f}%|\x1b[32m{'#' * (i // 1000)}\x1b[0m| {i}/10000")
            sys.stdout.flush()
            assert live.getvalue().endswith(f"{i}/10000")
        print()
    assert texts(recorder) == "100%|\x1b[32m#########\x1b[0m| 9999/10000\n"


def test_recording_a_hundred_thousand_prints_takes_less_than_a_second() -> None:
    with redirect_stdout(io.StringIO()):
        for show in (False, True):
            start = time.process_time()
            with Recorder(show=show) as recorder:
                for i in range(100_000):
                    print(i)
            assert time.process_time() - start < 1
            assert texts(recorder).endswith("\n99999\n")


def test_long_lines_of_small_writes_take_linear_time() -> None:
    start = time.process_time()
    with redirect_stdout(io.StringIO()), Recorder(show=True, redact=redact):
        print(LINK, end="")
        for i in range(100_000):
            print(".", end="\r" if i % 5_000 == 0 else "", flush=True)
    assert time.process_time() - start < 2


# ---- what is shown ------------------------------------------------------------------------------------------------


def shown(text: str) -> str:
    """*text* redacted; a few letters of a token's fixed beginning may be on the screen before the rest comes."""
    return re.sub(r"(p(d(nb?)?)?)*…", "…", redact(text))


def live_of(pieces: list[str]) -> str:
    with redirect_stdout(io.StringIO()) as live, Recorder(show=True, redact=redact) as recorder:
        for piece in pieces:
            sys.stdout.write(piece)
            sys.stdout.flush()
    assert texts(recorder) == "".join(pieces)
    return shown(live.getvalue())


@given(
    st.lists(
        st.sampled_from([LINK, TOKEN, OTHER, f"{TOKEN[:-1]}/", "pdnb1", "pdn", "1r.", " ", "\n", "?", "/", "done"])
    ),
    st.data(),
)
def test_no_split_of_a_link_over_writes_lets_its_token_through(parts: list[str], data: st.DataObject) -> None:
    text = "".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=10)))
    assert live_of([text[a:b] for a, b in pairwise([0, *cuts, len(text)])]) == shown(text)


def test_a_link_written_letter_by_letter_is_shown_redacted() -> None:
    assert live_of(list(f"{LINK} {OTHER}")) == shown(f"{LINK} {OTHER}")


def test_text_is_shown_at_once_and_only_an_unfinished_token_is_held_back() -> None:
    with redirect_stdout(io.StringIO()) as live, Recorder(show=True, redact=redact):
        sys.stdout.write("step p")
        assert live.getvalue() == "step p"
        sys.stdout.write(f" http://{TOKEN[:30]}")
        assert live.getvalue() == "step p http://"
        sys.stdout.write(TOKEN[30:])
        assert live.getvalue() == "step p http://…"
        sys.stdout.write(TOKEN[:10])
    assert live.getvalue() == f"step p http://…{TOKEN[:10]}"


def test_a_screen_that_is_gone_or_cannot_show_a_character_does_not_fail_the_step() -> None:
    ascii_only = io.TextIOWrapper(io.BytesIO(), "ascii", write_through=True)
    with redirect_stdout(ascii_only), Recorder(show=True) as recorder:
        print("é")
        assert ascii_only.buffer.getvalue() == b"\\xe9\n"
        ascii_only.close()
        print("nobody sees this")
    assert texts(recorder) == "é\nnobody sees this\n"


def test_a_process_without_streams_records_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    with Recorder(show=True) as recorder:
        print("nowhere", flush=True)
        sys.stdout.isatty()
        stream = sys.stdout
    print("lost", file=stream)
    assert texts(recorder) == "nowhere\n"
    assert sys.stdout is None


# ---- rich outputs -------------------------------------------------------------------------------------------------


def test_what_is_not_json_gives_way_to_the_plain_text() -> None:
    with Recorder(show=False) as recorder:
        recorder.result(
            Rich(
                image_png=b"\x00\xff",
                text_html=["<p>", "</p>"],
                text_latex={"no": "text"},
                application_json=float("nan"),
            )
        )
        recorder.display({"application/json": {1, 2}}, raw=True)
    check_shapes(list(recorder.outputs))
    result, displayed = (output["data"] for output in recorder.outputs)
    assert result == {"image/png": "AP8=", "text/html": "<p></p>", "text/plain": "rich"}
    assert displayed == {"text/plain": "[application/json: not JSON]"}


def test_the_record_is_a_copy_of_what_was_displayed() -> None:
    data = {"a": [1]}
    with Recorder(show=False) as recorder:
        recorder.display({"application/json": data}, raw=True)
        data["a"].append(2)
    assert recorder.outputs[0]["data"]["application/json"] == {"a": [1]}


def test_none_is_no_result() -> None:
    with Recorder(show=False) as recorder:
        recorder.result(None)
    assert recorder.outputs == ()


@pytest.mark.parametrize("show", [False, True])
def test_a_repr_that_raises_is_shown_and_fails_nothing(show: bool, capsys: pytest.CaptureFixture[str]) -> None:
    with Recorder(show=show) as recorder:
        recorder.result(Broken())
        recorder.display(Broken())
        print("the step goes on")
    assert [output.get("evalue", "") for output in recorder.outputs] == ["this repr is broken"] * 2 + [""]
    assert texts(recorder) == "the step goes on\n"
    captured = capsys.readouterr()
    assert (captured.out + captured.err).count("ValueError: this repr is broken") == (2 if show else 0)


def test_a_display_id_that_is_shown_again_changes_all_and_an_unknown_one_is_a_display() -> None:
    from IPython.display import display, update_display

    with Recorder(show=False) as recorder:
        display("a", display_id="x")
        display("b", display_id="x")
        update_display("c", display_id="elsewhere")
    assert [output["data"]["text/plain"] for output in recorder.outputs] == ["'b'", "'b'", "'c'"]


def test_clear_output_that_waits_clears_when_something_comes() -> None:
    from IPython.display import clear_output

    with Recorder(show=False) as recorder:
        print("old")
        clear_output(wait=True)
        assert texts(recorder) == "old\n"
        print("new")
    assert texts(recorder) == "new\n"


# ---- errors -------------------------------------------------------------------------------------------------------


class Mean(Exception):
    def __str__(self) -> str:
        raise SystemExit

    __repr__ = __str__

    @property
    def __notes__(self) -> list[str]:  # type: ignore[override]
        raise RuntimeError


def error_of(run: Callable[[], object]) -> dict[str, Any]:
    recorder = Recorder(show=True)
    with recorder:
        try:
            run()
        except (LookupError, ValueError, RecursionError, ExceptionGroup, Mean) as exc:
            recorder.error(exc)
    check_shapes(list(recorder.outputs))
    return recorder.outputs[-1]


def test_a_traceback_starts_at_the_first_frame_that_is_not_ours() -> None:
    def boom() -> None:
        raise LookupError("\x1b[31mred\x1b[0m\nsecond line")

    def chained() -> None:
        try:
            boom()
        except LookupError as exc:
            raise ExceptionGroup("many", [exc, ValueError("other")]) from exc

    names: dict[str, Any] = {"boom": boom, "asyncio": asyncio}
    ours = pdnb.outputs.__file__.replace("outputs", "runner")
    exec(compile("def simple():\n    boom()\nasync def main():\n    boom()", ours, "exec"), names)
    exec(compile("def in_loop():\n    asyncio.run(main())", ours, "exec"), names)
    recorder = Recorder(show=False)
    for run in (names["simple"], names["in_loop"]):
        try:
            run()
        except LookupError as exc:
            exc.__traceback__ = exc.__traceback__ and exc.__traceback__.tb_next  # this test's own frame
            recorder.error(exc)
    for output in recorder.outputs:
        assert output["ename"] == "LookupError"
        assert output["evalue"] == "\x1b[31mred\x1b[0m\nsecond line"
        lines = output["traceback"]
        assert lines[0] == "Traceback (most recent call last):"
        assert __file__ in lines[1]
        assert lines[-2:] == ["LookupError: red", "second line"]
        assert not any("\n" in line or "\x1b" in line for line in lines)
    group = error_of(chained)
    assert "direct cause" in "\n".join(group["traceback"])
    assert "ValueError: other" in "\n".join(group["traceback"])


def test_an_error_of_ours_has_no_frames() -> None:
    recorder = Recorder(show=False)
    recorder.error(ValueError("say what to do"))
    assert recorder.outputs[0]["traceback"] == ["ValueError: say what to do"]


def test_an_exception_whose_str_is_broken_is_recorded_all_the_same() -> None:
    def fail() -> None:
        raise Mean

    output = error_of(fail)
    assert (output["ename"], output["evalue"]) == ("Mean", "<str() failed>")


def test_endless_recursion_and_huge_messages_become_short_errors() -> None:
    def deep(n: int) -> int:
        return deep(n + 1) + wide(n)

    def wide(n: int) -> int:
        return deep(n)

    def huge() -> None:
        raise ValueError("x\n" * 1_000_000)

    assert len(error_of(lambda: deep(0))["traceback"]) < 50
    assert len(json.dumps(error_of(huge))) < 50_000


# ---- the limit ----------------------------------------------------------------------------------------------------


def test_beyond_the_limit_the_beginning_and_the_newest_stay_and_a_note_stands_between() -> None:
    with Recorder(show=False) as recorder:
        print("first")
        for i in range(300_000):
            print("line", i)
        recorder.error(ValueError("the end"))
    note = [output["text"] for output in recorder.outputs if "[output cut at 1 MiB]" in output.get("text", "")]
    assert len(note) == 1
    assert texts(recorder).startswith("first\nline 0\n")
    assert texts(recorder).endswith("line 299999\n")
    assert recorder.outputs[-1]["evalue"] == "the end"
    assert 900_000 < size(recorder) <= 1024 * 1024
    check_shapes(list(recorder.outputs))


def test_one_huge_write_is_cut_too() -> None:
    with Recorder(show=False, limit=10_000) as recorder:
        sys.stdout.write("é" * 1_000_000 + "\nend")
    assert size(recorder) <= 10_000
    assert texts(recorder).endswith("end")


def test_streams_go_before_rich_outputs() -> None:
    with Recorder(show=False, limit=100_000) as recorder:
        for i in range(10_000):
            print("before", i)
        recorder.display({"image/png": "x" * 30_000}, raw=True)
        for i in range(10_000):
            print("after", i)
    assert size(recorder) <= 100_000
    assert [len(o["data"]["image/png"]) for o in recorder.outputs if "data" in o] == [30_000]
    assert texts(recorder).endswith("after 9999\n")


def test_a_rich_output_without_room_gives_way_to_its_plain_text_and_a_note() -> None:
    with Recorder(show=False) as recorder:
        print("kept")
        recorder.display({"image/png": "x" * 3_000_000, "text/plain": "<Figure>"}, raw=True)
        recorder.result(Rich(text_html="y" * 2_000_000))
        print("also kept")
    assert texts(recorder) == "kept\nalso kept\n"
    figure, result = (output["data"]["text/plain"] for output in recorder.outputs if "data" in output)
    assert figure.startswith("<Figure>\n[left out, too large: image/png (2.86 MiB)")
    assert result.startswith("rich\n[left out, too large: text/html (1.91 MiB)")
    assert "cut" not in texts(recorder, "stderr")


def test_a_display_that_grows_by_updates_stays_within_the_limit() -> None:
    with Recorder(show=False, limit=20_000) as recorder:
        handle = recorder.display({"text/plain": ""}, raw=True, display_id="x")
        for i in range(0, 30_000, 1_000):
            print("line " * 20)
            handle.update({"text/plain": "x" * i}, raw=True)
            assert size(recorder) <= 20_000
        recorder.error(ValueError("the end"))
    assert recorder.outputs[-1]["evalue"] == "the end"


def test_an_update_that_pushes_its_own_twin_out_leaves_the_room_it_took() -> None:
    with Recorder(show=False, limit=20_000) as recorder:
        for length in (8_900, 8_900, 12_000):
            recorder.display({"text/html": "x" * length}, raw=True, display_id="twin", update=length == 12_000)
        print("y" * 5_000)
    assert [len(output["data"]["text/html"]) for output in recorder.outputs if "data" in output] == [12_000]
    assert texts(recorder) == "y" * 5_000 + "\n"


def test_no_cut_goes_through_a_token() -> None:
    # The store could not seal a piece; and the fixed beginning is no secret.
    for text in (f"{LINK} ", f"{LINK}\n", f'"{LINK}",', f"p{LINK}/"):
        for offset in range(0, 400, 7):
            with Recorder(show=False, limit=8_192) as recorder:
                sys.stdout.write("x" * offset + text * 100)
            assert size(recorder) <= 8_192
            stored = json.dumps(recorder.outputs)
            assert stored.count(SIGNATURE) == stored.count(TOKEN) > 10
            with Recorder(show=False, limit=8_192) as recorder:
                for at in range(0, len(text) * 100, 50):
                    sys.stdout.write((text * 100)[at : at + 50])
            stored = json.dumps(recorder.outputs)
            assert stored.count(SIGNATURE) == stored.count(TOKEN) > 10


def test_no_carriage_return_leaves_half_a_token() -> None:
    with Recorder(show=False) as recorder:
        print(LINK, end="\r")
        print("x" * (len(LINK) - 60))
    assert SIGNATURE not in texts(recorder)


OPERATIONS = st.one_of(
    st.tuples(st.just("print"), st.text(max_size=50), st.integers(1, 300)),
    st.tuples(st.just("display"), st.sampled_from(["x", "é", "😀", "\\"]), st.integers(0, 10_000)),
    st.tuples(st.just("update"), st.sampled_from(["a", "b"]), st.integers(0, 10_000)),
    st.tuples(st.just("error"), st.text(max_size=50), st.integers(1, 300)),
    st.tuples(st.just("clear"), st.just(""), st.integers(0, 1)),
)


@given(st.lists(OPERATIONS, max_size=30))
def test_the_limit_holds_whatever_comes(operations: list[tuple[str, str, int]]) -> None:
    with Recorder(show=False, limit=8_192) as recorder:
        for what, text, number in operations:
            if what == "print":
                print(text * number, file=sys.stderr if number % 3 else sys.stdout)
            elif what == "display":
                recorder.display({"text/html": text * number, "text/plain": text}, raw=True)
            elif what == "update":
                recorder.display({"text/html": "u" * number}, raw=True, display_id=text)
            elif what == "error":
                recorder.error(ValueError(text * number))
            else:
                from IPython.display import clear_output

                clear_output(wait=bool(number))
            assert size(recorder) <= 8_192
    check_shapes(list(recorder.outputs))
