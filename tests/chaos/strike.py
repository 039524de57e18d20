"""A SIGKILL from within: before, during or after the n-th store operation of this process.

A store operation is a statement that SQLite executes, or a file that is opened, renamed, linked or removed in the
store's directory. pdnb knows nothing of this: the hooks are set here. What the process was at is left in shared
memory, for whoever counts.
"""

from __future__ import annotations

import mmap
import os
import random
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Literal, TypeAlias

import diskcache

When: TypeAlias = Literal["before", "during", "after"]
WHENS: Final[tuple[When, ...]] = ("before", "during", "after")
PLACES: Final = ("nothing yet", "between", "a statement", "a commit", "a file", "a step's body")

_COMMIT_S: Final = 0.003  # about as long as a commit takes
_FILES: Final = frozenset({"open", "os.remove", "os.rename", "os.link", "os.mkdir"})

_board: mmap.mmap | None = None


class Board:
    """Shared memory in which a process notes how far it has come."""

    def __init__(self) -> None:
        self.memory = mmap.mmap(-1, 16)

    @property
    def place(self) -> str:
        """What it was at last."""
        return PLACES[self.memory[0]]

    @property
    def operations(self) -> int:
        """How many store operations it had begun."""
        return int.from_bytes(self.memory[8:16], "little")


@contextmanager
def at(place: str) -> Iterator[None]:
    """Say what this process is at, if anybody wants to know."""
    if _board is None:
        yield
        return
    before = _board[0]
    _board[0] = PLACES.index(place)
    try:
        yield
    finally:
        _board[0] = before


def arm(
    directory: str, board: Board, *, operation: int | None = None, when: When = "before", commits: bool = False
) -> None:
    """From now on count the store operations of this process (or its *commits* only), and die at number *operation*."""
    global _board  # noqa: PLW0603  # one process, one board
    _board = board.memory
    _board[0] = 1
    count = 0

    def about(place: str) -> int:
        nonlocal count
        board.memory[0] = PLACES.index(place)
        if commits and place != "a commit":
            return 0
        count += 1
        board.memory[8:16] = count.to_bytes(8, "little")
        if count == operation and when == "before":
            die()
        if count == operation and when == "during":
            threading.Timer(random.uniform(0, _COMMIT_S), die).start()
        return count

    def counted(cache: Any) -> Callable[..., Any]:
        execute = cache._con.execute

        def call(statement: str, *values: Any) -> Any:
            before = board.memory[0]
            number = about("a commit" if statement == "COMMIT" else "a statement")
            try:
                return execute(statement, *values)
            finally:
                if number == operation and when == "after":
                    die()
                board.memory[0] = before

        return call

    def audited(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _FILES and str(arguments[0]).startswith(directory):
            before = board.memory[0]
            about("a file")  # Python tells of it before it happens; the next operation's "before" comes after it
            board.memory[0] = before

    diskcache.Cache._sql = property(counted)
    sys.addaudithook(audited)


def die() -> None:
    """As a power cut would have it."""
    os.kill(os.getpid(), signal.SIGKILL)
