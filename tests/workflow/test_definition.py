"""What a person defines, and the workflow version a run carries."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdnb.errors import DefinitionError
from pdnb.workflow.definition import MAX_STEP_NAMES, Step, Workflow, check_step_name, check_workflow_name
from pdnb.workflow.version import Environment, WorkflowVersion, step_filename

LAUNCH = Workflow("launch", (Step("draft", "1"), Step("approve", "2"), Step("publish", "3")))
HERE = Environment("/usr/bin/python3", "/home/ann", ("/home/ann", "/usr/lib"))

texts = st.text(st.characters(codec="utf-8"), max_size=20)
steps = st.builds(Step, name=texts, source=texts, at_most_once=st.booleans())
environments = st.builds(Environment, executable=texts, cwd=texts, path=st.lists(texts, max_size=3).map(tuple))
frozens = st.builds(
    WorkflowVersion,
    name=texts,
    steps=st.lists(steps, max_size=3).map(tuple),
    setup=st.lists(texts, max_size=3).map(tuple),
    environment=environments,
    notebook=st.none() | texts,
)


# ---- names --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a", "_", "draft", "Draft_2", "ask-twice", "x" * 64])
def test_a_steps_name_is_letters_digits_dashes_and_underscores(name: str) -> None:
    assert check_step_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "1st", "-a", "a b", "a.b", "a/b", "a\n", "é", "x" * 65, "{x}", "$x", "a!", "\x00", "\ud800"], ids=ascii
)
def test_any_other_name_is_refused_in_one_line_that_says_what_to_do(name: str) -> None:
    with pytest.raises(DefinitionError, match=r"^'.*' cannot name a step: use 1 to 64 letters, .*$"):
        check_step_name(name)


def test_trigger_is_the_events_own_name() -> None:
    """``pd.steps["trigger"]["event"]``."""
    with pytest.raises(DefinitionError, match="choose another name"):
        LAUNCH.with_step(Step("trigger", ""))


@pytest.mark.parametrize("name", ["launch", "Team letter (2)", "漢字", "x" * 100, "a/b"])
def test_a_notebooks_stem_can_name_a_workflow(name: str) -> None:
    assert check_workflow_name(name) == name


@pytest.mark.parametrize("name", ["", " ", " a", "a ", "a\nb", "\x00", "x" * 101, "🎈" * 76, "\ud800"], ids=ascii)
def test_what_cannot_be_shown_or_is_too_long_cannot_name_a_workflow(name: str) -> None:
    with pytest.raises(DefinitionError, match=r"^'.*' cannot name a workflow: use 1 to 100 printable characters.*$"):
        check_workflow_name(name)


def test_the_names_of_all_steps_have_a_limit_together() -> None:
    """A run's row stays under 4 KB."""
    found = Workflow("w")
    for i in range(MAX_STEP_NAMES // 8):
        found = found.with_step(Step(f"s{i:04d}", ""))
    with pytest.raises(DefinitionError, match="shorten them, or split the workflow"):
        found.with_step(Step("sssss", ""))
    assert found.with_step(Step("s0000", "changed")).names == found.names


# ---- a workflow ---------------------------------------------------------------------------------------------------


def test_a_step_takes_the_place_of_its_namesake_or_the_end() -> None:
    assert LAUNCH.names == ("draft", "approve", "publish")
    changed = LAUNCH.with_step(Step("approve", "new"))
    assert changed.names == LAUNCH.names
    assert changed.steps[1].source == "new"
    assert LAUNCH.with_step(Step("report", "4")).names == ("draft", "approve", "publish", "report")


def test_every_change_makes_a_new_workflow() -> None:
    before = repr(LAUNCH)
    LAUNCH.with_step(Step("x", "")).with_setup("import os").without("draft").ordered("publish")
    assert repr(LAUNCH) == before
    with pytest.raises(FrozenInstanceError):
        LAUNCH.name = "other"  # type: ignore[misc]


def test_the_same_setup_twice_is_one_cell() -> None:
    assert LAUNCH.with_setup("import os").with_setup("x = 1").with_setup("import os").setup == ("import os", "x = 1")


def test_the_steps_named_come_first_in_that_order_and_the_others_keep_theirs() -> None:
    assert LAUNCH.ordered("publish").names == ("publish", "draft", "approve")
    assert LAUNCH.ordered("publish", "draft").names == ("publish", "draft", "approve")
    assert LAUNCH.ordered("approve", "publish", "draft").names == ("approve", "publish", "draft")
    assert LAUNCH.ordered() == LAUNCH


def test_steps_can_be_taken_out() -> None:
    assert LAUNCH.without("draft", "publish").names == ("approve",)
    assert LAUNCH.without() == LAUNCH


@pytest.mark.parametrize("call", [LAUNCH.without, LAUNCH.ordered])
def test_an_unknown_step_is_an_error_that_names_the_known_ones(call: object) -> None:
    with pytest.raises(DefinitionError, match=r"has no step 'aprove' \(its steps: draft, approve, publish\)"):
        call("draft", "aprove")  # type: ignore[operator]
    with pytest.raises(DefinitionError, match="its steps: none yet"):
        Workflow("w").without("a")


def test_a_step_takes_the_place_of_another_one_which_is_gone_then() -> None:
    assert LAUNCH.with_step(Step("ask", "4"), instead_of="approve").names == ("draft", "ask", "publish")
    assert LAUNCH.with_step(Step("publish", "4"), instead_of="approve").names == ("draft", "publish")
    assert LAUNCH.with_step(Step("ask", "4"), instead_of="nobody").names == (*LAUNCH.names, "ask")


# ---- the workflow version -------------------------------------------------------------------------------------------


def version(**changes: object) -> WorkflowVersion:
    return replace(WorkflowVersion("launch", LAUNCH.steps, ("import os",), HERE), **changes)  # type: ignore[arg-type]


@given(frozens)
def test_frozen_code_comes_back_as_it_was(code: WorkflowVersion) -> None:
    again = WorkflowVersion.from_json(code.to_json())
    assert again == code
    assert again.id == code.id


@given(frozens, frozens)
def test_two_hashes_are_equal_exactly_when_the_code_is(one: WorkflowVersion, other: WorkflowVersion) -> None:
    """Stored once per content hash."""
    assert (one.id == other.id) == (one == other)


def test_anything_that_changes_what_runs_changes_the_hash() -> None:
    """``deployment_id`` (hash of the code that runs)."""
    others = [
        version(name="other"),
        version(setup=()),
        version(setup=("import os", "x = 1")),
        version(steps=LAUNCH.steps[:2]),
        version(steps=LAUNCH.steps[::-1]),
        version(steps=(replace(LAUNCH.steps[0], source="0"), *LAUNCH.steps[1:])),
        version(steps=(replace(LAUNCH.steps[0], at_most_once=True), *LAUNCH.steps[1:])),
        version(environment=replace(HERE, executable="/usr/bin/python4")),
        version(environment=replace(HERE, cwd="/")),
        version(environment=replace(HERE, path=())),
        version(notebook="/home/ann/launch.ipynb"),
    ]
    hashes = {code.id for code in others} | {version().id}
    assert len(hashes) == len(others) + 1
    assert all(len(h) == 32 and set(h) <= set("0123456789abcdef") for h in hashes)


def test_what_is_stored_has_the_shape_of_a_small_notebook() -> None:
    """The result has the shape of a small notebook."""
    document = json.loads(version().to_json())
    assert [cell["kind"] for cell in document["cells"]] == ["setup", "step", "step", "step"]
    assert [cell["source"] for cell in document["cells"]] == ["import os", "1", "2", "3"]


def test_a_step_is_found_by_its_name() -> None:
    assert version().step("approve").source == "2"
    assert version().names == LAUNCH.names


@given(environments, environments)
def test_runs_share_a_worker_exactly_when_their_environments_are_equal(one: Environment, other: Environment) -> None:
    assert (one.key == other.key) == (one == other)
    assert len(one.key) == 16


def test_tracebacks_name_the_step_and_its_workflow() -> None:
    assert step_filename("approve", "launch") == "<step approve of launch>"


def test_what_import_passes_over_in_the_path_is_no_part_of_an_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", ["", "/lib", Path("/else")])
    assert Environment.here().path == (str(Path.cwd()), "/lib")
