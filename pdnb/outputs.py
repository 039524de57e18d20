r"""What a step printed and displayed, as notebook outputs; alike in a kernel, a terminal and a plain process.

Rules:

- The record holds what was said, links included: the store seals it. What is shown live goes through ``redact``, and
  at once: only a token that is not whole yet is held back.
- The record has a limit. Beyond it the beginning and the newest stay, streams go before rich outputs, and a note says
  so. No cut goes through a token: its pieces could not be sealed any more.
- ``\r`` goes back to the start of the line, as in a terminal: of a progress bar the last state is kept.
- IPython is imported only when a value has a rich form or the user's code imports it. A process without a shell then
  has a stand-in while a recorder is active: what ``IPython.display`` needs, no magics, no history.
- A stream outlives its recorder, in loggers and threads: from then on it hands on to whatever ``sys.stdout`` is.
"""

from __future__ import annotations

import binascii
import builtins
import codecs
import functools
import io
import json
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self, TextIO, TypeAlias, cast

from pdnb.model import JSON

__all__ = ["Recorder"]

Output: TypeAlias = dict[str, JSON]

_SHELL: Final = "IPython.core.interactiveshell"
_FORMS: Final = ("html", "mimebundle", "markdown", "svg", "png", "pdf", "jpeg", "latex", "json", "javascript", "pretty")
_RICH: Final = ("_ipython_display_", *(f"_repr_{form}_" for form in _FORMS))
_JSON_MIME: Final = re.compile(r"application/(.*\+)?json")
_ANSI: Final = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
# Every token begins with pdnb1 and is shorter than 200 characters. At the end of a text: one that may go on (or two,
# one behind the other), and one of which perhaps not even the beginning is whole.
_UNFINISHED: Final = re.compile(r"pdnb1[\w.-]{0,400}\Z")
_BEGUN: Final = re.compile(r"p(?:d(?:n(?:b(?:1[\w.-]*)?)?)?)?\Z")
_MISSING: Final = object()


# ---- what can be stored -------------------------------------------------------------------------------------------


def _storable(text: str) -> str:
    """*text* with lone surrogates replaced: it can be UTF-8."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _end(text: str, start: int, most: int) -> int:
    """Where a piece of at most *most* characters ends: behind a newline if one is near, never inside a token."""
    stop = min(start + most, len(text))
    end = text.rfind("\n", start + (stop - start) // 2, stop) + 1 or stop
    begun = _BEGUN.search(text, max(start, end - 256), end)
    return begun.start() if begun and begun.start() > start else end


def _clipped(text: str, most: int) -> str:
    return _storable(text if len(text) <= most else text[: _end(text, 0, most)] + "…")


def _human(size: int) -> str:
    unit, name = (1024 * 1024, "MiB") if size >= 1024 * 1024 else (1024, "KiB")
    return f"{size / unit:.3g} {name}"


def _clean(mime: str, value: object) -> JSON:
    """A copy of *value* as nbformat wants it under *mime*; ``None`` if there is none."""
    if isinstance(value, bytes | bytearray | memoryview):
        return binascii.b2a_base64(value, newline=False).decode("ascii")
    if _JSON_MIME.fullmatch(mime):
        return _copied(value)
    if isinstance(value, list | tuple) and all(isinstance(line, str) for line in value):
        value = "".join(value)
    return _storable(value) if isinstance(value, str) else None


def _copied(value: object) -> JSON:
    try:
        return json.loads(_storable(json.dumps(value, ensure_ascii=False, allow_nan=False)))
    except (TypeError, ValueError, RecursionError):
        return None


def _bundle(data: dict[Any, Any]) -> dict[str, JSON]:
    """A mime bundle without what cannot be stored."""
    cleaned = {mime: _clean(mime, value) for mime, value in data.items() if isinstance(mime, str)}
    kept = {mime: value for mime, value in cleaned.items() if value is not None}
    return kept if kept or not data else {"text/plain": f"[{', '.join(map(str, data))}: not JSON]"}


def _is_plain(value: object) -> bool:
    return not any(hasattr(type(value), name) for name in _RICH)


def _plain(value: object) -> str:
    """Nearly what IPython's plain text would be, without IPython."""
    text = repr(value)
    if 79 < len(text) < 20_000 and isinstance(value, dict | list | tuple | set | frozenset):
        from pprint import pformat  # noqa: PLC0415 - seldom needed, and a cold start is measured

        return pformat(value, sort_dicts=False)
    return text


