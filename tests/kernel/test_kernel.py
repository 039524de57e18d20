"""A real kernel, driven as a host without a browser and without a server drives it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from textwrap import dedent
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

from pdnb.client import Run, list_runs
from pdnb.coordination.home import Home
from pdnb.coordination.scheduler import Scheduler
from pdnb.model import Status
from tests.support.processes import run_worker

APPROVE = Path(__file__).parents[2] / "notebooks" / "01_approve.ipynb"
TOKEN = re.compile(r"pdnb1[rc]\.")


class Kernel:
    """A notebook and its running kernel."""

    def __init__(self, client: NotebookClient) -> None:
        self.client = client

    async def run(self, source: str, *, raises: bool = False) -> Any:
        """Execute one more cell; the cell with its outputs."""
        cell = nbformat.v4.new_code_cell(dedent(source).strip("\n"))
        if raises:
            cell.metadata["tags"] = ["raises-exception"]
        self.client.nb.cells.append(cell)
        await self.client.async_execute_cell(cell, len(self.client.nb.cells) - 1)
        return cell

    async def value(self, expression: str) -> str:
        """The plain text of an expression's value."""
        [output] = (await self.run(expression)).outputs
        return str(output.data["text/plain"])

    async def interrupted(self, source: str, *, when: Path) -> Any:
        """A cell that is interrupted as soon as *when* exists."""
        task = asyncio.create_task(self.run(source, raises=True))
        await until(when.exists)
        manager: Any = self.client.km
        await manager.interrupt_kernel()
        return await task

    async def run_as(self, cell_id: str, source: str) -> None:
        """Execute a cell as JupyterLab does, which tells the cell's id."""
        kc: Any = self.client.kc
        content = {"code": source, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}
        message = kc.session.msg("execute_request", content, metadata={"cellId": cell_id})
        kc.shell_channel.send(message)
        while (reply := await kc.get_shell_msg(timeout=60))["parent_header"].get("msg_id") != message["header"][
            "msg_id"
        ]:
            pass
        assert reply["content"]["status"] == "ok", reply


@asynccontextmanager
async def kernel(notebook: Path | None = None) -> AsyncIterator[Kernel]:
    nb = nbformat.v4.new_notebook() if notebook is None else nbformat.read(notebook, 4)
    client = NotebookClient(nb, timeout=60, kernel_name="python3")
    async with client.async_setup_kernel():
        if notebook is None:
            await Kernel(client).run("%load_ext pdnb")
        yield Kernel(client)


async def until(condition: Callable[[], object]) -> None:
    """Wait until it is so, 60 s at most."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  # another process has no event for us
            await asyncio.sleep(0.01)


@pytest.fixture
def home(pdnb_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """The store, as another process sees it."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    with Home(pdnb_dir, kind="shell") as home:
        yield home


def only(home: Home) -> Run:
    [run] = list_runs(home)
    return run


def text_of(cell: Any) -> str:
    """What a cell printed and raised."""
    parts = [o.get("text", "") + "\n".join(o.get("traceback", [])) for o in cell.outputs]
    return re.sub(r"\x1b\[[0-9;]*m", "", "".join(parts))


