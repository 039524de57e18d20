"""The ``pdnb`` command (also ``jupyter pdnb``): start, show and answer runs; run a store's scheduler and workers.

Rules:

- A command imports what it needs when it runs, so that ``--help`` and completion are quick.
- What a person or a step wrote is shown as text only: no terminal codes, no markup, no working link unless asked for.
- An error is one clear line on stderr, and the exit code says of which kind (``exit_codes.py``).
"""

from pdnb.cli.commands import main

__all__ = ["main"]
