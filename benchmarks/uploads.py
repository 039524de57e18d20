"""What large uploads cost the server: time, and its peak memory before and after.

``python -m benchmarks.uploads [GIB]``: one body of GIB GiB (default 1) by flag, as a form with a file, and without
either (which is refused), declared and chunked; then 50 forms of 20 MB at once. The peak (``VmHWM``) is set back
before each row.
"""

from __future__ import annotations

import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.serving import server
from pdnb.client import Run, start
from pdnb.coordination.home import Home
from pdnb.workflow.definition import Step
from pdnb.workflow.version import Environment, WorkflowVersion

MANY, EACH = 50, 20_000_000

_ASK = Step("ask", "def handler(pd):\n    pd.flow.suspend()")
_PIECE = bytes(range(256)) * 1_024
_FLAG = {"X-Pd-Upload-Body": "1"}
_FORM = {"Content-Type": "multipart/form-data; boundary=XX"}
_HEAD = b'--XX\r\nContent-Disposition: form-data; name="f"; filename="big"\r\n\r\n'
_TAIL = b"\r\n--XX--\r\n"


def main() -> None:
    """Measure and print."""
    size = int(float(sys.argv[1] if len(sys.argv) > 1 else 1) * 1024**3)
    with tempfile.TemporaryDirectory(prefix="pdnb-bench-") as name:
        place = Path(name)
        with server(place, "--PdnbApp.max_workers=0") as store, Home(store, kind="shell") as home:
            pid = _pid_of(home)
            _send(_waiting(home), {}, 10, chunked=False)  # what the first request alone imports
            print(
                f"{'upload':<34} {'answer':<12} {'run':<10} {'time':>7}   {'peak before':>12} {'after':>9} {'grown':>8}"
            )
            for label, headers in (("flag", _FLAG), ("form with a file", _FORM), ("neither", {})):
                for chunked in (False, True):
                    how = "chunked" if chunked else "declared"
                    _row(home, pid, f"{size / 1024**3:g} GiB, {label}, {how}", headers, size, chunked=chunked)
            _row(home, pid, f"{MANY} x {EACH // 1_000_000} MB at once, form", _FORM, EACH, chunked=False, at_once=MANY)


def _row(
    home: Home, pid: int, label: str, headers: dict[str, str], size: int, *, chunked: bool, at_once: int = 1
) -> None:
    runs = [_waiting(home) for _ in range(at_once)]
    Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak from here on
    before, began = _peak_mb(pid), time.monotonic()
    with ThreadPoolExecutor(at_once) as pool:
        answers = Counter(pool.map(lambda run: _send(run, headers, size, chunked=chunked), runs))
    took_s, after = time.monotonic() - began, _peak_mb(pid)
    states = Counter(str(run.status) for run in runs)
    for run in runs:
        _check(run, size)
    print(
        f"{label:<36} {_said(answers):<10} {_said(states):<15} {took_s:5.1f} s   "
        f"{before:8.1f} MB {after:7.1f} MB {after - before:6.1f} MB"
    )


def _waiting(home: Home) -> Run:
    return start(home, WorkflowVersion("uploads", (_ASK,), (), Environment(sys.executable, "/", ())), show=False)


def _send(run: Run, headers: dict[str, str], size: int, *, chunked: bool) -> str:
    """The status that an upload of *size* bytes gets; pieces are made as they are sent."""
    url = urlsplit(str(run.resume_url))
    ends = len(_HEAD) + len(_TAIL) if headers is _FORM else 0
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size + ends}"
    lines = [f"POST {url.path} HTTP/1.1", f"Host: {url.netloc}", "Connection: close", length]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    with socket.create_connection((url.hostname, url.port), timeout=600) as connection:
        try:
            connection.sendall("\r\n".join([*lines, "", ""]).encode())
            for piece in _pieces(size, form=headers is _FORM):
                connection.sendall(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            if chunked:
                connection.sendall(b"0\r\n\r\n")
        except ConnectionError:
            pass  # it was refused in the middle; the answer may still be there
        try:
            return connection.recv(65_536).split(b" ")[1].decode()
        except (ConnectionError, IndexError):
            return "closed"


def _pieces(size: int, *, form: bool) -> Iterator[bytes]:
    if form:
        yield _HEAD
    for at in range(0, size, len(_PIECE)):
        yield _PIECE[: size - at]
    if form:
        yield _TAIL


def _check(run: Run, size: int) -> None:
    """A resumed run's file is as large as what was sent; it is removed, so that the next has room."""
    data = run.exports["ask"].get("$resume_data")
    if data is None:
        return
    body = data["body"]
    path = Path(body.get("path") or body["f"]["path"])
    if path.stat().st_size != size:
        raise SystemExit(f"{path} holds {path.stat().st_size} of {size} bytes")
    path.unlink()


def _pid_of(home: Home) -> int:
    """The server's process, by the port that it listens on."""
    port = urlsplit(home.settings.url).port
    listening = {
        line.split()[9] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
        if line.split()[3] == "0A" and int(line.split()[1].partition(":")[2], 16) == port
    }  # fmt: skip
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if str(link.readlink()).removeprefix("socket:[").removesuffix("]") in listening:
                return int(link.parts[2])
        except OSError:
            continue
    raise SystemExit("the server's process was not found")


def _peak_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1_024


def _said(counts: Counter[str]) -> str:
    return ", ".join(f"{what}" if n == 1 else f"{n} x {what}" for what, n in counts.items())


if __name__ == "__main__":
    main()
