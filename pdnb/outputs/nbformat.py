"""Outputs in nbformat's shapes: texts, mime bundles and exceptions as JSON that can be stored as UTF-8."""

from __future__ import annotations

import binascii
import json
import re
import sys
import threading
from typing import Any, Final, TypeAlias

from pdnb.model import JSON

#: One output as nbformat has it.
Output: TypeAlias = dict[str, JSON]

_FORMS: Final = ("html", "mimebundle", "markdown", "svg", "png", "pdf", "jpeg", "latex", "json", "javascript", "pretty")
_RICH: Final = ("_ipython_display_", *(f"_repr_{form}_" for form in _FORMS))
_JSON_MIME: Final = re.compile(r"application/(.*\+)?json")
_ANSI: Final = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_BEGUN: Final = re.compile(r"p(?:d(?:n(?:b(?:1[\w.-]*)?)?)?)?\Z")  # a token, perhaps not even its fixed beginning whole


# ---- text ---------------------------------------------------------------------------------------------------------


def storable(text: str) -> str:
    """*text* with lone surrogates replaced, so that it can be encoded as UTF-8."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def piece_end(text: str, start: int, most: int) -> int:
    """Where a piece of at most *most* characters ends: after a newline if one is near, never inside a token."""
    stop = min(start + most, len(text))
    end = text.rfind("\n", start + (stop - start) // 2, stop) + 1 or stop
    begun = _BEGUN.search(text, max(start, end - 256), end)  # no token is longer than 200
    return begun.start() if begun and begun.start() > start else end


def clipped(text: str, most: int) -> str:
    """At most *most* characters of *text*, storable."""
    return storable(text if len(text) <= most else text[: piece_end(text, 0, most)] + "…")


def human(size: int) -> str:
    """A number of bytes, for people: ``2.86 MiB``."""
    unit, name = (1024 * 1024, "MiB") if size >= 1024 * 1024 else (1024, "KiB")
    return f"{size / unit:.3g} {name}"


# ---- values -------------------------------------------------------------------------------------------------------


def bundle(data: dict[Any, Any]) -> dict[str, JSON]:
    """A copy of a mime bundle, without what cannot be stored."""
    cleaned = {mime: _clean(mime, value) for mime, value in data.items() if isinstance(mime, str)}
    kept = {mime: value for mime, value in cleaned.items() if value is not None}
    return kept if kept or not data else {"text/plain": f"[{', '.join(map(str, data))}: not JSON]"}


def _clean(mime: str, value: object) -> JSON:
    """A copy of *value* as nbformat wants it under *mime*; ``None`` if there is none."""
    if isinstance(value, bytes | bytearray | memoryview):
        return binascii.b2a_base64(value, newline=False).decode("ascii")
    if _JSON_MIME.fullmatch(mime):
        return copied(value)
    if isinstance(value, list | tuple) and all(isinstance(line, str) for line in value):
        value = "".join(value)
    return storable(value) if isinstance(value, str) else None


def copied(value: object) -> JSON:
    """A copy of *value* as JSON; ``None`` if it is none."""
    try:
        return json.loads(storable(json.dumps(value, ensure_ascii=False, allow_nan=False)))
    except (TypeError, ValueError, RecursionError):
        return None


def is_plain(value: object) -> bool:
    """Whether *value* has no other form than its ``repr``."""
    return not any(hasattr(type(value), name) for name in _RICH)


def plain(value: object) -> str:
    """Nearly what IPython's plain text would be, without IPython."""
    kind = type(value)
    if kind.__repr__ is object.__repr__:
        module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
        return f"<{module}{kind.__qualname__} at {id(value):#x}>"
    text = repr(value)
    if 79 < len(text) < 20_000 and isinstance(value, dict | list | tuple | set | frozenset):
        from pprint import pformat  # noqa: PLC0415 - seldom needed, and a cold start is measured

        return pformat(value, sort_dicts=False)
    return text


# ---- exceptions ---------------------------------------------------------------------------------------------------


def error_output(exc: BaseException) -> Output:
    """*exc* as an ``error`` output. Its traceback is the step's own, without frames of pdnb, asyncio, IPython."""
    try:
        message = str(exc)
    except BaseException:  # noqa: BLE001 - a broken __str__ may raise anything; the traceback module catches as much
        message = "<str() failed>"
    name = type(exc).__name__
    try:
        text = _traceback(exc)
    except Exception:  # noqa: BLE001 - any attribute of a foreign exception may be broken; it is recorded all the same
        text = f"{name}: {message}"
    lines = _ANSI.sub("", text).splitlines()
    if len(lines) > 300:
        lines = [*lines[:100], f"[{len(lines) - 300} lines left out]", *lines[-200:]]
    return {
        "output_type": "error",
        "ename": storable(name),
        "evalue": clipped(message, 10_000),
        "traceback": [clipped(line, 2_000) for line in lines],
    }


def _traceback(exc: BaseException) -> str:
    import traceback  # noqa: PLC0415 - only a step that fails pays for it

    hosts = [sys.modules[name].__file__ or "" for name in ("asyncio", "concurrent", "IPython") if name in sys.modules]
    packages = [file.removesuffix("__init__.py") for file in hosts if file]
    ours = (__file__.removesuffix("outputs/nbformat.py"), threading.__file__, *packages)

    def strip(shown: traceback.TracebackException | None) -> None:
        if shown is not None:
            while shown.stack and shown.stack[0].filename.startswith(ours):
                del shown.stack[0]
            while len(shown.stack) > 1 and shown.stack[-1].filename.startswith(ours[0]):  # how pdnb refuses is no news
                del shown.stack[-1]
            for other in (shown.__cause__, shown.__context__, *(shown.exceptions or ())):
                strip(other)

    shown = traceback.TracebackException.from_exception(exc)
    strip(shown)
    return "".join(shown.format() if shown.stack else shown.format_exception_only())
