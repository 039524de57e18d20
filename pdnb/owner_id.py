"""The id of an owner: a process that may hold claims. The only place that composes or reads such a text."""

from __future__ import annotations

import os
import re
import secrets
import socket
from dataclasses import dataclass
from typing import Final, Self

_MAX_HOST: Final = 38  # so that the whole id has at most 64 characters
_FORM: Final = re.compile(r"([a-z]{1,8})-(\d{1,7})-([0-9a-f]{1,8})(?:-([A-Za-z0-9._-]{1,38}))?")


@dataclass(frozen=True)
class OwnerId:
    """``<kind>-<pid>-<token>-<host>``, for example ``worker-4711-0a1b2c3d-laptop``; safe as a file's name.

    ``kind`` is ``kernel``, ``worker``, ``server`` or ``shell``; ``token`` is random, so that a process id that is
    given again makes another owner. ``host`` is ``""`` in ids from before it was part of them.
    """

    kind: str
    host: str
    pid: int
    token: str

    @classmethod
    def here(cls, kind: str) -> Self:
        """A new id for this process."""
        return cls(kind, this_host(), os.getpid(), secrets.token_hex(4))

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The owner that *text* names; ``None`` when it is no owner's id."""
        match = _FORM.fullmatch(text)
        return cls(match[1], match[4] or "", int(match[2]), match[3]) if match else None

    def __str__(self) -> str:
        return f"{self.kind}-{self.pid}-{self.token}" + (f"-{self.host}" if self.host else "")


def this_host() -> str:
    """This machine's name as it stands in ids: at most 38 letters, digits, dots, hyphens and underscores."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", socket.gethostname())[:_MAX_HOST] or "localhost"
