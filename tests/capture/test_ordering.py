"""In which order what is taken along executes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from pdnb.capture.ordering import ordered

if TYPE_CHECKING:
    from tests.support.scenarios import Notebook


@st.composite
def graphs(draw: st.DrawFn) -> tuple[dict[int | str, list[int | str]], dict[int | str, list[int | str]]]:
    """Definition-time needs without circles, call-time needs of any kind, under shuffled labels."""
    labels: list[int | str] = draw(st.permutations([0, 1, 2, "a", "b", "c"]))
    hard = {n: draw(st.lists(st.sampled_from(labels[:i]), max_size=2)) if i else [] for i, n in enumerate(labels)}
    soft = {label: draw(st.lists(st.sampled_from(labels), max_size=2)) for label in labels}
    return {label: hard[label] for label in sorted(hard, key=str)}, soft


@given(graphs())
def test_everything_comes_once_and_after_what_it_needs_to_execute(
    graph: tuple[dict[int | str, list[int | str]], dict[int | str, list[int | str]]],
) -> None:
    hard, soft = graph
    order = ordered(hard, soft)
    assert sorted(order, key=str) == sorted(hard, key=str)
    for node, needs in hard.items():
        assert all(order.index(need) < order.index(node) for need in needs)


@given(graphs())
def test_without_circles_everything_also_comes_after_what_it_may_call(
    graph: tuple[dict[int | str, list[int | str]], dict[int | str, list[int | str]]],
) -> None:
    both, _ = graph
    hard = {node: needs[:1] for node, needs in both.items()}
    soft = {node: needs[1:] for node, needs in both.items()}
    order = ordered(hard, soft)
    for node, needs in both.items():
        assert all(order.index(need) < order.index(node) for need in needs)


def test_what_needs_itself_before_it_can_execute_is_refused(notebook: Notebook) -> None:
    message = notebook.run("class A: pass\nclass A(A): pass").refusal("A")
    assert message.startswith("each of these needs the next one, and the last the first, before it can execute: 'A': ")


def test_setup_cells_in_an_order_that_cannot_work_are_refused(notebook: Notebook) -> None:
    notebook.run("class Base: pass\nclass Mid(Base): pass")
    message = notebook.refusal("Mid", setup=("X = Mid()", "class Base: pass"))
    assert message.startswith("each of these needs the next one, and the last the first, before it can execute: ")
    assert "%%setup cell 1, 'Mid', %%setup cell 2" in message
    assert "put them into one %%setup cell" in message
