"""Every kind of name that people use in notebooks is captured, or refused with a clear error; nothing in between."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.capture.forty_cells import CASES
from tests.support.scenario_player import Played, play
from tests.support.scenarios import Scenario

if TYPE_CHECKING:
    from collections.abc import Mapping


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Played]:
    """What came of each notebook."""
    return play(CASES, tmp_path_factory.mktemp("forty"))


GIVES = [law for law, text in CASES.items() if "\n-- gives " in text]
REFUSED = [law for law, text in CASES.items() if "\n-- refused " in text]


@pytest.mark.parametrize("law", GIVES)
def test_what_is_captured_gives_the_same_in_the_kernel_and_in_a_worker(law: str, played: Mapping[str, Played]) -> None:
    """Captured and run in a worker …; none passes in the kernel and fails in the worker."""
    done, outcome = played[law], Scenario.read(CASES[law]).outcome
    assert done.refused is None
    assert (done.kernel, done.worker) == (outcome, outcome)


@pytest.mark.parametrize("law", REFUSED)
def test_what_is_refused_is_refused_with_a_line_that_says_what_to_do(law: str, played: Mapping[str, Played]) -> None:
    refused = played[law].refused
    assert refused is not None
    assert refused.startswith(f"step 'it' uses {Scenario.read(CASES[law]).outcome}")
    for line in refused.split("\n"):  # one for each name
        assert any(remedy in line for remedy in ("%%setup", "in a cell", "again", "has to do without it", "return it"))


#: What a cell gives otherwise: it has another name, looks into other globals; and the run's directory was put back.
OTHERWISE = ("__name__", "a name looked up by a text", "a relative path after os.chdir in a step before")


@pytest.mark.parametrize("law", [law for law in GIVES if law not in OTHERWISE])
def test_what_is_captured_gives_what_the_cell_gave(law: str, played: Mapping[str, Played]) -> None:
    assert played[law].cell in (None, Scenario.read(CASES[law]).outcome)


def test_every_notebook_is_of_one_of_the_two_kinds() -> None:
    assert len(CASES) == len(GIVES) + len(REFUSED) >= 40
