"""Users' text inside Markdown: always as code, which no reader takes for markup, HTML or formulas.

It has no working link, nothing that controls a terminal, and no sequence of backticks that would end it.
"""

from __future__ import annotations

import json
import re
from typing import Final

from pdnb.links import redact
from pdnb.model import JSON
from pdnb.views.phrases import harmless

_TICKS: Final = re.compile("`+")


def inline(text: str) -> str:
    """*text* on one line, as a code span; a dash if there is nothing to see."""
    words = " ".join(_clean(text).split())
    if not words:
        return "—"
    ticks = _longer(words, 1)
    pad = " " if words[0] == "`" or words[-1] == "`" else ""
    return f"{ticks}{pad}{words}{pad}{ticks}"


def fenced(text: str, language: str = "text") -> str:
    """*text* as a code block."""
    text = _clean(text)
    ticks = _longer(text, 3)
    return f"{ticks}{language}\n{text}\n{ticks}"


def fenced_json(value: JSON) -> str:
    """*value* as a block of JSON."""
    return fenced(json.dumps(value, indent=1, ensure_ascii=False), "json")


def _clean(text: str) -> str:
    return redact(harmless(text))  # in this order: a control character might have kept a token apart


def _longer(text: str, least: int) -> str:
    return "`" * max([least, *(len(run) + 1 for run in _TICKS.findall(text))])
