"""``pdnb demo``: an approval from the first cell to the last, on a real JupyterLab.

At a terminal it opens JupyterLab with the first notebook and prints the address. Without one (or with ``CI`` set) it
executes that notebook in a real kernel of that server, approves the run by its link, waits for the worker and ends
with 0; any failure ends with 1 and says what was missing.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from pdnb.cli.demo_server import PATIENCE_S, DemoError, DemoServer, request
from pdnb.client import Run, list_runs
from pdnb.coordination.home import Home
from pdnb.links import redact
from pdnb.owner_id import OwnerId

_NOTEBOOK: Final = "01_approve.ipynb"
_IN_CLONE: Final = Path(__file__).parents[2] / "notebooks"
_IN_WHEEL: Final = Path(__file__).parents[1] / "notebooks"  # put there by pyproject.toml when the wheel is built
_COPY: Final = "pdnb-demo"


def main() -> None:
    """Run the demo."""
    try:
        notebooks = _find_notebooks()
        if find_spec("jupyterlab") is None:
            raise DemoError("JupyterLab is not installed here: pip install 'pdnb[demo]'")
        if sys.stdin.isatty() and sys.stdout.isatty() and not os.environ.get("CI"):
            _open_for_a_person(notebooks)
        else:
            _play(notebooks)
    except DemoError as error:
        sys.exit(f"demo: {redact(str(error))}")


def _find_notebooks() -> Path:
    """The directory that holds the first notebook: inside an installed pdnb, or beside the package in a clone."""
    for place in (_IN_WHEEL, _IN_CLONE):
        if (place / _NOTEBOOK).exists():
            return place
    raise DemoError(f"this pdnb lacks {_NOTEBOOK}: install it again, or run make demo in a clone")


def _open_for_a_person(notebooks: Path) -> None:
    """JupyterLab with the notebooks; ends with Control-C."""
    if notebooks == _IN_WHEEL:  # a person edits and saves: not in the installed package
        notebooks = _copy(notebooks)
    try:
        with DemoServer(notebooks) as server:
            print(f"\n  Open  {server.url}lab/tree/{_NOTEBOOK}?token={server.token}")
            print("  then Run ▸ Run All Cells, and click Approve.   (Control-C here ends the demo.)\n")
            server.wait()
    except KeyboardInterrupt:
        print()


def _copy(notebooks: Path) -> Path:
    """A directory of the person's own with the first notebook; one that is there already stays as it is."""
    own = Path.cwd() / _COPY
    try:
        own.mkdir(exist_ok=True)
        if not (own / _NOTEBOOK).exists():
            shutil.copyfile(notebooks / _NOTEBOOK, own / _NOTEBOOK)
    except OSError as error:
        raise DemoError(
            f"the notebook cannot be copied to {own} ({error.strerror}): start the demo elsewhere"
        ) from error
    print(f"\n  The notebook is in {own}")
    return own


def _play(notebooks: Path) -> None:
    """The whole story in one go, with a store and a notebook of its own."""
    with tempfile.TemporaryDirectory(prefix="pdnb-demo-") as place:
        root, store, log = Path(place, "notebooks"), Path(place, "store"), Path(place, "server.log")
        root.mkdir()
        shutil.copy(notebooks / _NOTEBOOK, root)
        os.environ["PDNB_DIR"] = str(store)
        with log.open("w") as output:
            try:
                with DemoServer(root, output) as server:
                    _say(f"Jupyter Server listens on {server.url}")
                    cells = server.execute_notebook(_NOTEBOOK)
                    _say(f"{_NOTEBOOK} executed: {cells} cells, in a kernel of that server")
                    with Home(store, kind="shell") as home:
                        _tell_the_story(home)
            except BaseException:
                sys.stderr.write(redact(log.read_text()))
                raise


def _tell_the_story(home: Home) -> None:
    runs = list(list_runs(home))
    if len(runs) != 1:
        raise DemoError(f"the notebook should have started one run, not {len(runs)}")
    run = runs[0]
    _say(f"draft      → {json.dumps(run.exports['draft']['$return_value'])}")
    if run.status != "suspended":
        raise DemoError(f"the run should be suspended, but it is {run.status}")
    _say(f"{run.step}    → {run.status}, until {run.due:%Y-%m-%d %H:%M} UTC")
    resume = str(run.resume_url)
    _say(f"resume_url = {resume}")
    _say(f"cancel_url = {run.cancel_url}")
    status, answer = request(resume, {"comment": "looks good"})
    if status != 200:
        raise DemoError(f"the link should have answered 200, not {status}: {answer}")
    _say(f"POST to the resume link → {status} {answer['status']}")
    _wait(run)
    _say(f"publish    → {run.exports['publish']['$return_value']}")
    for attempt in run.attempts:
        printed = "".join(o.get("text", "") for o in attempt.outputs).strip()
        owner = OwnerId.parse(attempt.owner or "")
        place = owner.kind if owner else "?"
        _say(f"  {attempt.step:<9} {attempt.outcome:<10} in a {place:<8} {printed}")
    status, answer = request(resume, None)
    _say(f"a second click → {status} {answer['status']}")
    if run.status != "succeeded" or status != 409:
        raise DemoError(f"the run is {run.status}, the second click answered {status}")
    _say(f"run {run.id}: {run.status}")


def _wait(run: Run) -> None:
    try:
        run.wait(int(PATIENCE_S * 1000))
    except TimeoutError as error:
        raise DemoError(str(error)) from error


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main()