def _error(exc: BaseException) -> Output:
    """*exc* as an ``error`` output. Its traceback starts behind our own frames, and those of what called for us."""
    import traceback  # noqa: PLC0415 - only a step that fails pays for it

    hosts = [sys.modules[name].__file__ or "" for name in ("asyncio", "concurrent", "IPython") if name in sys.modules]
    ours = (
        __file__.removesuffix("outputs.py"),
        threading.__file__,
        *(host.removesuffix("__init__.py") for host in hosts if host),
    )

    def strip(shown: traceback.TracebackException | None) -> None:
        if shown is not None:
            while shown.stack and shown.stack[0].filename.startswith(ours):
                del shown.stack[0]
            for other in (shown.__cause__, shown.__context__, *(shown.exceptions or ())):
                strip(other)

    try:
        message = str(exc)
    except BaseException:  # noqa: BLE001 - a broken __str__ may raise anything; the traceback module catches as much
        message = "<str() failed>"
    name = type(exc).__name__
    try:
        shown = traceback.TracebackException.from_exception(exc)
        strip(shown)
        text = "".join(shown.format() if shown.stack else shown.format_exception_only())
    except Exception:  # noqa: BLE001 - any attribute of a foreign exception may be broken; it is recorded all the same
        text = f"{name}: {message}"
    lines = _ANSI.sub("", text).splitlines()
    if len(lines) > 300:
        lines = [*lines[:100], f"[{len(lines) - 300} lines left out]", *lines[-200:]]
    return {
        "output_type": "error",
        "ename": _storable(name),
        "evalue": _clipped(message, 10_000),
        "traceback": [_clipped(line, 2_000) for line in lines],
    }


# ---- the record ---------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class _Entry:
    output: Output
    display_id: object = None

    def __post_init__(self) -> None:
        self.measure()
        self.is_stream = self.output["output_type"] == "stream"

    def measure(self) -> None:
        """Count bytes as the store writes them: in ASCII, which is never less than UTF-8."""
        self.size = len(json.dumps(self.output)) + 2


