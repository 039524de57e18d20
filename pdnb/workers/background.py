"""A pdnb server in the background, for hosts that have no Jupyter server: plain IPython in a terminal, VS Code.

Rules:

- One per store, on this machine only; it ends after an hour without unfinished runs.
- Started only where a person works in such a host: never under nbclient, never in CI.
- It outlives the process that started it, and writes to a log file of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

from pdnb.coordination.home import Home

#: How long it stays without unfinished runs, in seconds.
IDLE_S: Final = 3_600.0

#: The lock of the one background server of a store.
LOCK: Final = "background"

_START_S: Final = 20.0  # a server that does not lead by then has failed to start
_POLL_S: Final = 0.05
_started: Final[list[subprocess.Popen[bytes]]] = []  # a handle that is dropped warns that its process still runs


def wanted(shell: Any) -> bool:
    """Whether *shell* is IPython in a terminal or a kernel of VS Code, used by a person, without a Jupyter server."""
    if os.environ.get("CI") or "PDNB_BASE_URL" in os.environ:
        return False
    in_terminal = any(kind.__name__ == "TerminalInteractiveShell" for kind in type(shell).__mro__)
    return in_terminal or "__vsc_ipynb_file__" in shell.user_ns


def ensure(home: Home, *, idle_s: float = IDLE_S) -> str | None:
    """See to it that a server leads the store: ``None`` if one does, else a line that says what was started.

    Returns when the server leads and the address of its links is known, or when it could not be started. It ends after
    *idle_s* seconds without unfinished runs.
    """
    if home.has_leader():
        return None
    log = home.directory / "background.log"
    process = _start(home.directory, log, idle_s)
    until_s = time.monotonic() + _START_S
    while not home.has_leader():
        home.notifier.wait(_POLL_S)
        ended = process.poll() is not None or time.monotonic() > until_s
        if ended and not home.has_leader():  # asked again: another one may have started meanwhile
            return (
                f"no pdnb server could be started in the background (see {log}): "
                "pauses end when one runs: pdnb serve, or jupyter lab"
            )
    home.reload_settings()
    ends = f"it ends after {_hours(idle_s)} without unfinished runs"
    return f"started a pdnb server in the background for {home.directory}: {ends}; log: {log}"


def _start(directory: Path, log: Path, idle_s: float) -> subprocess.Popen[bytes]:
    # fmt: off
    command = [
        sys.executable, "-P", "-m", "pdnb", "serve", "--in-background", "--no-browser",
        f"--directory={directory}", f"--idle={idle_s:g}",
    ]
    # fmt: on
    descriptor = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    try:
        process = subprocess.Popen(
            command,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,  # the end of the terminal or kernel is not its end
        )
    finally:
        os.close(descriptor)
    _started[:] = [process, *(old for old in _started if old.poll() is None)]
    return process


def _hours(seconds: float) -> str:
    return "an hour" if seconds == IDLE_S else f"{seconds:g} s"
