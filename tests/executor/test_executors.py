"""Executors as a worker has them: what a step can do to its process stays with its attempt."""

from __future__ import annotations

import os
import random
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from pdnb.coordination.home import Home, now_ms
from pdnb.executor.executors import Executors
from pdnb.model import RunRecord, Status
from pdnb.workers.worker import Worker
from pdnb.workflow.version import Environment, WorkflowVersion
from tests.support.processes import alive, until
from tests.support.server import code

Go: TypeAlias = Callable[..., Any]
PID = "import os\nos.getpid()"
LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells a process's children")


class Workshop:
    """One worker, whose runs are started and driven here; its executors are real processes."""

    def __init__(self, home: Home, environment: Environment) -> None:
        self.home = home
        self.executors = Executors(
            environment, home.lock, isolation=home.settings.isolation, method=home.settings.start_method
        )
        self.worker = Worker(home, environment, self.executors)

    def run(self, *sources: str, setup: str = "", event: Any = None, **limits: Any) -> RunRecord:
        named: dict[str, Any] = {f"step{i}": source for i, source in enumerate(sources)}
        plain = code(**named)
        steps = tuple(replace(step, **limits) for step in plain.steps)
        version = WorkflowVersion(plain.name, steps, (setup,) if setup else (), plain.environment)
        run = self.home.store.add(version, event, at_ms=now_ms())
        while self.home.store.get(run.id).status is Status.QUEUED:
            assert self.worker.work_once()
        return self.home.store.get(run.id)

    def __call__(self, *sources: str, **given: Any) -> Any:
        """What the last step returns, in a run that succeeds."""
        run = self.run(*sources, **given)
        assert (run.status, run.error) == (Status.SUCCEEDED, None)
        return self.home.store.exports(run.id)[f"step{len(sources) - 1}"].get("$return_value")

    def outputs(self, run: RunRecord) -> tuple[dict[str, Any], ...]:
        return self.home.store.attempts(run.id)[-1].outputs


@pytest.fixture
def go(pdnb_dir: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workshop]:
    for name, value in getattr(request, "param", {}).items():
        monkeypatch.setenv(f"PDNB_{name.upper()}", value)
    with Home(pdnb_dir, kind="worker") as home:
        workshop = Workshop(home, code().environment)
        yield workshop
        workshop.worker.close()


by_workflow = pytest.mark.parametrize("go", [{"isolation": "workflow"}], indirect=True)
spawned = pytest.mark.parametrize("go", [{"start_method": "spawn"}], indirect=True)


# ---- one process for each wake-up ----


def test_steps_of_one_wake_up_share_a_process_and_wake_ups_do_not(go: Workshop) -> None:
    first, second = f"{PID}\nstep.export('pid', os.getpid())", "import os\nstep.steps['step0']['pid'] == os.getpid()"
    assert go(first, second) is True
    assert go(PID) != go(PID)


@by_workflow
def test_a_clean_process_goes_on_with_its_own_version_and_no_other(go: Workshop) -> None:
    assert go(PID) == go(PID)
    assert go(PID) != go(PID + " ")


@by_workflow
def test_a_process_that_is_not_clean_is_not_used_again(go: Workshop) -> None:
    source = "import os\nos.environ['PDNB_LEFT'] = 'x'\nos.getpid()"
    assert go(source) != go(source)


@by_workflow
def test_a_left_thread_ends_the_reuse(go: Workshop) -> None:
    source = "import os, threading\nthreading.Thread(target=threading.Event().wait, args=(60,), daemon=True).start()\n"
    assert go(source + "os.getpid()") != go(source + "os.getpid()")


@spawned
def test_a_spawned_executor_does_the_same(go: Workshop) -> None:
    assert go("print('hello')\n6 * 7", setup="import json") == 42
    assert go("def handler(pd):\n    return pd.steps['trigger']['event']", event={"a": 1}) == {"a": 1}


def test_two_children_draw_other_random_numbers(go: Workshop) -> None:
    draw = "import random\n[float(numpy.random.random()), random.random()]"
    one, two = (go(draw, setup="import numpy") for _ in range(2))
    three = go(draw, setup="import numpy")
    assert len({one[0], two[0], three[0]}) == len({one[1], two[1], three[1]}) == 3


@LINUX
def test_an_executor_has_no_descriptors_but_its_own(go: Workshop) -> None:
    """Standard input twice, two pipes, the wire, the lock of its worker; one more reads the list."""
    assert go("import os\nlen(os.listdir('/proc/self/fd'))") == 7


