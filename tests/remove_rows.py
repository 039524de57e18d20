"""``python -m tests.remove_rows``: takes each row of the machine's table out in turn; the tests have to notice."""

from __future__ import annotations

import os
import re
import subprocess
import sys

from pdnb.machine import TABLE


def main() -> None:
    """One run of the machine's tests per row; ends with 1 if a row is not missed."""
    unnoticed = 0
    for status, event in TABLE:
        row = f"{status} {event.__name__}"
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "tests.without_row", "tests/test_machine.py"]
        ran = subprocess.run(
            command, env={**os.environ, "WITHOUT_ROW": row}, capture_output=True, text=True, check=False
        )
        said = re.search(r"^(?:FAILED|ERROR) tests/test_machine\.py(.*)", ran.stdout, re.MULTILINE)
        unnoticed += said is None
        print(f"{row:<22} {'noticed: ' + said[1].strip(' :-') if said else 'NOT NOTICED'}", flush=True)
    sys.exit(unnoticed > 0)


if __name__ == "__main__":
    main()
