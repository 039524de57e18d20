"""Replacements for ``sys.stdout`` and ``sys.stderr`` while a step executes.

Rules:

- What is shown live goes through ``redact``, and at once: only a token that is not whole yet is held back.
- A stream outlives its recorder, in loggers and threads: from then on it forwards to the present ``sys.stdout``.
"""

from __future__ import annotations

import codecs
import io
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any, Final, TextIO

from pdnb.links import TOKEN
from pdnb.outputs.descriptors import Descriptors
from pdnb.outputs.nbformat import storable

# Every token begins with pdnb1 and is shorter than 200 characters: one that may go on, or two of them joined.
_UNFINISHED: Final = re.compile(r"pdnb1[\w.-]{0,400}\Z")
_MISSING: Final = object()
_getpid: Final = os.getpid  # bound now: a step may patch it


@contextmanager
def swapped(holder: Any, name: str, value: object) -> Iterator[None]:
    """Set an attribute of *holder* for the length of the block, then restore or delete it."""
    before = vars(holder).get(name, _MISSING)
    setattr(holder, name, value)
    try:
        yield
    finally:
        if before is not _MISSING:
            setattr(holder, name, before)
        else:
            with suppress(AttributeError):
                delattr(holder, name)


class Stream(io.TextIOBase):
    """Replaces ``sys.stdout`` or ``sys.stderr`` for a while; attributes it does not have are the *original*'s.

    *key* is the attribute of ``sys``. All that is written goes to *record*, and live to *original* if *show*; both
    under *lock*.
    """

    encoding = "utf-8"
    errors = "replace"

    def __init__(
        self,
        key: str,
        original: TextIO | None,
        record: Callable[[str, str], None],
        lock: AbstractContextManager[Any],
        *,
        show: bool,
        redact: Callable[[str], str],
        descriptors: Descriptors,
    ) -> None:
        self.original = original
        self.active = True
        self._pid = _getpid()
        self._others = frozenset(threading.enumerate()) - {threading.current_thread()}
        self._descriptors = descriptors
        self.name = f"<{key}>"
        self.buffer = _Buffer(self)
        self.key = key
        self._record = record
        self._lock = lock
        self._redact = redact
        self._live = _Live(descriptors.place_before(original), redact) if show else None

    def write(self, text: object, /) -> int:
        """Record *text* and show it; after the recorder has ended, only forward it.

        So it is with the text of a thread that was there before: it belongs to somebody else.
        """
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if self.active and _getpid() != self._pid:  # a child that was forked: its memory is its own, the pipe is not
            os.write(self._number, text.encode(errors="replace"))
            return len(text)
        if self.active and threading.current_thread() in self._others:
            if self.original is not None:
                self.original.write(self._redact(text))
            return len(text)
        self._descriptors.drain()
        return self.take(text)

    def take(self, text: str) -> int:
        """Record *text* and show it, whoever wrote it."""
        with self._lock:
            if self.active:
                self._record(self.key, text)
                if self._live is not None:
                    self._live.write(text)
                return len(text)
        present = self._present()
        if present is not None:
            present.write(text if isinstance(present, Stream) else self._redact(text))
        return len(text)

    def flush(self) -> None:
        """Flush the stream that it forwards to."""
        to = self._live if self.active else self._present()
        if to is not None:
            to.flush()

    def leave(self) -> None:
        """Record no more, and show what was held back."""
        with self._lock:
            self.active = False
            if self._live is not None:
                self._live.write("", last=True)
                self._live.flush()

    def _present(self) -> Any:
        """The stream that gets what is written after the recorder has ended."""
        stream = getattr(sys, self.key)
        while isinstance(stream, Stream) and not stream.active:
            stream = stream.original
        return stream

    def writable(self) -> bool:
        """Yes."""
        return True

    def isatty(self) -> bool:
        """Whether what is written is shown in a terminal."""
        return self._live is not None and self.original is not None and self.original.isatty()

    def fileno(self) -> int:
        """1 or 2: what is written there is recorded too. Afterwards the original's."""
        if self.active:
            return self._number
        if self.original is None:
            raise io.UnsupportedOperation("fileno")
        return self.original.fileno()

    @property
    def _number(self) -> int:
        return 1 if self.key == "stdout" else 2

    def close(self) -> None:
        """Stay open: these streams belong to the host, not to the step."""

    def reconfigure(self, **_options: object) -> None:
        """Change nothing: what is recorded is text."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "original" not in vars(self):
            raise AttributeError(name)
        return getattr(self.original, name)


class _Buffer(io.BufferedIOBase):
    """``sys.stdout.buffer``: bytes are taken as UTF-8."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def write(self, data: Any, /) -> int:
        self._stream.write(self._decoder.decode(bytes(data)))
        return len(data)

    def flush(self) -> None:
        self._stream.flush()

    def writable(self) -> bool:
        return True

    def close(self) -> None:
        """Stay open, as the stream does."""


class _Live:
    """Forwards text at once, redacted; a token that is not whole yet is held back."""

    def __init__(self, stream: TextIO | None, redact: Callable[[str], str]) -> None:
        self._stream = stream
        self._redact = redact
        self._text = ""  # the end of what was written: a token that may go on, or a few characters that may begin one
        self._sent = ""  # how much of its beginning has been forwarded

    def write(self, text: str, *, last: bool = False) -> None:
        text = self._text + text
        begun = _UNFINISHED.search(text)
        held = begun is not None and not last and "pdnb1" in TOKEN.sub("", begun[0])
        end = begun.start() if begun and held else len(text)
        shown = self._redact(text[:end])
        same = 0
        while same < len(self._sent) and shown.startswith(self._sent[same], same):
            same += 1
        self._text = text[end:] if held else text[-4:]
        self._sent = self._sent[end:] if held else self._text
        self._forward(shown[same:])

    def _forward(self, text: str) -> None:
        if self._stream is None or not text:
            return
        try:
            try:
                self._stream.write(storable(text))
            except UnicodeEncodeError as exc:
                self._stream.write(text.encode(exc.encoding, "backslashreplace").decode(exc.encoding))
        except (OSError, ValueError):  # a closed pipe or file: nothing more can be shown, and the step goes on
            self._stream = None

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            if self._stream is not None:
                self._stream.flush()
