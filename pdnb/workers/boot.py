"""How a worker begins: its fork server first, which then starts while this process imports what it needs."""

from __future__ import annotations

import os
import sys

from pdnb.executor import starting


def main() -> None:
    """The entry of the process; its working directory and ``sys.path`` are those of its environment."""
    started = starting.start(sys.path, os.getcwd())  # noqa: PTH109
    from pdnb.workers.worker import main as serve  # noqa: PLC0415

    serve(started=started)
