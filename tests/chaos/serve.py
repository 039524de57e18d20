"""A Jupyter server that can be made to die at a store operation; otherwise it is ``python -m jupyter_server``."""

from __future__ import annotations

import os

from jupyter_server.serverapp import main

from tests.chaos import strike

if __name__ == "__main__":
    if "PDNB_CHAOS_OPERATION" in os.environ:
        operation, given = int(os.environ.pop("PDNB_CHAOS_OPERATION")), os.environ.pop("PDNB_CHAOS_WHEN")
        when = strike.WHENS[strike.WHENS.index(given)]
        strike.arm(os.environ["PDNB_DIR"], strike.Board(), operation=operation, when=when)
    main()
