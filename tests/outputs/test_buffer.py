"""What was recorded, in its order and within its limit."""

from __future__ import annotations

import json
import sys

from hypothesis import given
from hypothesis import strategies as st

from pdnb.outputs.recorder import Recorder
from tests.support.recorder_hosts import LINK, SIGNATURE, TOKEN, Rich, check_shapes, size, texts


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
