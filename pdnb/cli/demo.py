"""``make demo``: the main job on a real Jupyter Server, for a person in a browser, or by itself where nobody looks.

At a terminal it opens JupyterLab with the approval notebook and prints the address. Without one (or with ``CI`` set) it
executes that notebook in a real kernel of that server, approves the run by its link, waits for the worker and ends
with 0; any failure ends with 1 and says what was missing.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Final, NoReturn

from pdnb.client import Run, list_runs
from pdnb.coordination.home import Home
from pdnb.links import redact

_NOTEBOOKS: Final = Path(__file__).parents[2] / "notebooks"
_FIRST: Final = "01_approve.ipynb"
_PATIENCE_S: Final = 60.0


def main() -> None:
    """Run the demo."""
    if not (_NOTEBOOKS / _FIRST).exists():
        _fail(f"the demo wants {_FIRST} beside the package: run it from a clone of pdnb")
    if sys.stdin.isatty() and sys.stdout.isatty() and not os.environ.get("CI"):
        _for_a_person()
    else:
        _by_itself()


def _for_a_person() -> None:
    """JupyterLab with the notebooks; ends with Control-C."""
    token, port = secrets.token_hex(16), _free_port()
    server = _server(_NOTEBOOKS, token, port)
    try:
        _until(lambda: _reachable(port, server), "the server to listen")
        print(f"\n  Open  http://127.0.0.1:{port}/lab/tree/{_FIRST}?token={token}")
        print("  then Run ▸ Run All Cells, and click Approve.   (Control-C here ends the demo.)\n")
        server.wait()
    except KeyboardInterrupt:
        print()
    finally:
        _end(server)


def _by_itself() -> None:
    """The whole story in one go, with a store and notebooks of its own."""
    with tempfile.TemporaryDirectory(prefix="pdnb-demo-") as place:
        root, store = Path(place, "notebooks"), Path(place, "store")
        root.mkdir()
        shutil.copy(_NOTEBOOKS / _FIRST, root)
        os.environ["PDNB_DIR"] = str(store)
        token, port = secrets.token_hex(16), _free_port()
        with Path(place, "server.log").open("w") as log:
            server = _server(root, token, port, log)
        try:
            _until(lambda: _reachable(port, server), "the server to listen")
            _say(f"Jupyter Server listens on http://127.0.0.1:{port}/")
            _execute_notebook(port, token)
            with Home(store, kind="shell") as home:
                _story(home)
        except BaseException:
            sys.stderr.write(redact(Path(place, "server.log").read_text()))
            raise
        finally:
            _end(server)


def _story(home: Home) -> None:
    [run] = list_runs(home) or _fail("the notebook started no run")
    _say(f"draft      → {json.dumps(run.exports['draft']['$return_value'])}")
    if run.status != "suspended":
        _fail(f"the run should be suspended, but it is {run.status}")
    _say(f"{run.step}    → {run.status}, until {run.due:%Y-%m-%d %H:%M} UTC")
    resume = str(run.resume_url)
    _say(f"resume_url = {resume}")
    _say(f"cancel_url = {run.cancel_url}")
    status, answer = _request(resume, {"comment": "looks good"})
    if status != 200:
        _fail(f"the link should have answered 200, not {status}: {answer}")
    _say(f"POST to the resume link → {status} {answer['status']}")
    _wait(run)
    _say(f"publish    → {run.exports['publish']['$return_value']}")
    for attempt in run.attempts:
        printed = "".join(o.get("text", "") for o in attempt.outputs).strip()
        place = (attempt.owner or "").partition("-")[0]
        _say(f"  {attempt.step:<9} {attempt.outcome:<10} in a {place:<8} {printed}")
    status, answer = _request(resume, None)
    _say(f"a second click → {status} {answer['status']}")
    if run.status != "succeeded" or status != 409:
        _fail(f"the run is {run.status}, the second click answered {status}")
    _say(f"run {run.id}: {run.status}")


def _execute_notebook(port: int, token: str) -> None:
    """Execute the notebook in a kernel that the server starts, over the server's own API, as a browser would."""
    from tornado.httpclient import HTTPRequest  # only here
    from tornado.ioloop import IOLoop
    from tornado.websocket import websocket_connect

    base = f"http://127.0.0.1:{port}/api"
    wanted = {"path": _FIRST, "name": _FIRST, "type": "notebook", "kernel": {"name": "python3"}}
    _, session = _request(f"{base}/sessions", wanted, token)
    _, notebook = _request(f"{base}/contents/{_FIRST}", None, token, method="GET")
    sources = [c["source"] for c in notebook["content"]["cells"] if c["cell_type"] == "code"]

    async def execute() -> None:
        url = f"ws://127.0.0.1:{port}/api/kernels/{session['kernel']['id']}/channels"
        channel = await websocket_connect(HTTPRequest(url, headers={"Authorization": f"token {token}"}))
        for number, source in enumerate(sources, 1):
            await channel.write_message(json.dumps(_execute_request(number, source)))
            while (text := await channel.read_message()) is not None:
                answer = json.loads(text)
                if answer["parent_header"].get("msg_id") != f"cell-{number}":
                    continue
                if answer["msg_type"] == "execute_reply":  # a usage error is told here alone
                    if answer["content"]["status"] != "ok":
                        _fail(f"cell {number} failed: {answer['content'].get('evalue')}")
                    break
            else:
                _fail(f"the kernel went away in cell {number}")
        channel.close()

    IOLoop.current().run_sync(execute, timeout=_PATIENCE_S)
    _say(f"{_FIRST} executed: {len(sources)} cells, in a kernel of that server")


