"""CONTRIBUTING.md: its map names what exists, in the order of the floors, and the files it speaks of are there."""

from __future__ import annotations

import re
from pathlib import Path

from tests.test_plan import FLOORS

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "CONTRIBUTING.md").read_text()


def section(title: str) -> str:
    """The text below the heading *title*, up to the next heading of its level."""
    return GUIDE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def first_column(table: str) -> list[str]:
    return re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)


def is_source(path: Path) -> bool:
    """Whether *path* is a module or a directory that git keeps: caches hold no file of ours."""
    return path.suffix == ".py" or (path.is_dir() and not path.name.startswith(("__", ".")))


HOUSE, BESIDE = section("The map").split("\nBeside it:\n")


def test_the_map_names_every_module_and_package_of_pdnb_and_none_that_is_gone() -> None:
    there = {p.name + "/" * p.is_dir() for p in (ROOT / "pdnb").iterdir() if is_source(p)}
    assert set(first_column(HOUSE)) == there - {"__init__.py", "__main__.py"}


def test_the_map_goes_up_the_floors_of_the_plan() -> None:
    floors = [FLOORS[name] for row in first_column(HOUSE) if (name := re.split(r"[./]", row)[0]) in FLOORS]
    assert floors == sorted(floors)
    assert len(floors) > 20


def test_the_map_names_every_directory_of_the_tests_that_mirrors_no_package() -> None:
    own = {p.name for p in (ROOT / "tests").iterdir() if is_source(p) and p.is_dir()}
    mirrored = {p.name for p in (ROOT / "pdnb").iterdir() if p.is_dir()}
    assert own - mirrored == {name.split("/")[1] for name in first_column(BESIDE) if name.startswith("tests/")} - {""}


def test_every_file_that_the_guide_names_is_there() -> None:
    named = set(re.findall(r"`((?:pdnb|tests|js|benchmarks|notebooks|binder|jupyter-config)/[\w./-]*)`", GUIDE))
    assert {name for name in named if not (ROOT / name).exists()} == set()


def test_every_make_target_that_the_guide_names_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z]+)\b", GUIDE)) <= targets


def test_no_word_of_the_glossary_stands_for_two_things() -> None:
    rows = re.findall(r"^\| ([^|]+?) \|", section("The words"), re.MULTILINE)
    words = [word for row in rows for word in row.split(", ")]
    assert len(words) == len(set(words)) > 30
