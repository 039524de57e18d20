"""The order in which captured definitions and setup cells execute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from pdnb.errors import CaptureError

#: A cell of the run's setup: a ``%%setup`` cell by its index, or a captured definition by its name.
Node: TypeAlias = int | str

#: The nodes that each node needs.
Needs: TypeAlias = Mapping[Node, Sequence[Node]]


def label(node: Node) -> str:
    """The node, for people."""
    return repr(node) if isinstance(node, str) else f"%%setup cell {node + 1}"


def ordered(hard: Needs, soft: Needs) -> list[Node]:
    """All nodes, each after those it needs (*hard*), and after those it may need (*soft*) where that is possible.

    Raises ``CaptureError`` if the hard needs go round in a circle.
    """
    done: dict[Node, None] = {}

    def place(node: Node, path: tuple[Node, ...]) -> None:
        if node in done:
            return
        if node in path:
            circle = ", ".join(label(it) for it in path[path.index(node) :])
            raise CaptureError(
                f"each of these needs the next one, and the last the first, before it can execute: {circle}: "
                "put them into one %%setup cell, in the order that works"
            )
        path = (*path, node)
        for need in hard[node]:
            place(need, path)
        for may_need in _reached(node, hard, soft):
            if may_need not in done and _reached(may_need, hard).keys().isdisjoint(path):
                place(may_need, path)
        done[node] = None

    for node in hard:
        place(node, ())
    return list(done)


def _reached(start: Node, *edges: Needs) -> dict[Node, None]:
    """All nodes that the edges lead to from *start*, itself among them, in a certain order."""
    found: dict[Node, None] = {}
    waiting = [start]
    while waiting:
        node = waiting.pop()
        if node not in found:
            found[node] = None
            waiting += [target for edge in edges for target in edge[node]]
    return found
