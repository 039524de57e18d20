"""A session at a terminal, shown as it goes: ``python -m tests.cli.terminal_session``.

In a scratch directory: a notebook with three steps is run, looked at, answered and worked off; then every error's line.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

_APPROVE: Final = Path(__file__).parents[2] / "notebooks" / "01_approve.ipynb"


def main() -> None:
    """Type the commands and show their output, and the exit code where it is not 0."""
    with tempfile.TemporaryDirectory(prefix="pdnb-session-") as place:
        os.chdir(place)
        Path("approve.ipynb").write_bytes(_APPROVE.read_bytes())
        Path("broken.ipynb").write_text("{")
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PDNB_")}
        env = kept | {"PDNB_DIR": str(Path(place, "store"))}
        _type(env, "pdnb runs  # no store yet")
        output = _type(env, """pdnb run approve.ipynb --event '{"to": "team@example.com"}'""")
        [run] = re.findall(r"run ([0-9a-z]{20}) of approve, here", output)
        _type(env, "pdnb runs")
        _type(env, f"pdnb show {run[:12]}")
        _type(env, f"""pdnb resume {run[:12]} '{{"comment": "looks good"}}'""")
        _type(env, "pdnb worker --idle 0.5")
        _type(env, f"pdnb show {run[:12]}")
        _type(env, "pdnb runs --json -n 1 | head -5")
        _type(env, "pdnb show zzz  # a wrong id")
        _type(env, f"pdnb resume {run[:12]}  # a wrong state")
        _type(env, "pdnb runs --directory nowhere  # a missing store")
        _type(env, "pdnb run broken.ipynb  # a broken notebook")
        _type(env, f"pdnb resume {run[:12]} --json")


def _type(env: dict[str, str], line: str) -> str:
    print(f"$ {line}", flush=True)
    command = line.replace("pdnb ", f"{sys.executable} -m pdnb ", 1)
    if sys.stdout.isatty():  # the command sees the terminal; its output is looked up without one
        code = subprocess.run(["/bin/sh", "-c", command], env=env, check=False).returncode
        look = [sys.executable, "-m", "pdnb", "runs", "--json"]
        list_runs = subprocess.run(look, env=env, check=False, capture_output=True, text=True).stdout
        output = "".join(f"run {found} of approve, here" for found in re.findall(r'"id": "([0-9a-z]{20})"', list_runs))
    else:
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            env=env,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        code, output = done.returncode, done.stdout
        print(output, end="")
    print(f"[{code}]\n" if code else "", flush=True)
    return output


if __name__ == "__main__":
    main()
