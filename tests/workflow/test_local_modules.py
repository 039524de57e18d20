"""Local code is part of what a run sees: the new text everywhere, and told where it is not that of the start."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pdnb.capture.snapshot import snapshot
from pdnb.coordination.home import Home
from pdnb.runtime.foreground import start
from pdnb.workflow.definition import Step, Workflow
from pdnb.workflow.local_modules import LocalModules, changed, fingerprints
from pdnb.workflow.version import Environment, WorkflowVersion, difference


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with modules, on ``sys.path`` as a notebook's is."""
    place = tmp_path / "place"
    package = place / "shop"
    (package / "parts").mkdir(parents=True)
    (place / "price.py").write_text("RATE = 1\n")
    (package / "__init__.py").write_text("from .parts import wheel\nimport price\n")
    (package / "parts" / "__init__.py").write_text("")
    (package / "parts" / "wheel.py").write_text("from .. import tax\nfrom ..tax import VAT\n")
    (package / "tax.py").write_text("VAT = 19\n")
    (place / "unused.py").write_text("")
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    monkeypatch.chdir(place)
    return place


def edit(file: Path, text: str) -> None:
    """Another text of the same length, saved in the same second: what a cache by time and size does not see."""
    before = file.stat()
    file.write_text(text)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns + 1))


def version(source: str) -> WorkflowVersion:
    return snapshot(Workflow("w", (Step("one", source),)), {}, Environment.here())


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import price", ["price"]),
        ("def handler(pd):\n    from price import RATE\n    return RATE", ["price"]),
        ("import shop", ["price", "shop", "shop.parts", "shop.parts.wheel", "shop.tax"]),
        ("import shop.tax as t", ["price", "shop", "shop.parts", "shop.parts.wheel", "shop.tax"]),
        ("from shop import *", ["price", "shop", "shop.parts", "shop.parts.wheel", "shop.tax"]),
        ("import json, numpy, pdnb, nowhere", []),
        ("1", []),
    ],
)
def test_what_is_imported_is_found_by_reading(place: Path, source: str, names: list[str]) -> None:
    del place
    assert [name for name, _ in version(source).modules] == names


def test_a_module_that_does_not_parse_or_imports_in_a_circle_is_found_all_the_same(place: Path) -> None:
    (place / "broken.py").write_text("def (")
    (place / "one.py").write_text("import two")
    (place / "two.py").write_text("import one, broken")
    found = fingerprints(["import one"], sys.path, str(place))
    assert [name for name, _ in found] == ["broken", "one", "two"]


def test_without_local_modules_a_version_is_what_it_was(place: Path) -> None:
    del place
    plain = version("1")
    assert '"modules"' not in plain.to_json()


def test_the_fingerprints_are_part_of_the_version(place: Path) -> None:
    before = version("import price")
    assert WorkflowVersion.from_json(before.to_json()) == before
    edit(place / "price.py", "RATE = 2\n")
    after = version("import price")
    assert before.id != after.id
    assert "local modules" in difference(before, after)


def test_a_change_and_a_loss_are_seen(place: Path) -> None:
    then = version("import shop").modules
    assert changed(then, sys.path, str(place)) == []
    edit(place / "shop" / "tax.py", "VAT = 20\n")
    (place / "price.py").unlink()
    assert changed(then, sys.path, str(place)) == ["price", "shop.tax"]


def test_imports_of_a_wake_up_are_afresh_and_those_of_the_process_come_back(place: Path) -> None:
    import price  # type: ignore[import-not-found]

    try:
        modules = LocalModules(version("import price").modules)
        edit(place / "price.py", "RATE = 2\n")
        with modules.present():
            import price as again

            assert (again.RATE, again is price) == (2, False)
            again.mine = 1
        assert (sys.modules["price"], price.RATE, hasattr(price, "mine")) == (price, 1, False)
        with modules.present():  # the next step of the same wake-up
            assert sys.modules["price"].mine == 1
    finally:
        del sys.modules["price"]


def test_a_new_run_sees_the_new_text(place: Path, tmp_path: Path) -> None:
    source = "import price\nprice.RATE"
    with Home(tmp_path / "store", kind="kernel") as home:
        for rate in (1, 2, 3):
            edit(place / "price.py", f"RATE = {rate}\n")
            run = start(home, version(source), show=False)
            assert home.store.exports(run.id)["one"]["$return_value"] == rate
            assert [output["output_type"] for output in home.store.attempts(run.id)[0].outputs] == ["execute_result"]


def test_a_run_that_goes_on_with_another_text_is_told(place: Path, tmp_path: Path) -> None:
    old = version("import price\nprice.RATE")
    edit(place / "price.py", "RATE = 2\n")
    with Home(tmp_path / "store", kind="kernel") as home:
        run = start(home, replace(old), show=False)
        told = home.store.attempts(run.id)[0].outputs[0]
        assert told["text"] == "pdnb: price has changed since this run started; it goes on with the new text\n"
        assert home.store.exports(run.id)["one"]["$return_value"] == 2
