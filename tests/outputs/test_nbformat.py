"""Values, bundles and exceptions in nbformat's shapes, whatever they are."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pdnb.outputs.nbformat
from pdnb.outputs.recorder import Recorder
from tests.support.recorder_hosts import Rich, check_shapes, texts


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


def test_lone_surrogates_are_replaced_in_text_and_in_rich_outputs() -> None:
    with Recorder(show=False) as recorder:
        print("a\ud800b", "\ud83d", end="")
        print("\ude00")
        recorder.result(Rich(text_html="<\ud800>", application_json={"\ud800": ["\udfff"]}))
        recorder.error(ValueError("\ud800"))
    check_shapes(list(recorder.outputs))
    assert texts(recorder) == "a\ufffdb 😀\n"
    assert recorder.outputs[1]["data"]["text/html"] == "<\ufffd>"


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
    ours = pdnb.outputs.nbformat.__file__.replace("outputs/nbformat", "runtime/runner")
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
