"""Private files are written whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pdnb.coordination.files import write_private


def test_a_private_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    write_private(path, "one")
    with path.open() as reader:
        write_private(path, json.dumps({"two": 2}))
        assert reader.read() == "one"
    assert json.loads(path.read_text()) == {"two": 2}
    with pytest.raises(UnicodeEncodeError):
        write_private(path, "\udc80")
    assert json.loads(path.read_text()) == {"two": 2}
    assert [p.name for p in tmp_path.iterdir()] == ["card.json"]
