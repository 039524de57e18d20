"""Every sentence and every example of both pages has a test, and no test quotes what no page says."""

from __future__ import annotations

import hashlib

import pytest

from tests.seeds.coverage import PAGES, bare, by_piece, page_text, pieces, tests
from tests.seeds.examples import NODE, PYTHON


@pytest.mark.parametrize("page", PAGES)
def test_no_word_of_the_page_is_left_out(page: str) -> None:
    text, expected = page_text(page)
    assert hashlib.sha256(text.encode()).hexdigest() == expected


@pytest.mark.parametrize("page", PAGES)
def test_every_sentence_and_example_has_a_test(page: str) -> None:
    found = by_piece()
    assert [p.text for p in pieces(page) if p.why is None and (page, p.text) not in found] == []


def test_no_test_quotes_what_no_page_says() -> None:
    said = {(piece.page, piece.text) for page in PAGES for piece in pieces(page) if piece.why is None}
    assert [(shown.node, quote) for shown in tests() for quote in shown.quotes if quote not in said] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_claim_stands_in_its_example(page: str) -> None:
    claims = [piece for piece in pieces(page) if piece.code and piece.example is None]
    assert len(claims) > 10
    assert [claim.text for claim in claims if claim.text not in bare(claim.code)] == []


@pytest.mark.parametrize(("page", "cells"), [("python", PYTHON), ("node", NODE)])
def test_every_example_that_is_whole_is_a_cell(page: str, cells: dict[str, str]) -> None:
    names = {piece.example for piece in pieces(page) if piece.example}
    assert names - cells.keys() == {"arguments"}
    assert cells.keys() - names <= {"context"}


def test_every_line_of_a_python_cell_is_the_pages_or_stands_in_the_table_of_mends() -> None:
    shown = {piece.example: piece.code for piece in pieces("python") if piece.example}
    mended = {
        name: [line.strip() for line in PYTHON[name].splitlines() if line.strip() and line.strip() not in code]
        for name, code in shown.items()
        if name in PYTHON
    }
    assert mended == {
        "approve by mail": [
            "pd.send.email(",
            "text=f\"Click here to approve the workflow: {urls['resume_url']}, and cancel here: {urls['cancel_url']}\"",
        ],
        "7 days": ["pd.flow.suspend(TIMEOUT)"],
        "polling": [
            "MAX_RETRIES = 3",
            "else:",
            'response = requests.get(pd.steps["trigger"]["event"])',
            'if response.json()["status"] == "DONE":',
        ],
        "callback": ['requests.post(pd.steps["trigger"]["event"], json=links)'],
        "max retries": ["MAX_RETRIES = 3", "elif run['runs'] == MAX_RETRIES + 1:"],
    }
