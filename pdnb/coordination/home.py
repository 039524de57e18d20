"""The directory of one store, opened by one process: settings, links, store, owners and notifier together.

Every process that does anything with runs (kernel, worker, server, shell) opens a :class:`Home`. They share its
directory and never call each other.
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
from pdnb.coordination.leader import find_leader
from pdnb.coordination.liveness import Owner, Owners
from pdnb.coordination.notify import Notifier
from pdnb.coordination.settings import Settings, default_directory, read_settings
from pdnb.errors import StoreCorrupt, StoreError, StoreUnavailable
from pdnb.links import Link, Links, Purpose, Target
from pdnb.model import RunRecord
from pdnb.store.sqlite_backend import SQLiteBackend
from pdnb.store.store import Store

_SECRET: Final = "secret"  # noqa: S105  # a file's name
_NETWORK: Final = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "fuse.sshfs", "lustre"}


def now_ms() -> int:
    """The default clock: integer Unix milliseconds."""
    return time.time_ns() // 1_000_000


class Home:
    """The directory of one store, from one process.

    *kind* is what kind of owner this process is (``kernel``, ``worker``, ``server``, ``shell``); *clock* gives the time
    of every event from here, in Unix milliseconds. Without *directory* it is the default one. Raises ``StoreError``
    (``StoreUnavailable``, ``StoreCorrupt``) when the directory or the store cannot be used.
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
        """The owner id of this process."""
        assert self._owner is not None  # noqa: S101  # it is None only after close()
        return self._owner.id

    @property
    def lock(self) -> int:
        """The descriptor of the lock by which this process is alive as an owner."""
        assert self._owner is not None  # noqa: S101  # likewise
        return self._owner.descriptor

    def notify(self) -> None:
        """Tell every other process of this store that something has changed. A hint: it may get lost."""
        with contextlib.suppress(OSError):
            self.notifier.notify(self.owners.ports())

    def reload_settings(self) -> None:
        """Read the settings again: a server may have started, or have another address now."""
        self.settings = read_settings(self.directory)
        self.links.base_url = self.settings.link_url

    def link(self, purpose: Purpose, run: RunRecord) -> Link | None:
        """The link of the run's present attempt; ``None`` when the run is over."""
        if run.status.over:
            return None
        return Link(self.links.url(purpose, Target(run.id, run.step, run.runs)))

    def has_leader(self) -> bool:
        """Whether a server runs the scheduler and the workers of this store."""
        return find_leader(self.directory, self.owners) is not None

    def close(self) -> None:
        """Stop being an owner and close the store; claims that this process still holds are lost."""
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
    """Make the directory, private, if it is missing; refuse one on a disk whose locks cannot be trusted."""
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
    """The type of the file system that *directory* is on; ``""`` where the system does not tell."""
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
    """The signing secret, in a file of its own that is made together with the store and never afterwards."""
    path = directory / _SECRET
    used = (directory / "cache.db").exists()  # asked first: a process that makes a store makes its secret before it
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
            os.link(part, path)  # fails if another process was quicker: then its secret counts
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
