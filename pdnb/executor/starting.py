"""Starting a fork server; imports nothing but the standard library, because a worker does it before all else."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from typing import Final, NamedTuple

#: Begins a new interpreter with an environment's ``sys.path``; by argument, so that no child of a step inherits it.
BOOT: Final = (
    "import sys, json; sys.path[:] = json.loads(sys.argv.pop(1)) or sys.path; from {module} import main; main()"
)


#: As in a kernel: figures are outputs, not windows.
BACKEND: Final = "module://matplotlib_inline.backend_inline"


class Started(NamedTuple):
    """A fork server that has been started, and our end of what it is told by."""

    process: subprocess.Popen[bytes]
    control: socket.socket


def start(path: Sequence[str], cwd: str) -> Started:
    """Start a fork server that has *path* as its ``sys.path`` and works in *cwd*. Raises ``OSError``."""
    control, theirs = socket.socketpair()
    with theirs:
        boot = BOOT.format(module="pdnb.executor.fork_server")
        given = [f"--control={theirs.fileno()}", f"--parent={os.getpid()}"]
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", boot, json.dumps(list(path)), *given],
            cwd=cwd,
            env={"MPLBACKEND": BACKEND, **os.environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )
    return Started(process, control)
