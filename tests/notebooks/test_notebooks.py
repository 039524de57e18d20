"""The example notebooks: each in a real kernel, beside a real server with its workers, to the result it promises."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest

from pdnb.client import list_runs
from pdnb.coordination.home import Home
from tests.support.kernels import Kernel, environment, texts
from tests.support.processes import Server, post, until

if TYPE_CHECKING:
    from collections.abc import Iterator

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all notebooks."""
    place = tmp_path_factory.mktemp("server")
    with Server(place, place / "store") as server:
        until((place / "store/settings.json").exists)
        yield server


@pytest.fixture
def home(server: Server) -> Iterator[Home]:
    with Home(server.store, kind="shell") as home:
        yield home


def executed(name: str, server: Server, place: Path) -> list[list[dict[str, Any]]]:
    """What each code cell of the notebook shows."""
    notebook = nbformat.read(NOTEBOOKS / name, as_version=4)
    with Kernel(environment(place, server.store)) as kernel:
        return [kernel.run(cell.source) for cell in notebook.cells if cell.cell_type == "code"]


def test_every_notebook_stands_here() -> None:
    names = {
        *("01_approve.ipynb", "02_poll.ipynb", "03_callback.ipynb", "04_retry.ipynb", "05_form.ipynb"),
        "approvals.ipynb",
    }
    assert {path.name for path in NOTEBOOKS.glob("*.ipynb")} == names


def test_the_approval_waits_for_its_link_and_is_published_by_a_worker_when_the_kernel_is_gone(
    server: Server, home: Home, tmp_path: Path
) -> None:
    shown = executed("01_approve.ipynb", server, tmp_path)
    assert any("text/html" in output.get("data", {}) for output in shown[-1])
    [run] = [run for run in list_runs(home) if "publish" in home.store.get(run.id).steps]
    assert (run.status, run.step) == ("suspended", "approve")
    assert home.store.get(run.id).summary == "Publish “Launch”?"
    home.reload_settings()
    assert post(str(run.resume_url)) == 200
    until(lambda: run.status.over)
    assert (run.status, run.exports["publish"]["$return_value"]) == ("succeeded", "published, said None")
    assert "".join(str(output.get("text", "")) for output in run.attempts[-1].outputs) == "publishing\n"


def test_the_job_is_polled_until_it_is_done(server: Server, tmp_path: Path) -> None:
    assert texts(executed("02_poll.ipynb", server, tmp_path)[-1]) == ["'the job wrote 1234 rows'"]


def test_the_service_calls_back(server: Server, tmp_path: Path) -> None:
    assert texts(executed("03_callback.ipynb", server, tmp_path)[-1]) == ["'the service says 42'"]


def test_the_request_is_retried_until_it_works_or_the_retries_are_used_up(server: Server, tmp_path: Path) -> None:
    shown = [text for outputs in executed("04_retry.ipynb", server, tmp_path) for text in texts(outputs)]
    assert "'fine after 2 failures'" in shown
    assert shown[-1] == "('gave up', [(1, None), (2, None), (3, None), (4, 'retries used up')])"


def test_the_form_is_answered_after_it_was_corrected(server: Server, tmp_path: Path) -> None:
    shown = [text for outputs in executed("05_form.ipynb", server, tmp_path) for text in texts(outputs)]
    assert any("amount: 9000 is more than the maximum of 5000" in text for text in shown)
    assert shown[-1] == "'paid 4200 EUR by transfer'"


def test_the_dashboard_shows_the_panel(server: Server, tmp_path: Path) -> None:
    [*_, outputs] = executed("approvals.ipynb", server, tmp_path)
    assert any("application/vnd.jupyter.widget-view+json" in output.get("data", {}) for output in outputs)
