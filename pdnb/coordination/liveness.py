"""Who lives: an owner is a process that may hold claims, and it lives exactly as long as its file lock is held.

``owners/<id>.lock`` is locked for life; ``owners/<id>.json`` says how to ring it. No heartbeat: a long step or a
sleeping laptop is not death, and a SIGKILL is noticed at once.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from pdnb.errors import StoreUnavailable

_MODE: Final = 0o600

#: Whoever comes in has a card by then.
_COMING_IN_S: Final = 60.0


class Owner:
    """This process among the owners. ``kind`` is ``kernel``, ``worker``, ``server`` or ``shell``."""

    def __init__(self, directory: Path, kind: str, port: int) -> None:
        self.id = f"{kind}-{os.getpid()}-{secrets.token_hex(4)}"
        self._directory = owners_directory(directory)
        self._lock = FileLock(self._directory / f"{self.id}.lock", mode=_MODE, thread_local=False)
        self._card = self._directory / f"{self.id}.json"
        try:
            self._lock.acquire()
            write_private(self._card, json.dumps({"kind": kind, "pid": os.getpid(), "port": port}))
        except OSError as error:
            self.leave()
            raise StoreUnavailable(f"no file can be made in {self._directory} ({error.strerror or error})") from error

    def leave(self) -> None:
        """Stop being an owner: what it still held is lost and others go on with it."""
        self._card.unlink(missing_ok=True)
        self._lock.release()
        (self._directory / f"{self.id}.lock").unlink(missing_ok=True)


class Owners:
    """The owners of one store's directory, as seen from here."""

    def __init__(self, directory: Path) -> None:
        self._directory = owners_directory(directory)
        self._ports: dict[str, int] = {}

    def ports(self) -> Iterator[int]:
        """The ports to ring. An owner's port never changes, so each card is read once."""
        present = {entry.name for entry in os.scandir(self._directory) if entry.name.endswith(".json")}
        for name in self._ports.keys() - present:
            del self._ports[name]
        for name in present:
            if name not in self._ports:
                with contextlib.suppress(OSError, ValueError, KeyError, TypeError):  # just leaving, or half written
                    self._ports[name] = int(json.loads((self._directory / name).read_text())["port"])
            if name in self._ports:
                yield self._ports[name]

    def others(self) -> list[str]:
        """The owners that live now."""
        names = [
            entry.name.removesuffix(".lock") for entry in os.scandir(self._directory) if entry.name.endswith(".lock")
        ]
        return sorted(name for name in names if self.alive(name))

    def alive(self, owner: str) -> bool:
        """Whether *owner* holds its lock."""
        path = self._directory / f"{owner}.lock"
        if not path.exists():
            return False
        lock = FileLock(path, mode=_MODE)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return True
        lock.release()
        return False

    def reap(self) -> None:
        """Remove the files of the dead, so that nobody rings them for ever."""
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
        """Remove what somebody left who was killed while coming in: a lock without a card, or a part of a card."""
        with contextlib.suppress(OSError):  # it has just become a card, or was removed
            old = time.time() - entry.stat().st_mtime > _COMING_IN_S
            if old and not self.alive(entry.name.removesuffix(".lock")):
                (self._directory / entry.name).unlink()


class LeaderLock:
    """A post that one process at a time holds (``server.lock``: the clock, the workers, ``settings.json``)."""

    def __init__(self, directory: Path, name: str = "server") -> None:
        self._lock = FileLock(directory / f"{name}.lock", mode=_MODE, thread_local=False)

    def acquire(self) -> bool:
        """Take it if it is free (or ours already); whether it is ours now."""
        if self._lock.is_locked:
            return True
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            return False
        return True

    @property
    def held(self) -> bool:
        """Whether this process holds it."""
        return self._lock.is_locked

    def release(self) -> None:
        """Give it up."""
        if self._lock.is_locked:
            self._lock.release()


def owners_directory(directory: Path) -> Path:
    """``owners/`` in the store's directory, made if need be."""
    path = directory / "owners"
    try:
        path.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise StoreUnavailable(f"{path} cannot be made ({error.strerror or error})") from error
    return path


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner reads, whole or not at all."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _MODE)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