class _Record:
    """Outputs in order, within *limit* bytes of JSON. Not thread-safe: its recorder has the lock."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._block = max(limit // 64, 16)
        self._note = _Entry({"output_type": "stream", "name": "stderr", "text": f"\n[output cut at {_human(limit)}]\n"})
        self._forget()

    def _forget(self) -> None:
        self._clear_next = False
        self._entries: list[_Entry] = []
        self._size = self._note.size + 2
        self._cut: int | None = None  # how many entries stand before the note, once something is missing
        self._name = ""
        self._chunks: list[str] = []  # what stream `_name` got and is not in an entry yet: about a block at most
        self._chars = 0
        self._column: int | None = None  # where the next character goes, if not behind the last one

    def write(self, name: str, text: str) -> None:
        """Record that *text* went to the stream *name*."""
        if self._clear_next:
            self._forget()
        if name != self._name:
            self._close()
            self._name = name
        if self._column is None and "\r" not in text:
            self._put(text)
        else:
            self._overwrite(text)
        if self._chars > self._block:
            self._close(open_end=True)

    def add(self, output: Output, display_id: object = None) -> None:
        """Record a rich output or an error."""
        if self._clear_next:
            self._forget()
        self._close()
        self._append(output, display_id)

    def update(self, display_id: object, data: JSON, metadata: JSON) -> bool:
        """Replace what stands under *display_id*; ``False`` if nothing does."""
        found = [entry for entry in self._entries if entry.display_id == display_id]
        for entry in found:
            if entry in self._entries:  # not dropped for the one before
                self._resize(entry, {**entry.output, "data": data, "metadata": metadata})
                self._fit(entry)
        return bool(found)

    def clear(self, *, wait: bool) -> None:
        """Forget everything; with *wait* as soon as something new comes."""
        if wait:
            self._clear_next = True
        else:
            self._forget()

    def outputs(self) -> tuple[Output, ...]:
        """What was recorded, each run of one stream's text in one output."""
        self._close()
        entries = list(self._entries)
        if self._cut is not None:
            entries.insert(self._cut, self._note)
        result: list[Output] = []
        for entry in entries:
            if entry.is_stream and result and result[-1].get("name") == entry.output["name"]:
                result[-1]["text"] += entry.output["text"]
            else:
                result.append(dict(entry.output))
        return tuple(result)

    def _put(self, text: str) -> None:
        if text:
            self._chunks.append(text)
            self._chars += len(text)

    def _overwrite(self, text: str) -> None:
        """Write *text* into the current line as a terminal would."""
        parts: list[str] = []
        while self._chunks:
            chunk = self._chunks.pop()
            self._chars -= len(chunk)
            start = chunk.rfind("\n") + 1
            parts.append(chunk[start:])
            if start:
                self._put(chunk[:start])
                break
        line = "".join(reversed(parts))
        column = len(line) if self._column is None else self._column
        for i, part in enumerate(text.split("\r")):
            column = 0 if i else column
            new, newline, rest = part.partition("\n")
            # Colours, links and very long lines are replaced whole: what would be left of them is no use, or harm.
            if new and column == 0 and (len(line) > 4096 or "\x1b" in line + new or "pdnb1" in line):
                line = ""
            line = line[:column] + new + line[column + len(new) :]
            column += len(new)
            if newline:
                whole, newline, last = rest.rpartition("\n")
                self._put(f"{line}\n{whole}{newline}")
                line, column = last, len(last)
        self._put(line)
        self._column = column if column < len(line) else None

    def _close(self, *, open_end: bool = False) -> None:
        """Move the open text into entries; with *open_end* without its last line, and without half a token."""
        text = "".join(self._chunks)
        end = _end(text, 0, len(text)) if open_end else len(text)
        if text[end - 1 : end] != "\n" or not open_end:
            self._column = None
        self._chunks, self._chars = [], 0
        self._put(text[end:])
        text, start = _storable(text[:end]), 0
        while start < len(text):
            stop = _end(text, start, self._block)
            self._append({"output_type": "stream", "name": self._name, "text": text[start:stop]})
            start = stop

    def _append(self, output: Output, display_id: object = None) -> None:
        entry = _Entry(output, display_id)
        self._entries.append(entry)
        self._size += entry.size
        self._fit(entry)

    def _resize(self, entry: _Entry, output: Output) -> None:
        self._size -= entry.size
        entry.output = output
        entry.measure()
        self._size += entry.size

    def _fit(self, newest: _Entry) -> None:
        """Keep to the limit: shrink *newest* if it has no room at all, then drop what is neither first nor new."""
        if self._size <= self._limit:
            return
        cut, head = 0, 0
        for entry in self._entries[: self._cut]:
            if self._cut is None and (entry is newest or head + entry.size > self._limit // 2):
                break
            cut, head = cut + 1, head + (0 if entry is newest else entry.size)
        if head + newest.size + self._note.size > self._limit * 7 // 8:  # the rest is for what comes after it
            self._resize(newest, self._shrunk(newest.output))
        room = self._limit - self._limit // 32  # somewhat more than needed, so that it is seldom done
        for droppable in ((True,), (True, False)):
            if self._size > self._limit:
                self._cut = cut
                kept = []
                for entry in self._entries[cut:]:
                    if self._size > room and entry is not newest and entry.is_stream in droppable:
                        self._size -= entry.size
                    else:
                        kept.append(entry)
                self._entries[cut:] = kept
        if self._size > self._limit:  # not even shrunk
            self._entries.remove(newest)
            self._size -= newest.size
            self._cut = min(cut, len(self._entries))

    def _shrunk(self, output: Output) -> Output:
        if output["output_type"] == "error":
            lines = [_clipped(line, self._limit // 128) for line in output["traceback"][-10:]]
            return {**output, "evalue": _clipped(output["evalue"], self._limit // 64), "traceback": lines}
        if "data" not in output:
            return output
        plain = _clipped(str(output["data"].get("text/plain", "")), self._limit // 64)
        sizes = [f"{mime} ({_human(len(json.dumps(value)))})" for mime, value in output["data"].items()]
        note = f"[left out, too large: {_clipped(', '.join(sizes), 500)}]"
        return {**output, "data": {"text/plain": f"{plain}\n{note}".lstrip("\n")}, "metadata": {}}


# ---- the streams --------------------------------------------------------------------------------------------------


class _Live:
    """Hands text on at once, redacted; a token that is not whole yet is held back."""

    def __init__(self, stream: TextIO | None, redact: Callable[[str], str]) -> None:
        self._stream = stream
        self._redact = redact
        self._text = ""  # the end of what was written: a token that may go on, or a few characters that may begin one
        self._sent = ""  # how much of its beginning has been handed on

    def write(self, text: str, *, last: bool = False) -> None:
        text = self._text + text
        begun = _UNFINISHED.search(text)
        held = begun is not None and not last and "pdnb1" in self._redact(begun[0])
        end = begun.start() if begun and held else len(text)
        shown = self._redact(text[:end])
        same = 0
        while same < len(self._sent) and shown.startswith(self._sent[same], same):
            same += 1
        self._text = text[end:] if held else text[-4:]
        self._sent = self._sent[end:] if held else self._text
        self._hand_on(shown[same:])

    def _hand_on(self, text: str) -> None:
        if self._stream is None or not text:
            return
        try:
            try:
                self._stream.write(_storable(text))
            except UnicodeEncodeError as exc:
                self._stream.write(text.encode(exc.encoding, "backslashreplace").decode(exc.encoding))
        except (OSError, ValueError):  # a closed pipe or file: nobody is watching any more, the step goes on
            self._stream = None

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            if self._stream is not None:
                self._stream.flush()


class _Stream(io.TextIOBase):
    """``sys.stdout`` or ``sys.stderr`` while a recorder is active; what it does not know the original answers."""

    encoding = "utf-8"
    errors = "replace"

    def __init__(self, recorder: Recorder, name: str, original: TextIO | None) -> None:
        self.recorder = recorder
        self.original = original
        self.key = name
        self.name = f"<{name}>"
        self.buffer = _Buffer(self)

    def write(self, text: object, /) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if not self.recorder._wrote(self.key, text):  # noqa: SLF001 - recorder and stream are one thing in two classes
            heir = self._heir()
            if heir is not None:
                heir.write(text if isinstance(heir, _Stream) else self.recorder.redact(text))
        return len(text)

    def flush(self) -> None:
        if not self.recorder._flush(self.key):  # noqa: SLF001 - likewise
            heir = self._heir()
            if heir is not None:
                heir.flush()

    def _heir(self) -> Any:
        """Who gets what is written when the recorder is no longer there."""
        stream = getattr(sys, self.key)
        while isinstance(stream, _Stream) and not stream.recorder.active:
            stream = stream.original
        return stream

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self.recorder.show and self.original is not None and self.original.isatty()

    def fileno(self) -> int:
        if self.original is None:
            raise io.UnsupportedOperation("fileno")
        return self.original.fileno()

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

    def __init__(self, stream: _Stream) -> None:
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


# ---- IPython ------------------------------------------------------------------------------------------------------


class _ImportHook:
    """Calls back once the module that every use of IPython loads has been executed."""

    def __init__(self, then: Callable[[], None]) -> None:
        self._then = then

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if name != _SHELL:
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        spec = next(filter(None, (finder.find_spec(name, path, target) for finder in others)), None)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: Any) -> None:
                execute(module)
                self._then()

            vars(spec.loader)["exec_module"] = exec_module
        return spec


@functools.cache
def _stand_in() -> Any:
    """A shell that formats and publishes, and nothing else; one per process, so that formatters stay registered."""
    from IPython.core.error import UsageError  # noqa: PLC0415 - this is IPython's home, and it comes late
    from IPython.core.events import EventManager, available_events  # noqa: PLC0415
    from IPython.core.formatters import DisplayFormatter  # noqa: PLC0415
    from IPython.core.interactiveshell import InteractiveShell  # noqa: PLC0415
    from IPython.core.pylabtools import print_figure  # noqa: PLC0415

    class Publisher:
        def publish(self, data: Any, *_args: Any, **_options: Any) -> None:
            print(data.get("text/plain", ""))  # noqa: T201 - as IPython does in a terminal

        def clear_output(self, wait: bool = False) -> None:  # noqa: FBT001, FBT002 - IPython's signature
            """Leave a log as it is."""

    class StandIn(InteractiveShell):
        def __init__(self) -> None:
            super(InteractiveShell, self).__init__()  # not InteractiveShell's: it would take over the process
            self.user_ns = {}
            self.configurables = [self]
            self.events = EventManager(self, available_events)
            self.display_formatter = DisplayFormatter(parent=self)
            self.display_pub = cast("Any", Publisher())
            png = self.display_formatter.formatters["image/png"]
            png.for_type_by_name("matplotlib.figure", "Figure", functools.partial(print_figure, base64=True))

        def showtraceback(self, exc_tuple: Any = None, *_args: Any, **_options: Any) -> None:
            kind, exc, _ = exc_tuple or sys.exc_info()
            self._showtraceback(kind, exc, [])

        def _showtraceback(self, etype: Any, evalue: Any, stb: Any) -> None:  # noqa: ARG002 - IPython's signature
            print(*_error(evalue)["traceback"], sep="\n", file=sys.stderr)  # noqa: T201

        def run_line_magic(self, magic_name: str, *_args: Any, **_options: Any) -> Any:
            raise UsageError(f"%{magic_name} cannot run here: this process has no notebook; write it in Python")

        run_cell_magic = run_line_magic

    return StandIn()


# ---- the recorder -------------------------------------------------------------------------------------------------


def _as_it_is(text: str) -> str:
    return text


def _remove(finders: list[Any], finder: object) -> None:
    with suppress(ValueError):
        finders.remove(finder)


def _put_back(holder: Any, name: str, value: object) -> None:
    if value is not _MISSING:
        setattr(holder, name, value)
    else:
        with suppress(AttributeError):
            delattr(holder, name)


class Recorder:
    """Records what is printed and displayed between enter and exit; for one attempt, used once.

    ``show`` hands everything on to where it would have gone, live; *redact* must turn every token there into something
    that it leaves alone. ``limit`` is in bytes of JSON, some KiB at least. While it is active, ``display`` is a
    builtin. ``sys.stdout`` is replaced for the whole process: threads and tasks that the step starts are recorded too,
    what a subprocess writes to its own descriptors is not.
    """

    def __init__(self, *, show: bool, redact: Callable[[str], str] = _as_it_is, limit: int = 1024 * 1024) -> None:
        self.show = show
        self.redact = redact
        self.active = False
        self._record = _Record(limit)
        self._live: dict[str, _Live] = {}
        self._lock = threading.RLock()
        self._here = threading.local()  # `.forwarding`: this thread hands on what is recorded already
        self._undo = ExitStack()
        self._shell: Any = None
        self._publish_on: Callable[..., None] | None = None
        self._clear_on: Callable[..., None] | None = None
        self._traceback_on: Callable[..., None] | None = None

    def __enter__(self) -> Self:
        try:
            for name in ("stdout", "stderr"):
                original = getattr(sys, name)
                self._live[name] = _Live(original if self.show else None, self.redact)
                self._swap(sys, name, _Stream(self, name, original))
            if not hasattr(builtins, "display"):
                self._swap(builtins, "display", self.display)
            self.active = True
            if _SHELL in sys.modules:
                self._attach()
            else:
                hook = _ImportHook(self._attach)
                sys.meta_path.insert(0, hook)
                self._undo.callback(_remove, sys.meta_path, hook)
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

    def result(self, value: object) -> None:
        """Record *value*, the last one of a body, as ``execute_result``; ``None`` is nothing."""
        if value is not None:
            self._show_value(value, "execute_result")

    def error(self, exc: BaseException) -> None:
        """Record *exc* as an ``error``. It is not shown: who lets it go on shows it."""
        output = _error(exc)
        with self._lock:
            self._record.add(output)

    def display(self, *objects: object, **options: Any) -> Any:
        """IPython's ``display``; IPython is not imported for values that have a plain text only."""
        if not self.active or self._shell is not None or options or not all(map(_is_plain, objects)):
            from IPython.display import display  # noqa: PLC0415 - late: it is really needed

            return display(*objects, **options)
        for value in objects:
            self._show_value(value, "display_data")
        return None

    # -- streams

    def _wrote(self, name: str, text: str) -> bool:
        """Take what was written to a stream; ``False`` when the recorder is no longer there for it."""
        with self._lock:
            if not self.active:
                return False
            if not getattr(self._here, "forwarding", False):
                self._record.write(name, text)
            if self.show:
                self._live[name].write(text)
        return True

    def _flush(self, name: str) -> bool:
        if self.active and self.show:
            self._live[name].flush()
        return self.active

    @contextmanager
    def _forwarding(self) -> Iterator[None]:
        """What this thread prints in here is shown and not recorded: it is recorded already."""
        before = getattr(self._here, "forwarding", False)
        self._here.forwarding = True
        try:
            yield
        finally:
            self._here.forwarding = before

    # -- rich outputs

    def _show_value(self, value: object, kind: str) -> None:
        try:
            data, metadata = self._formatted(value)
        except Exception as exc:  # noqa: BLE001 - a broken repr is shown, as IPython does, and fails nothing
            self._broken(type(exc), exc, [])
            return
        if data:
            self._publish(data, metadata, kind=kind)

    def _formatted(self, value: object) -> tuple[dict[Any, Any], dict[Any, Any]]:
        if self._shell is None and _is_plain(value):
            return {"text/plain": _plain(value)}, {}
        shell = self._shell
        if shell is None:
            import IPython.core.interactiveshell  # noqa: F401, PLC0415 - which attaches the stand-in

            shell = self._shell or _stand_in()
        data, metadata = shell.display_formatter.format(value)
        return data, metadata

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
        """Stand in the place of the display publisher's ``publish``."""
        if not isinstance(data, dict):
            raise TypeError(f"data must be a dict, got: {data!r}")
        data, metadata, display_id = _bundle(data), _copied(metadata) or {}, (transient or {}).get("display_id")
        with self._lock:
            known = display_id is not None and self._record.update(display_id, data, metadata)
            if not (known and update):
                output: Output = {"output_type": kind, "data": data, "metadata": metadata}
                self._record.add(output | ({"execution_count": None} if kind == "execute_result" else {}), display_id)
        if self.show:
            shown = {mime: self._redacted(value, mime) for mime, value in data.items()}
            with self._forwarding():
                if self._publish_on is None:
                    print(shown.get("text/plain", ""))  # noqa: T201 - as IPython does in a terminal
                else:
                    self._publish_on(shown, self._redacted(metadata), transient=transient or {}, update=update)

    def _redacted(self, value: JSON, mime: str = "") -> JSON:
        if isinstance(value, str):
            return value if mime.startswith("image/") and not mime.endswith("+xml") else self.redact(value)
        if isinstance(value, list):
            return [self._redacted(item) for item in value]
        if isinstance(value, dict):
            return {self.redact(key): self._redacted(item) for key, item in value.items()}
        return value

    def _broken(self, kind: Any, exc: BaseException, shown: list[str]) -> None:
        """Stand in the place of the shell's ``_showtraceback``: an error that is shown and fails nothing."""
        self.error(exc)
        if self.show:
            with self._forwarding():
                if self._traceback_on is None:
                    print(*_error(exc)["traceback"], sep="\n", file=sys.stderr)  # noqa: T201
                else:
                    self._traceback_on(kind, exc, [self.redact(line) for line in shown])

    # -- coming and going

    def _attach(self) -> None:
        """Take the place of the shell's publisher; where there is no shell, of the stand-in's."""
        if not self.active:
            return
        from IPython.core.interactiveshell import InteractiveShell  # noqa: PLC0415 - loaded by now

        if not InteractiveShell.initialized():
            self._swap(InteractiveShell, "_instance", _stand_in())
        self._shell = InteractiveShell.instance()
        pub = self._shell.display_pub
        self._publish_on, self._clear_on = pub.publish, pub.clear_output
        self._traceback_on = self._shell._showtraceback  # noqa: SLF001 - where every shell shows what it caught
        formatter = self._shell.display_formatter
        if formatter.active_types == ["text/plain"]:  # a terminal makes no rich forms; the record wants them
            self._undo.callback(setattr, formatter, "active_types", formatter.active_types)
            formatter.active_types = formatter.format_types
        # On the instances: whoever else holds these objects, as ipykernel does, finds everything else as it was.
        self._swap(pub, "publish", self._publish)
        self._swap(pub, "clear_output", self._clear)
        self._swap(self._shell, "_showtraceback", self._broken)

    def _clear(self, wait: bool = False) -> None:  # noqa: FBT001, FBT002 - IPython's signature
        """Stand in the place of the display publisher's ``clear_output``."""
        with self._lock:
            self._record.clear(wait=wait)
        if self.show and self._clear_on is not None:
            with self._forwarding():
                self._clear_on(wait)

    def _swap(self, holder: Any, name: str, value: object) -> None:
        """Set an attribute until exit."""
        self._undo.callback(_put_back, holder, name, vars(holder).get(name, _MISSING))
        setattr(holder, name, value)

    def _leave(self) -> None:
        with self._lock:
            self.active = False
            for live in self._live.values():
                live.write("", last=True)
                live.flush()
        self._undo.close()
