"""One store's directory, opened: settings, links, store, who lives, and the bell, put together.

Whoever does anything with runs (kernel, worker, server, shell) opens a :class:`Home`; they meet here and never call
each other.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self

from pdnb.codec import SCHEMA
from pdnb.coordination.liveness import LeaderLock, Owner, Owners
from pdnb.coordination.notify import Notifier
from pdnb.coordination.settings import Settings, default_directory, read_settings
from pdnb.errors import StoreCorrupt, StoreError, StoreUnavailable
from pdnb.links import Link, Links, Purpose, Target
from pdnb.model import RunRecord
from pdnb.store.sqlite import SQLiteBackend
from pdnb.store.store import Store

_SECRET: Final = "secret"  # noqa: S105  # a file's name
_NETWORK: Final = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "fuse.sshfs", "lustre"}


def now_ms() -> int:
    """The clock everybody uses unless a test passes another: integer Unix milliseconds."""
    return time.time_ns() // 1_000_000


class Home:
    """The directory of one store, from one process.

    ``kind`` says what kind of owner this process is; ``clock`` is what every event from here is dated by.
    """

    def __init__(self, directory: Path | None = None, *, kind: str, clock: Callable[[], int] = now_ms) -> None:
        self.clock = clock
        self.directory = directory or default_directory()
        _prepare(self.directory)
        self.settings: Settings = read_settings(self.directory)
        self.links = Links(_secret(self.directory), self.settings.link_url)
        self.owners = Owners(self.directory)
        self.notifier = Notifier()
        try:
            backend = SQLiteBackend(self.directory, SCHEMA, self.owners.others)
            self.store = Store(backend, self.links, on_commit=self.notify)
            self._kind = kind
            self._owner: Owner | None = Owner(self.directory, kind, self.notifier.port)
        except BaseException:
            self.notifier.close()
            raise

    @property
    def owner(self) -> str:
        """This process's id among the owners."""
        assert self._owner is not None  # noqa: S101  # only after close()
        return self._owner.id

    def notify(self) -> None:
        """Tell every listener to look now; what was committed stays so, whether the bell works or not."""
        with contextlib.suppress(OSError):
            self.notifier.notify(self.owners.ports())

    def reload_settings(self) -> None:
        """Read the settings again; a server may have come or moved."""
        self.settings = read_settings(self.directory)
        self.links.base_url = self.settings.link_url

    def link(self, purpose: Purpose, run: RunRecord) -> Link | None:
        """The link of the run's present attempt, while it waits or works."""
        if run.status.over:
            return None
        return Link(self.links.url(purpose, Target(run.id, run.step, run.runs)))

    def has_leader(self) -> bool:
        """Whether some server keeps this store: its clock and its workers."""
        lock = LeaderLock(self.directory)
        if not lock.acquire():
            return True
        lock.release()
        return False

    def close(self) -> None:
        """Leave; claims that this process still holds are lost."""
        if self._owner is not None:
            self._owner.leave()
            self._owner = None
        self.notifier.close()
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _prepare(directory: Path) -> None:
    """The directory, private, on a disk whose locks can be trusted."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreUnavailable(
            f"the store's directory {directory} cannot be made ({error.strerror}): set PDNB_DIR to another place"
        ) from error
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        raise StoreUnavailable(f"the store's directory {directory} is not writable: set PDNB_DIR to another place")
    if (kind := _file_system(directory)) in _NETWORK:
        raise StoreError(
            f"{directory} lies on a network file system ({kind}), where locks cannot be trusted: "
            "set PDNB_DIR to a directory on a local disk"
        )


def _file_system(directory: Path) -> str:
    """The type of the file system *directory* is on; ``""`` where the system does not say."""
    if not sys.platform.startswith("linux"):
        return ""
    path, best, found = str(directory.resolve()) + "/", "", ""
    for line in Path("/proc/mounts").read_text().splitlines():
        _, mount, kind, *_ = line.split(" ")
        mount = mount.encode().decode("unicode_escape").rstrip("/") + "/"
        if path.startswith(mount) and len(mount) >= len(best):
            best, found = mount, kind
    return found


def _secret(directory: Path) -> bytes:
    """The signing secret: a file of its own, made with the store, never without it."""
    path = directory / _SECRET
    used = (directory / "cache.db").exists()  # asked first: whoever makes a store makes its secret before
    if not path.exists():
        if used:
            raise StoreCorrupt(
                f"{path} is gone, and without it no link and no code of this store can be trusted: "
                "restore it from a backup, or move the whole directory away"
            )
        part = path.with_name(f".secret.{secrets.token_hex(4)}")
        try:
            descriptor = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_hex(32))
                file.flush()
                os.fsync(file.fileno())
            os.link(part, path)  # fails if somebody was quicker: then theirs is the secret
        except FileExistsError:
            pass
        except OSError as error:
            raise StoreUnavailable(f"{path} cannot be written ({error.strerror or error}): check the disk") from error
        finally:
            part.unlink(missing_ok=True)
    secret = path.read_bytes().strip()
    if len(secret) < 32:
        raise StoreCorrupt(f"{path} is damaged: restore it from a backup, or move the whole directory away")
    return secret
