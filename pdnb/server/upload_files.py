"""Directory and file names of uploads, and the interface of an upload in progress.

Files stand in ``uploads/<run>/`` under names made here (0600); what a sender calls its file is data and never a path.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Collection
from pathlib import Path
from typing import IO, Protocol

from pdnb.model import JSON


class Upload(Protocol):
    """A body on its way to disk. Methods block; they are called in a thread."""

    def write(self, chunk: bytes) -> None:
        """Take a piece. Raises ``BadBody`` or ``OSError``."""

    def close(self, asked: Collection[str] = ()) -> JSON:
        """End it; what the event's ``body`` is. *asked* are the names of a form's fields.

        Raises ``BadBody`` when something is missing, or ``OSError``.
        """

    def discard(self) -> None:
        """Remove every file of it."""


class RunFiles:
    """The files of one upload, below ``uploads/<run>/`` in the store's directory."""

    def __init__(self, directory: Path, run: str) -> None:
        self._directory = directory / "uploads" / run
        self._files: list[Path] = []

    def new(self) -> tuple[Path, IO[bytes]]:
        """A new empty file, open for writing."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._directory / secrets.token_hex(12)
        path.touch(mode=0o600, exist_ok=False)
        self._files.append(path)
        return path, path.open("wb")

    def discard(self) -> None:
        """Remove what was made here, and the directory if nothing else is in it."""
        for path in self._files:
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # another upload's files are in it
            self._directory.rmdir()


def close_durably(file: IO[bytes]) -> None:
    """Close *file* with everything on the disk: the run that will name it is durable too."""
    file.flush()
    os.fsync(file.fileno())
    file.close()
