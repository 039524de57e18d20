"""What was acknowledged and what step bodies did, in one file outside the store, in the order in which it happened.

A record is one write at the end of the file, so whoever wrote later stands later, whatever any clock says. A record
that a SIGKILL tore stands on lines of its own and is counted, not read.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any, TypeAlias

Record: TypeAlias = dict[str, Any]


def owner_pid() -> int:
    """The process that owns what this one does: itself, or for a step in an executor the worker behind it."""
    if b"pdnb.executor.fork_server" not in Path("/proc/self/cmdline").read_bytes():
        return os.getpid()
    fork_server = Path(f"/proc/{os.getppid()}/stat").read_text()
    return int(fork_server.rpartition(")")[2].split()[1])


class History:
    """The file at *path*, from any process."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def add(self, what: str, **fields: object) -> None:
        """One more record, after everything that is there."""
        record = {"what": what, "pid": owner_pid(), "at_ms": time.time_ns() // 1_000_000, **fields}
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, f"\n{json.dumps(record)}\n".encode())
        finally:
            os.close(descriptor)

    def read(self) -> tuple[list[Record], int]:
        """Every record in order, and how many were torn."""
        records: list[Record] = []
        torn = 0
        for line in self.path.read_bytes().split(b"\n"):
            if line:
                try:
                    records.append(json.loads(line))
                except ValueError:
                    torn += 1
        return records, torn
