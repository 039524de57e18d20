"""Files that only their owner reads, written whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

#: The mode of every file beside the store.
PRIVATE: Final = 0o600


def write_private(path: Path, text: str) -> None:
    """Write *text* to *path*: a reader sees the old content or the new, and never a part. Raises ``OSError``."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
