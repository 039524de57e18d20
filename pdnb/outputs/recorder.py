"""Records what a step prints and displays, alike in a kernel, a terminal and a plain process.

Rules:

- The record holds what was put out, links included; what is shown live is redacted.
- ``clear_output`` clears the record, not the screen: in a notebook the run's card stands first in the same output.
- IPython is imported late, if at all (see :mod:`pdnb.outputs.ipython`): a process without a shell starts fast.
"""

from __future__ import annotations

import builtins
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import TracebackType
from typing import Any, Self

from pdnb.model import JSON
from pdnb.outputs import ipython
from pdnb.outputs.buffer import Record
from pdnb.outputs.descriptors import Descriptors
from pdnb.outputs.nbformat import Output, bundle, copied, error_output, is_plain, plain
from pdnb.outputs.streams import Stream, swapped

__all__ = ["Recorder"]


def _unchanged(text: str) -> str:
    return text


class Recorder:
    """Records what is printed and displayed between enter and exit; for one attempt, used once.

    ``show`` also forwards everything, live, to where it would have gone; *redact* (idempotent) takes the tokens out of
    that. ``limit`` is in bytes of JSON, some KiB at least. While it is active, ``display`` is a
    builtin. ``sys.stdout`` is replaced for the whole process: threads and tasks that the step starts are recorded,
    those that were there before are not; what a program that it starts writes to its descriptors is recorded too.
    """

    def __init__(self, *, show: bool, redact: Callable[[str], str] = _unchanged, limit: int = 1024 * 1024) -> None:
        self.show = show
        self.redact = redact
        self.active = False
        self._record = Record(limit)
        self._streams: list[Stream] = []
        self._lock = threading.RLock()
        self._here = threading.local()  # `.forwarding`: this thread forwards what is recorded already
        self._undo = ExitStack()
        self._host: ipython.Host | None = None
        self._descriptors = Descriptors(self._received)

    def __enter__(self) -> Self:
        try:
            self._replace_streams()
            if not hasattr(builtins, "display"):
                self._undo.enter_context(swapped(builtins, "display", self.display))
            self.active = True
            self._undo.enter_context(ipython.when_loaded(self._attach))
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            inline = sys.modules.get("matplotlib_inline.backend_inline")
            if inline is not None:
                inline.flush_figures()  # as at the end of a cell: figures that were drawn and not shown
        finally:
            self._leave()

    @property
    def outputs(self) -> tuple[Output, ...]:
        """What was recorded so far, in nbformat's shapes; all JSON."""
        with self._lock:
            return self._record.outputs()

    def recent(self, limit: int) -> tuple[Output, ...]:
        """The newest of them within *limit* bytes, while the step is still at work."""
        with self._lock:
            return self._record.recent(limit)

    def result(self, value: object) -> None:
        """Record *value*, the last one of a body, as ``execute_result``; ``None`` is nothing."""
        if value is not None:
            self._show_value(value, "execute_result")

    def error(self, exc: BaseException) -> None:
        """Record *exc* as an ``error``. It is not shown: whatever it propagates to shows it."""
        output = error_output(exc)
        self._descriptors.drain()
        with self._lock:
            self._record.add(output)

    def display(self, *objects: object, **options: Any) -> Any:
        """IPython's ``display``; IPython is not imported for values that have a plain text only."""
        if not self.active or self._host is not None or options or not all(map(is_plain, objects)):
            return ipython.display(*objects, **options)
        for value in objects:
            self._show_value(value, "display_data")
        return None

    # -- what is printed

    def _replace_streams(self) -> None:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError, AttributeError):  # what it holds still goes where it led before
                stream.flush()
        self._descriptors.start()
        for name in ("stdout", "stderr"):
            stream = Stream(
                name,
                getattr(sys, name),
                self._record_text,
                self._lock,
                show=self.show,
                redact=self.redact,
                descriptors=self._descriptors,
            )
            self._streams.append(stream)
            self._undo.enter_context(swapped(sys, name, stream))

    def _received(self, name: str, text: str) -> None:
        """*text* was written to a descriptor, by this process or one that it started."""
        next(stream for stream in self._streams if stream.key == name).take(text)

    def _record_text(self, name: str, text: str) -> None:
        if not getattr(self._here, "forwarding", False):
            self._record.write(name, text)

    @contextmanager
    def _forwarding(self) -> Iterator[None]:
        """What this thread prints in the block is shown and not recorded: it is recorded already."""
        before = getattr(self._here, "forwarding", False)
        self._here.forwarding = True
        try:
            yield
        finally:
            self._here.forwarding = before

    # -- what is displayed

    def _show_value(self, value: object, kind: str) -> None:
        try:
            data, metadata = self._formatted(value)
        except Exception as exc:  # noqa: BLE001 - a broken repr is shown, as IPython does, and fails nothing
            self._broken(type(exc), exc, [])
            return
        if data:
            self._publish(data, metadata, kind=kind)

    def _formatted(self, value: object) -> tuple[dict[Any, Any], dict[Any, Any]]:
        if self._host is not None:
            return self._host.format(value)
        if is_plain(value):
            return {"text/plain": plain(value)}, {}
        return ipython.formatted(value)

    def _publish(
        self,
        data: dict[Any, Any],
        metadata: dict[Any, Any] | None = None,
        *_source: object,
        transient: dict[str, Any] | None = None,
        update: bool = False,
        kind: str = "display_data",
        **_options: object,
    ) -> None:
        """Replaces the display publisher's ``publish``."""
        if not isinstance(data, dict):
            raise TypeError(f"data must be a dict, got: {data!r}")
        data, metadata, display_id = bundle(data), copied(metadata) or {}, (transient or {}).get("display_id")
        self._descriptors.drain()
        with self._lock:
            output: Output = {"output_type": kind, "data": data, "metadata": metadata}
            output |= {"execution_count": None} if kind == "execute_result" else {}
            self._record.publish(output, display_id, update=update)
        if self.show:
            shown = {mime: self._redacted(value, mime) for mime, value in data.items()}
            with self._forwarding():
                if self._host is None:
                    print(shown.get("text/plain", ""))  # noqa: T201 - as IPython does in a terminal
                else:
                    self._host.publish(shown, self._redacted(metadata), transient=transient or {}, update=update)

    def _redacted(self, value: JSON, mime: str = "") -> JSON:
        if isinstance(value, str):
            return value if mime.startswith("image/") and not mime.endswith("+xml") else self.redact(value)
        if isinstance(value, list):
            return [self._redacted(item) for item in value]
        if isinstance(value, dict):
            return {self.redact(key): self._redacted(item) for key, item in value.items()}
        return value

    def _broken(self, kind: Any, exc: BaseException, shown: list[str]) -> None:
        """Replaces the shell's ``_showtraceback``: an error that is shown and fails nothing."""
        self.error(exc)
        if self.show:
            with self._forwarding():
                if self._host is None:
                    print(*error_output(exc)["traceback"], sep="\n", file=sys.stderr)  # noqa: T201
                else:
                    self._host.show_traceback(kind, exc, [self.redact(line) for line in shown])

    # -- coming and going

    def _attach(self) -> None:
        if self.active:
            replaced = ipython.taken_over(publish=self._publish, clear_output=self._clear, show_traceback=self._broken)
            self._host = self._undo.enter_context(replaced)

    def _clear(self, wait: bool = False) -> None:  # noqa: FBT001, FBT002 - IPython's signature
        """Replaces the display publisher's ``clear_output``: clearing the cell would remove the run's card."""
        with self._lock:
            self._record.clear(wait=wait)

    def _leave(self) -> None:
        self._descriptors.stop()
        with self._lock:
            self.active = False
            for stream in self._streams:
                stream.leave()
        self._descriptors.close()
        self._undo.close()
