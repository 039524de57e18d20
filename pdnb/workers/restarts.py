"""When to start a worker again in an environment where workers end in errors."""

from __future__ import annotations

import time
from typing import Final

_LONGEST_S: Final = 60.0


class Restarts:
    """Waits after each failure in a row, twice as long every time: 1 s, 2 s, 4 s, at most a minute."""

    def __init__(self) -> None:
        self._failures: dict[str, tuple[int, float]] = {}  # environment: how many in a row, and until when (monotonic)

    def failed(self, environment: str) -> None:
        """A worker there ended in an error, or could not be started."""
        count = self._failures.get(environment, (0, 0.0))[0]
        self._failures[environment] = count + 1, time.monotonic() + min(_LONGEST_S, 2.0**count)

    def succeeded(self, environment: str) -> None:
        """A worker there ended as it should."""
        self._failures.pop(environment, None)

    def waiting(self, environment: str) -> bool:
        """Whether it is too early to start another one there."""
        failure = self._failures.get(environment)
        return failure is not None and time.monotonic() < failure[1]