async def test_the_approval_notebook_runs_without_a_server_and_is_finished_in_its_kernel(home: Home) -> None:
    async with kernel(APPROVE) as k:
        cells = [cell for cell in k.client.nb.cells if cell.cell_type == "code"]
        for i, cell in enumerate(k.client.nb.cells):
            await k.client.async_execute_cell(cell, i)
        run = only(home)
        assert (run.status, run.step, run.workflow) == (Status.SUSPENDED, "approve", "workflow")
        assert run.exports["draft"]["$return_value"] == {"subject": "Launch", "to": "team@example.com"}

        [card, *printed] = cells[-1].outputs
        said = "".join(o.text for o in printed).splitlines()
        assert said[0].startswith("this host does not say which notebook it runs, so the workflow is called 'workflow'")
        assert said[1] == "drafting a note to team@example.com"
        assert said[2].startswith("No server or worker serves this store just now: start pdnb serve")
        assert said[3:] == []
        html = card.data["text/html"]
        assert "<object" not in html
        assert "<script" not in html
        assert f"run {run.id}" in html
        assert "suspended" in html
        assert card.data["text/plain"].splitlines()[0] == f"workflow  suspended  (run {run.id})"

        await k.run("run.resume({'comment': 'fine'})")
        done = await k.run("run.wait()")
        assert text_of(done) == "publishing\n"
        assert done.outputs[1].data["text/plain"] == repr("published, said {'comment': 'fine'}")
        assert await k.value("(str(run.status), run.exports['publish'])") == repr(
            ("succeeded", {"$return_value": "published, said {'comment': 'fine'}"})
        )
        assert not TOKEN.search(json.dumps(k.client.nb))
    assert run.status is Status.SUCCEEDED


async def test_no_token_gets_into_the_notebook_whatever_a_step_shows(home: Home) -> None:
    async with kernel() as k:
        await k.run("""
            %%step ask
            from IPython.display import HTML
            links = step.flow.suspend()
            print("go to", links["resume_url"])
            display(HTML(f"<a href='{links['cancel_url']}'>no</a>"))
            step.export("$summary", links["resume_url"])
            links
        """)
        await k.run("run = %pdnb run\nrun")
        await k.run("run.resume_url")
        await k.run("import pdnb\npdnb.runs()")
        await k.run("%pdnb show run")
        assert "pdnb/resume/…" in json.dumps(k.client.nb, ensure_ascii=False)
        assert not TOKEN.search(json.dumps(k.client.nb))
        [attempt] = home.store.attempts(only(home).id)
        assert str(only(home).resume_url) in "".join(o.get("text", "") for o in attempt.outputs)


async def test_a_kernel_waits_through_delays_and_runs_async_steps(home: Home) -> None:
    async with kernel() as k:
        await k.run("%%step nap\nstep.flow.delay(50)\nNone")
        await k.run("""
            %%step fetch
            import asyncio

            async def handler(pd):
                await asyncio.sleep(0)
                print("fetching")
                return await asyncio.to_thread(lambda: 42)
        """)
        await k.run("%%step check\nimport asyncio\nawait asyncio.sleep(0, step.steps['fetch']['$return_value'])")
        cell = await k.run("run = %pdnb run --wait")
        run = only(home)
        assert (run.status, run.exports["check"]) == (Status.SUCCEEDED, {"$return_value": 42})
        assert text_of(cell).splitlines()[1:] == ["fetching"]  # behind the notice that the host names no notebook
        assert [o.data["text/plain"] for o in cell.outputs if o.output_type != "stream"][1] == "42"
        nap, fetch, _ = run.attempts
        assert nap.ended_ms is not None
        assert fetch.started_ms >= nap.ended_ms + 50
        assert "succeeded" in cell.outputs[0].data["text/html"]

        await k.run("%%step check\nasync def handler(pd):\n    return 1 / 0")
        failed = text_of(await k.run("%pdnb run --wait", raises=True))
        assert "return 1 / 0" in failed
        assert "asyncio" not in failed
        assert "pdnb/" not in failed


async def test_an_interrupt_fails_the_run_in_order_and_leaves_the_kernel_usable(home: Home, tmp_path: Path) -> None:
    async with kernel() as k:
        for n, spell in enumerate(["time.sleep(60)", "await asyncio.sleep(60)"]):
            begun = tmp_path / f"begun-{n}"
            await k.run(f"""
                %%step long
                import asyncio, pathlib, time
                step.flow.suspend()
                pathlib.Path(step.steps["trigger"]["event"]).touch()
                {spell}
            """)
            cell = await k.interrupted(f"run = %pdnb run {json.dumps(str(begun))}", when=begun)
            assert "KeyboardInterrupt" in text_of(cell)
            run = list_runs(home)[0]
            assert (run.status, run.due, run.attempts[0].error) == (Status.FAILED, None, "KeyboardInterrupt")
            assert home.store.running() == ()
            assert await k.value("6 * 7") == "42"
        await k.run("%%step long\n'short'")
        await k.run("%pdnb run")
        assert list_runs(home)[0].status is Status.SUCCEEDED


