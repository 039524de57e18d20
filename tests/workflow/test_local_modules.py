"""Local code is part of what a run sees: the new text everywhere, and told where it is not that of the start."""

from __future__ import annotations

import importlib
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pdnb.capture.snapshot import snapshot
from pdnb.coordination.home import Home
from pdnb.runtime.foreground import start
from pdnb.workflow.definition import Step, Workflow
from pdnb.workflow.local_modules import LocalModules, changed, fingerprints
from pdnb.workflow.version import Environment, WorkflowVersion, difference

if TYPE_CHECKING:
    from collections.abc import Iterator


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
        ("import importlib\nimportlib.import_module('price')", ["price"]),
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
        modules = LocalModules(version("import price").modules, sys.path, str(place))
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


def test_a_change_that_keeps_size_and_time_is_seen(place: Path) -> None:
    """As copying with times does."""
    then, file = version("import price").modules, place / "price.py"
    before = file.stat()
    file.write_text("RATE = 2\n")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert changed(then, sys.path, str(place)) == ["price"]


def test_an_installed_module_that_comes_first_is_no_local_code(place: Path, tmp_path: Path) -> None:
    installed = tmp_path / "site-packages"
    installed.mkdir()
    (installed / "price.py").write_text("")
    assert fingerprints(["import price"], [str(installed), str(place)], str(place)) == ()
    assert len(fingerprints(["import price"], [str(place), str(installed)], str(place))) == 1


def test_a_folder_with_a_name_like_that_of_installed_code_is_local(tmp_path: Path) -> None:
    notes = tmp_path / "my-site-packages-notes"
    notes.mkdir()
    (notes / "price.py").write_text("")
    assert [name for name, _ in fingerprints(["import price"], [str(notes)], str(notes))] == ["price"]


@pytest.fixture
def forget(place: Path) -> Iterator[None]:
    """Afterwards the process has imported nothing more than before."""
    del place
    importlib.invalidate_caches()
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.mark.usefixtures("forget")
def test_a_submodule_that_only_the_process_named_is_afresh_too(place: Path) -> None:
    (place / "shop" / "extra.py").write_text("N = 1\n")
    extra = importlib.import_module("shop.extra")
    modules = LocalModules(version("import shop").modules, sys.path, str(place))
    edit(place / "shop" / "extra.py", "N = 2\n")
    with modules.present():
        again = importlib.import_module("shop.extra")
        assert (again.N, sys.modules["shop"].extra is again) == (2, True)
    assert sys.modules["shop"].extra is sys.modules["shop.extra"] is extra


@pytest.mark.usefixtures("forget")
def test_the_installed_part_of_a_namespace_stays_where_it_is(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = tmp_path / "site-packages" / "wide" / "there"
    part.mkdir(parents=True)
    (part / "__init__.py").write_text("")
    (place / "wide").mkdir()
    (place / "wide" / "here.py").write_text("N = 1\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "site-packages")])
    there, here = importlib.import_module("wide.there"), importlib.import_module("wide.here")
    modules = LocalModules(version("import wide.here").modules, sys.path, str(place))
    edit(place / "wide" / "here.py", "N = 2\n")
    with modules.present():
        assert importlib.import_module("wide.here").N == 2
        assert sys.modules["wide"].here.N == 2
        assert sys.modules["wide"].there is there
    assert (sys.modules["wide"].here, sys.modules["wide.here"]) == (here, here)


@pytest.mark.usefixtures("forget")
def test_a_module_that_is_a_link_is_afresh_too(place: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.py").write_text("N = 1\n")
    (place / "linked.py").symlink_to(tmp_path / "elsewhere.py")
    importlib.import_module("linked")
    modules = LocalModules(version("import linked").modules, sys.path, str(place))
    edit(tmp_path / "elsewhere.py", "N = 2\n")
    with modules.present():
        assert importlib.import_module("linked").N == 2


@pytest.mark.usefixtures("forget")
def test_where_two_wake_ups_overlap_the_modules_of_the_process_come_back(place: Path) -> None:
    own = importlib.import_module("price")
    first, second = (LocalModules(version("import price").modules, sys.path, str(place)) for _ in range(2))
    one, two = first.present(), second.present()
    one.__enter__()
    importlib.import_module("price")
    two.__enter__()
    importlib.import_module("price")
    one.__exit__(None, None, None)
    two.__exit__(None, None, None)
    assert sys.modules["price"] is own
