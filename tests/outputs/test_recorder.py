"""What a step printed and displayed: the same record in every host, and no token on any screen."""

from __future__ import annotations

import asyncio
import builtins
import io
import json
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from pdnb.links import redact
from pdnb.outputs.recorder import Recorder
from tests.support.recorder_hosts import LINK, TOKEN, texts

if TYPE_CHECKING:
    from tests.support.recorder_hosts import Host


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
    assert printed == f"forgotten\nto stdout\nbetween\n{redact(LINK)}?decision=approve\n"
    displayed = [output["data"] for output in seen if output["output_type"] == "display_data"]
    assert displayed[0]["text/html"] == f"<a href='{redact(LINK)}'>html</a>"
    assert displayed[1]["text/plain"] == "'two'"
    assert displayed[2] == {"application/json": {"a": [redact(LINK)]}, "image/png": "UE5H"}
    assert "<table" in displayed[3]["text/html"]
    assert [data["text/plain"] for data in displayed[4:]] == ["{'a': 1}", "<IPython.core.display.HTML object>"]
    assert [output["evalue"] for output in seen if output["output_type"] == "error"] == ["broken"]


def test_clear_output_clears_the_record_and_not_what_the_cell_shows(host: Host) -> None:
    step = """
        from IPython.display import clear_output, display
        display("forgotten")
        clear_output()
        display("kept")
    """
    (seen,) = host.kernel("display('the card')\n" + host.source(step, show=True))
    assert [output["data"]["text/plain"] for output in host.outputs()] == ["'kept'"]
    assert [output["data"]["text/plain"] for output in seen] == ["'the card'", "'forgotten'", "'kept'"]


def test_everything_is_restored_also_when_the_step_raises_or_replaces_the_streams_itself() -> None:
    before = sys.stdout, sys.stderr, sys.meta_path[:], vars(builtins).get("display")

    def step() -> None:
        sys.stdout = io.StringIO()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Recorder(show=False):
        step()
    assert (sys.stdout, sys.stderr, sys.meta_path, vars(builtins).get("display")) == before


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


def test_none_is_no_result() -> None:
    with Recorder(show=False) as recorder:
        recorder.result(None)
    assert recorder.outputs == ()


class Broken:
    """Cannot be shown."""

    def __repr__(self) -> str:
        raise ValueError("this repr is broken")


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