def _execute_request(number: int, source: str) -> dict[str, Any]:
    """Jupyter's message for "execute this cell"."""
    header = {"msg_id": f"cell-{number}", "msg_type": "execute_request", "session": "demo", "version": "5.3"}
    content = {"code": source, "silent": False, "stop_on_error": True, "allow_stdin": False}
    empty: dict[str, Any] = {"parent_header": {}, "metadata": {}}
    return {"header": {**header, "username": "", "date": ""}, "content": content, "channel": "shell", **empty}


def _server(root: Path, token: str, port: int, log: IO[str] | None = None) -> subprocess.Popen[bytes]:
    """A real Jupyter Server (JupyterLab) on loopback."""
    # fmt: off
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", f"--port={port}",
        f"--ServerApp.root_dir={root}", f"--IdentityProvider.token={token}", "--ServerApp.port_retries=0",
        "--LabApp.news_url=", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    # fmt: on
    if os.name == "posix" and os.geteuid() == 0:
        command.append("--allow-root")
    command.append("--log-level=WARN")
    return subprocess.Popen(command, start_new_session=True, stdout=log, stderr=log)  # our own command line


def _end(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()


def _reachable(port: int, server: subprocess.Popen[bytes]) -> bool:
    if server.poll() is not None:
        _fail(f"the server ended with code {server.returncode}; its own words stand above")
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api", timeout=1):
            return True
    except OSError:
        return False


def _request(url: str, body: Any, token: str | None = None, method: str = "POST") -> tuple[int, Any]:
    headers = {"Accept": "application/json", "Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"token {token}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310  # our own server
    try:
        with urllib.request.urlopen(request, timeout=_PATIENCE_S) as answer:  # noqa: S310
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def _wait(run: Run) -> None:
    try:
        run.wait(int(_PATIENCE_S * 1000))
    except TimeoutError as error:
        _fail(str(error))


def _until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + _PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            _fail(f"waited {_PATIENCE_S:.0f} s for {what}")
        time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _say(text: str) -> None:
    print(text, flush=True)


def _fail(text: str) -> NoReturn:
    sys.exit(f"demo: {redact(text)}")


if __name__ == "__main__":
    main()