async def test_an_interrupt_of_a_wait_leaves_the_run_waiting(home: Home, tmp_path: Path) -> None:
    async with kernel() as k:
        await k.run("%%step gate\nstep.flow.suspend()")
        await k.run("run = %pdnb run")
        waiting = tmp_path / "waiting"
        cell = await k.interrupted(f"import pathlib\npathlib.Path({str(waiting)!r}).touch()\nrun.wait()", when=waiting)
        assert "KeyboardInterrupt" in text_of(cell)
        assert only(home).status is Status.SUSPENDED
        assert await k.value("str(run.status)") == "'suspended'"


async def test_errors_of_ours_are_one_line_and_fail_the_cell(home: Home) -> None:
    async with kernel() as k:
        await k.run("df = object()")
        await k.run("%%step load\ndf")
        cell = await k.run("%pdnb run", raises=True)
        assert text_of(cell).splitlines()[0].startswith("UsageError: step 'load' uses 'df' (an object), which lives")
        assert "Traceback" not in text_of(cell)
        for source in ("%pdnb run", "%%setup\n1 / 0", "%%step"):
            with pytest.raises(CellExecutionError):
                await k.run(source)
        assert len(list_runs(home)) == 0


async def test_the_card_of_an_idle_kernel_follows_the_store(home: Home) -> None:
    async with kernel() as k:
        await k.run("%%step gate\nstep.flow.suspend()")
        await k.run("run = %pdnb run")
        run = only(home)
        run.resume().wait()
        channel: Any = k.client.kc
        html = ""
        while "Finished on" not in html:
            message = await channel.get_iopub_msg(timeout=60)
            if message["msg_type"] == "update_display_data":
                html = message["content"]["data"]["text/html"]
        assert f"run {run.id}" in html


async def test_a_run_whose_kernel_was_killed_is_found_and_finished_by_a_worker(home: Home, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    async with kernel() as k:
        await k.run("""
            %%step one
            print("first")
            1
        """)
        await k.run("""
            %%step two
            import pathlib, time
            begun = pathlib.Path(step.steps["trigger"]["event"])
            if not begun.exists():
                begun.touch()
                time.sleep(60)
            step.context["run"]["key"]
        """)
        pid = int(await k.value("import os\nos.getpid()"))
        task = asyncio.create_task(k.run(f"%pdnb run {json.dumps(str(begun))}"))
        await until(begun.exists)
        Scheduler(home).step()
        assert only(home).status is Status.RUNNING
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(DeadKernelError):
            await task
    run = only(home)
    assert (run.status, run.step) == (Status.RUNNING, "two")
    Scheduler(home).step()
    assert run.refresh().status is Status.QUEUED
    await asyncio.to_thread(run_worker, home.directory, run.id)
    assert run.refresh().status is Status.SUCCEEDED
    assert run.exports["two"]["$return_value"] == f"{run.id}/two/1"
    assert [(a.step, a.runs, a.outcome) for a in run.attempts] == [("one", 1, "returned"), ("two", 1, "returned")]


async def test_a_cells_id_over_the_wire_renames_and_places_its_step(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "flow.ipynb"
    cells = {"c1": "%%step draft\n1", "c2": "%%step ask\n2", "c3": "%%step publish\n3"}
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text, id=name) for name, text in cells.items()])
    nbformat.write(nb, path)
    monkeypatch.setenv("JPY_SESSION_NAME", str(path))
    async with kernel() as k:
        await k.run_as("c3", cells["c3"])
        await k.run_as("c2", "%%step gate\n2")
        await k.run_as("c1", cells["c1"])
        await k.run_as("c2", cells["c2"])
        await k.run("run = %pdnb run")
        assert (only(home).record.steps, only(home).workflow) == (("draft", "ask", "publish"), "flow")
