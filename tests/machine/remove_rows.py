"""``python -m tests.machine.remove_rows``: takes each row out of the table; the tests have to notice."""

from __future__ import annotations

import os
import re
import subprocess
import sys

from pdnb.machine.table import TABLE


def main() -> None:
    """One run of the machine's tests per row; ends with 1 if a row is not missed."""
    unnoticed = 0
    for status, event in TABLE:
        row = f"{status} {event.__name__}"
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-x",
            "-p",
            "tests.machine.without_row",
            "tests/machine/test_table.py",
        ]
        ran = subprocess.run(
            command, env={**os.environ, "WITHOUT_ROW": row}, capture_output=True, text=True, check=False
        )
        said = re.search(r"^(?:FAILED|ERROR) tests/machine/test_table\.py(.*)", ran.stdout, re.MULTILINE)
        unnoticed += said is None
        print(f"{row:<22} {'noticed: ' + said[1].strip(' :-') if said else 'NOT NOTICED'}", flush=True)
    sys.exit(unnoticed > 0)


if __name__ == "__main__":
    main()
