"""One table of words, signs, colours and buttons; the file for JavaScript and the style sheets agree with it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from pdnb.model import Decision, Outcome, Status, Via
from pdnb.pauses import PAUSES
from pdnb.views.vocabulary import (
    DECISIONS,
    HAPPENED,
    OUTCOMES,
    STATUSES,
    STEP_STATES,
    TONES,
    VERBS,
    VIA,
    Happened,
    Tone,
    ToneName,
    Verb,
    step_state,
)

ROOT = Path(__file__).parents[2]
STYLE = (ROOT / "pdnb/static/pdnb.css").read_text(encoding="utf-8")
PAGE_STYLE = (ROOT / "pdnb/server/templates/page.css").read_text(encoding="utf-8")
COLOURED = [name for name in TONES if name != "grey"]  # grey is mixed from the theme's ink where there is one
WHITE, NIGHT = "#ffffff", "#131417"


def contrast(one: str, other: str) -> float:
    """How far two ``#rrggbb`` colours stand apart, by WCAG 2: 1 to 21."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted([luminance(one), luminance(other)])
    return (light + 0.05) / (dark + 0.05)


def test_the_file_for_javascript_is_what_the_module_prints() -> None:
    done = subprocess.run([sys.executable, "-m", "pdnb.views.vocabulary"], cwd=ROOT, check=True, capture_output=True)
    assert (ROOT / "js/src/vocabulary.json").read_bytes() == done.stdout


def test_everything_that_can_happen_has_its_words() -> None:
    assert list(STATUSES) == list(Status)
    assert OUTCOMES.keys() == set(get_args(Outcome))
    assert VIA.keys() == set(get_args(Via)) - {"clock"}
    assert DECISIONS.keys() == set(get_args(get_type_hints(Decision)["what"]))
    assert HAPPENED.keys() == set(get_args(Happened))


def test_a_status_is_the_same_word_for_a_run_and_for_the_step_it_is_at() -> None:
    for status, entry in STATUSES.items():
        state = STEP_STATES[step_state(status)]
        assert (state.sign, state.tone) == (entry.sign, entry.tone)
        assert state.word == entry.word == status or status is Status.SUCCEEDED


def test_signs_and_tones_tell_the_statuses_apart() -> None:
    assert len({entry.sign for entry in STATUSES.values()}) == len(Status)
    assert {entry.state for entry in OUTCOMES.values()} <= STEP_STATES.keys()


def test_who_can_resume_sees_the_pause_s_button_and_what_it_did() -> None:
    for entry in PAUSES.values():
        assert VERBS["resume"].buttons[entry.status] == entry.button
        assert VERBS["resume"].done[entry.status] == entry.done


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
def test_every_button_says_afterwards_that_it_was_used(verb: Verb) -> None:
    assert verb.buttons.keys() == verb.done.keys()


@pytest.mark.parametrize("name", COLOURED)
def test_the_style_sheet_has_the_colours_of_the_table(name: ToneName) -> None:
    tone = TONES[name]
    assert f"--pdnb-{name}: light-dark({tone.light}, {tone.dark});" in STYLE


@pytest.mark.parametrize("state", STEP_STATES)
def test_the_style_sheet_gives_every_state_its_tone(state: str) -> None:
    rule = re.search(rf'^\.pdnb \[data-state="{state}"\] \{{ --state: var\(--pdnb-(\w+)\); \}}$', STYLE, re.MULTILINE)
    assert (rule[1] if rule else "grey") == STEP_STATES[state].tone


def test_no_rule_of_the_style_sheet_is_for_a_state_that_does_not_exist() -> None:
    assert set(re.findall(r'data-state="([^"]*)"', STYLE)) <= STEP_STATES.keys()


@pytest.mark.parametrize(("theme", "part"), [("light", 0), ("dark", 1)])
def test_the_link_pages_have_the_colours_of_the_table(theme: str, part: int) -> None:
    roots = re.findall(r":root \{([^}]*)\}", PAGE_STYLE)
    for name, tone in (
        ("green", TONES["green"]),
        ("amber", TONES["amber"]),
        ("red", TONES["red"]),
        ("soft", TONES["grey"]),
    ):
        assert f"--{name}: {getattr(tone, theme)};" in roots[part]


@pytest.mark.parametrize("tone", TONES.values(), ids=TONES)
def test_text_and_signs_stand_out_from_what_they_are_on(tone: Tone) -> None:
    assert contrast(tone.light, WHITE) >= 4.5
    assert contrast(tone.dark, NIGHT) >= 4.5
    assert min(contrast(tone.any, WHITE), contrast(tone.any, NIGHT)) >= 3
