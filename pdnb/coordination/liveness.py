"""Owners and whether they are alive: an owner lives exactly as long as its process holds a file lock.

``owners/<id>.lock`` is locked for the life of the process; ``owners/<id>.json`` (its card) says on which port it
listens for notifications. There is no heartbeat: a long step or a sleeping laptop is not death, and a SIGKILL is
noticed at once, because the system takes the lock away.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from filelock import FileLock

from pdnb.coordination.files import PRIVATE, write_private
from pdnb.errors import StoreUnavailable
from pdnb.owner_id import OwnerId

#: An owner writes its card within this time after it has made its lock.
_START_S: Final = 60.0


class Owner:
    """This process as an owner, from now until :meth:`leave`. ``id`` is its :class:`~pdnb.owner_id.OwnerId` as text.

    ``port`` is where it listens for notifications. Raises ``StoreUnavailable`` when its files cannot be made.
    """

    def __init__(self, directory: Path, kind: str, port: int) -> None:
        self.id = str(OwnerId.here(kind))
        self._directory = owners_directory(directory)
        self._lock = FileLock(self._directory / f"{self.id}.lock", mode=PRIVATE, thread_local=False)
        self._card = self._directory / f"{self.id}.json"
        try:
            self._lock.acquire()
            write_private(self._card, json.dumps({"kind": kind, "pid": os.getpid(), "port": port}))
        except OSError as error:
            self.leave()
            raise StoreUnavailable(f"no file can be made in {self._directory} ({error.strerror or error})") from error

    @property
    def descriptor(self) -> int:
        """The descriptor of its lock. A process that it hands this to keeps the owner alive, as its own hand."""
        descriptor = self._lock._context.lock_file_fd  # noqa: SLF001  # filelock has no other way to it
        assert descriptor is not None  # noqa: S101  # it is held until leave()
        return descriptor

    def leave(self) -> None:
        """Stop being an owner: the claims that it still holds are lost, and others go on with those runs."""
        self._card.unlink(missing_ok=True)
        self._lock.release()
        (self._directory / f"{self.id}.lock").unlink(missing_ok=True)


class Owners:
    """All owners of the store in *directory*, as seen from this process."""

    def __init__(self, directory: Path) -> None:
        self._directory = owners_directory(directory)
        self._ports: dict[str, int] = {}

    def ports(self) -> Iterator[int]:
        """The ports of all owners. An owner's port never changes, so each card is read once."""
        present = {entry.name for entry in os.scandir(self._directory) if entry.name.endswith(".json")}
        for name in self._ports.keys() - present:
            del self._ports[name]
        for name in present:
            if name not in self._ports:
                with contextlib.suppress(OSError, ValueError, KeyError, TypeError):  # just leaving, or damaged
                    self._ports[name] = int(json.loads((self._directory / name).read_text())["port"])
            if name in self._ports:
                yield self._ports[name]

    def others(self) -> list[str]:
        """The owners that are alive now."""
        locks = [entry.name for entry in os.scandir(self._directory) if entry.name.endswith(".lock")]
        return sorted(owner for name in locks if self.alive(owner := name.removesuffix(".lock")))

    def alive(self, owner: str) -> bool:
        """Whether *owner* holds its lock. However many ask at once, none takes the other's question for the owner."""
        return is_locked(self._directory / f"{owner}.lock")

    def reap(self) -> None:
        """Remove the files that dead owners left, so that they get no more notifications."""
        entries = list(os.scandir(self._directory))
        names = {entry.name for entry in entries}
        for entry in entries:
            owner = entry.name.removesuffix(".json")
            if owner != entry.name and not self.alive(owner):
                (self._directory / entry.name).unlink(missing_ok=True)
                (self._directory / f"{owner}.lock").unlink(missing_ok=True)
            elif owner == entry.name and f"{owner.removesuffix('.lock')}.json" not in names:
                self._reap_stray(entry)

    def _reap_stray(self, entry: os.DirEntry[str]) -> None:
        """Remove what a process left that was killed while it started: a lock without a card, or a part of a card."""
        with contextlib.suppress(OSError):  # it has just become a card, or was removed
            old = time.time() - entry.stat().st_mtime > _START_S
            if old and not self.alive(entry.name.removesuffix(".lock")):
                (self._directory / entry.name).unlink()


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock file *path*; asked with a shared lock, which other askers do not see."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        fcntl.flock(descriptor, fcntl.LOCK_UN)  # closing does not do it for a child that was forked just now
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def owners_directory(directory: Path) -> Path:
    """``owners/`` in the store's directory, made if it is missing."""
    path = directory / "owners"
    try:
        path.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise StoreUnavailable(f"{path} cannot be made ({error.strerror or error})") from error
    return path