def test_what_was_there_of_the_store_is_not_in_the_executor(go: Workshop) -> None:
    looks = "import sys\nsorted({'sqlite3', 'diskcache', 'pdnb.store', 'pdnb.coordination.home'} & set(sys.modules))"
    assert go(looks) == []


@LINUX
def test_a_program_inherits_neither_wire_nor_lock(go: Workshop) -> None:
    run = go.run("import os\nos.system('ls -l /proc/self/fd')")
    said = go.outputs(run)[0]["text"]
    assert "socket" not in said
    assert "owners" not in said


def test_a_process_holds_nothing_of_another_workflow(go: Workshop) -> None:
    looks = "import sys, xml\n['numpy' in sys.modules, hasattr(xml, 'etree')]"
    assert go(looks) == [False, False]
    for _ in range(5):
        assert go(looks, setup="import numpy, xml.etree.ElementTree") == [True, True]
    assert go(looks) == [False, False]


def test_what_local_modules_import_is_learned(go: Workshop, tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("import colorsys")
    looks = f"import sys\nknown = 'colorsys' in sys.modules\nsys.path.insert(0, {str(tmp_path)!r})\n"
    version = replace(code(one=f"{looks}import beside\nknown"), modules=(("beside", "0" * 16),))

    def knows() -> bool:
        run = go.home.store.add(version, None, at_ms=now_ms())
        assert go.worker.work_once()
        return go.home.store.exports(run.id)["one"]["$return_value"] is True

    assert not knows()
    until(knows)


def test_what_an_import_says_is_said_in_every_run(go: Workshop) -> None:
    for _ in range(3):
        assert "Zen of Python" in go.outputs(go.run("1", setup="import this"))[0]["text"]


# ---- the order of what is put out ----

OPS = {
    "print": "print({n})",
    "error": "print({n}, file=sys.stderr)",
    "write": "sys.stdout.flush()\nos.write(1, b'{n}\\n')",
    "display": "display({n})",
    "echo": "os.system('echo {n}')",
    "echo error": "subprocess.run('echo {n} >&2', shell=True)",
    "bytes": "sys.stdout.buffer.write(b'{n}\\n')",
}


def test_a_thousand_outputs_of_all_kinds_keep_their_order(go: Workshop) -> None:
    rng = random.Random(1)
    quick, slow = [name for name in OPS if "echo" not in name], list(OPS)
    chosen = [rng.choice(slow if i % 10 == 0 else quick) for i in range(1_000)]
    lines = "\n".join(OPS[name].format(n=n) for n, name in enumerate(chosen))
    run = go.run(f"import os, subprocess, sys\n{lines}\nNone")
    assert run.status is Status.SUCCEEDED
    text = "".join(output.get("text") or output["data"]["text/plain"] + "\n" for output in go.outputs(run))
    assert [int(line) for line in text.split()] == list(range(1_000))


def test_what_a_dying_step_has_printed_is_kept(go: Workshop) -> None:
    run = go.run("import os\nprint('half a li', end='')\nos.system('echo ne')\nos._exit(9)")
    assert (run.status, run.losses) == (Status.FAILED, 3)
    assert "ended with code 9" in (run.error or "")
    assert go.outputs(run)[0]["text"] == "half a line\n"


# ---- what a step leaves ----


@LINUX
@pytest.mark.parametrize(
    "how",
    [
        "['sleep', '60']",
        "['setsid', 'sleep', '60']",
        "['sh', '-c', 'sleep 60 & sleep 60']",
        "['setsid', 'sh', '-c', 'sleep 60 & (sleep 60; true)']",
    ],
)
def test_a_process_that_is_left_does_not_outlive_the_grace(go: Workshop, how: str) -> None:
    source = f"import subprocess, time\np = subprocess.Popen({how})\ntime.sleep(0.05)\n"
    source += "from tests.executor.test_executors import children\n[*children(p.pid), p.pid]"
    for pid in go(source):
        until(lambda pid=pid: not alive(pid), within_s=5)  # type: ignore[misc]


@LINUX
def test_the_end_of_one_run_reaches_no_process_of_another(go: Workshop) -> None:
    """A left thread keeps the first one's process for a while; what the second has in the background is its own."""
    go("import threading, time\nthreading.Thread(target=time.sleep, args=(9,)).start()")
    mine = "import subprocess, time\nsubprocess.run('(sleep 1.7; echo x > done) >/dev/null 2>&1 &', shell=True)\n"
    mine = f"import os, tempfile\nos.chdir(tempfile.mkdtemp())\n{mine}time.sleep(2.2)\nos.path.exists('done')"
    assert go(mine) is True


def test_what_is_registered_for_the_end_is_executed(go: Workshop, tmp_path: Path) -> None:
    go(f"import atexit, pathlib\natexit.register(pathlib.Path({str(tmp_path / 'end')!r}).touch)\nNone")
    until((tmp_path / "end").exists, within_s=5)


def test_a_thread_has_the_grace_to_finish(go: Workshop, tmp_path: Path) -> None:
    source = f"import threading, pathlib\nthreading.Timer(0.1, pathlib.Path({str(tmp_path / 'done')!r}).touch).start()"
    go(source)
    until((tmp_path / "done").exists, within_s=5)


def test_a_thread_without_end_is_ended(go: Workshop) -> None:
    pid = go("import os, threading\nthreading.Thread(target=threading.Event().wait).start()\nos.getpid()")
    until(lambda: not alive(pid), within_s=5)


# ---- deaths ----


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@LINUX
def test_a_killed_spare_is_replaced(go: Workshop) -> None:
    go("1")
    server = go.executors.server.pid
    until(lambda: any(map(alive, children(server))))
    os.kill(max(filter(alive, children(server))), signal.SIGKILL)
    assert go("2") == 2


def test_a_killed_fork_server_is_replaced(go: Workshop) -> None:
    go("1")
    os.kill(go.executors.server.pid, signal.SIGKILL)
    assert go("2") == 2
    assert go("3") == 3


@LINUX
def test_a_step_that_kills_its_fork_server_harms_itself_alone(go: Workshop) -> None:
    run = go.run("import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\nimport time\ntime.sleep(60)")
    assert (run.status, run.losses) == (Status.FAILED, 3)
    assert go("2") == 2


def test_an_installed_package_renews_the_fork_server(go: Workshop, tmp_path: Path) -> None:
    place = tmp_path / "site-packages"
    place.mkdir()
    environment = replace(code().environment, path=(*code().environment.path, str(place)))
    executors = Executors(environment, go.home.lock)
    try:
        before = executors.server.pid
        for changes in (False, True):
            if changes:
                (place / "new_package").mkdir()
            child = executors.take(code(one="1"))
            assert child is not None
            executors.server.release(child)
            assert (executors.server.pid != before) is changes
    finally:
        executors.close()


def test_a_module_whose_import_starts_a_thread_is_not_kept_in_the_fork_server(go: Workshop, tmp_path: Path) -> None:
    (tmp_path / "threaded.py").write_text(
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()"
    )
    environment = replace(code().environment, path=(*code().environment.path, str(tmp_path)))
    executors = Executors(environment, go.home.lock)
    try:
        before = executors.server.pid
        executors.server.preload(["json", "threaded"])
        child = executors.server.make()
        assert child.wait_until_ready()
        executors.server.release(child)
        assert executors.server.unfit() == ["threaded"]
        assert executors.server.pid == before
    finally:
        executors.close()


# ---- limits ----


def test_a_limit_that_is_caught_comes_again(go: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pdnb.executor.executors._AGAIN_S", 0.05)
    catches = "import time\nfor _ in range(3):\n    try:\n        time.sleep(60)\n"
    catches += "    except Exception as e:\n        print(type(e).__name__)\n'done'"
    run = go.run(catches, time_limit=0.1)
    assert run.status is Status.SUCCEEDED
    assert go.outputs(run)[0]["text"] == "TimeLimit\n" * 3


def test_a_step_keeps_its_alarm_beside_a_time_limit(go: Workshop) -> None:
    rings = "import signal\nrang = []\nsignal.signal(signal.SIGALRM, lambda *_: rang.append(1))\n"
    assert go(rings + "signal.setitimer(signal.ITIMER_REAL, 0.02)\nsignal.pause()\nrang", time_limit=60) == [1]


def test_a_step_that_does_not_give_way_is_killed(go: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pdnb.executor.executors._GRACE_S", 0)
    monkeypatch.setattr("pdnb.executor.executors._AGAIN_S", 0.05)
    run = go.run("while True:\n    try:\n        while True: pass\n    except BaseException: pass", time_limit=0.1)
    assert run.status is Status.FAILED
    assert "did not give way" in (run.error or "")


@LINUX
def test_a_memory_limit_holds_in_an_executor(go: Workshop) -> None:
    run = go.run("len(bytearray(500_000_000))", memory_limit=100_000_000)
    assert (run.status, (run.error or "").partition(":")[0]) == (Status.FAILED, "MemoryError")
