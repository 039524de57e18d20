"""The leader's lock, and other file locks that one process of a store can hold.

The leader is the process that runs the scheduler and the workers and writes ``settings.json``. Whether there is one
can be asked without touching its lock: it writes its owner id into ``leader.json``, and owners are known to be alive.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from pdnb.coordination.files import PRIVATE, write_private
from pdnb.coordination.liveness import Owners
from pdnb.errors import StoreUnavailable

_LEADER: Final = "leader.json"


class ProcessLock:
    """``<name>.lock`` in the store's directory; it belongs to the process, not to a thread."""

    def __init__(self, directory: Path, name: str) -> None:
        self._lock = FileLock(directory / f"{name}.lock", mode=PRIVATE, thread_local=False)

    @property
    def held(self) -> bool:
        """Whether this process holds it."""
        return self._lock.is_locked

    def acquire(self) -> bool:
        """Take it if it is free; whether it is held now. Never waits."""
        if not self._lock.is_locked:
            try:
                self._lock.acquire(timeout=0)
            except Timeout:
                return False
        return True

    def release(self) -> None:
        """Give it up; without it, do nothing."""
        if self._lock.is_locked:
            self._lock.release()


class LeaderLock(ProcessLock):
    """The lock of the leader. *owner* is the id of this process, by which others find that it leads."""

    def __init__(self, directory: Path, owner: str) -> None:
        super().__init__(directory, "server")
        self._path = directory / _LEADER
        self._owner = owner

    def acquire(self, prepare: Callable[[], object] = lambda: None) -> bool:
        """Become the leader if there is none; whether this process leads now.

        *prepare* is called when it becomes the leader, before others find it. Raises ``StoreUnavailable`` when a file
        cannot be written; then it does not lead.
        """
        if self.held:
            return True
        if not super().acquire():
            return False
        try:
            prepare()
            write_private(self._path, json.dumps({"owner": self._owner}))
        except BaseException as error:
            super().release()
            if isinstance(error, OSError):
                place = self._path.parent
                raise StoreUnavailable(f"no file can be written in {place} ({error.strerror or error})") from error
            raise
        return True

    def release(self) -> None:
        """Stop leading; another may then start."""
        if self.held:
            self._path.unlink(missing_ok=True)  # before the lock: afterwards it may be the next leader's
            super().release()


def find_leader(directory: Path, owners: Owners) -> str | None:
    """The owner id of the living leader of the store in *directory*, if there is one."""
    try:
        owner = json.loads((directory / _LEADER).read_text())["owner"]
    except (OSError, ValueError, KeyError, TypeError):  # none, or what a leader of another version wrote
        return None
    return owner if isinstance(owner, str) and owners.alive(owner) else None
