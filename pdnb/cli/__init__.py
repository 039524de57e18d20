"""``pdnb`` in a shell (also ``jupyter pdnb`` and ``python -m pdnb``): start runs, look at them, answer, keep a store.

Rules:

- A command imports what it needs when it runs: ``--help`` and completion are quick.
- What a person or a step wrote is shown as text only: no terminal code, no markup, no working link unless asked for.
- An error is one clear line on stderr, and the exit code says of which kind (``codes.py``).
"""

from pdnb.cli.commands import main

__all__ = ["main"]
