"""Runs as a pandas ``DataFrame``."""

from __future__ import annotations

from typing import Any, Final

import pandas as pd

_TIMES: Final = {"created_ms": "started", "since_ms": "since", "due_ms": "due", "ended_ms": "ended"}
_COLUMNS: Final = (
    "workflow", "step", "status", "started", "started_by", "since", "due", "ended", "active_s", "paused_s", "credits",
    "decision", "via", "by", "summary", "error",
)  # fmt: skip


def frame(documents: list[dict[str, Any]]) -> pd.DataFrame:
    """A row per run, indexed by id; times are UTC timestamps, ``active_s`` and ``paused_s`` (ended pauses) seconds."""
    rows = []
    for document in documents:
        decision = document["decision"] or {}
        row = {**document, "active_s": document["active_ms"] / 1000, "paused_s": document["paused_ms"] / 1000}
        row["started_by"] = document["by"]
        row |= {"decision": decision.get("what"), "via": decision.get("via"), "by": decision.get("by")}
        row |= {name: document[key] for key, name in _TIMES.items()}
        rows.append(row)
    table = pd.DataFrame(rows, columns=["id", *_COLUMNS]).set_index("id")
    for name in _TIMES.values():
        table[name] = pd.to_datetime(pd.to_numeric(table[name]), unit="ms", utc=True)
    return table
