"""Strangers are asked without harm, and without believing all they say."""

from __future__ import annotations

import os
from typing import Any

import pytest

from pdnb.capture.safe_getattr import MISSING, deep_getattr, is_a, kind_of, text_in


class Proxy:
    """Says that it is a dict, and fails at everything else."""

    @property  # type: ignore[misc]  # as proxies do
    def __class__(self) -> Any:
        return dict

    def __getattr__(self, name: str) -> object:
        raise RuntimeError(name)


def test_a_proxy_is_what_it_is_and_not_what_it_says() -> None:
    assert isinstance(Proxy(), dict)
    assert not is_a(Proxy(), dict)
    assert is_a(Proxy(), Proxy)


def test_an_attribute_that_is_missing_or_raises_is_missing() -> None:
    assert deep_getattr(os, ["path", "join"]) is os.path.join
    assert deep_getattr(os, []) is os
    assert deep_getattr(os, ["path", "nowhere", "at_all"]) is MISSING
    assert deep_getattr(Proxy(), ["anything"]) is MISSING


def test_only_text_counts_as_text() -> None:
    assert text_in(dict, "__qualname__") == "dict"
    assert text_in(dict, "__dictoffset__") is None
    assert text_in(Proxy(), "__qualname__") is None


@pytest.mark.parametrize(
    ("kind", "said"), [(object, "an object"), (int, "an int"), (dict, "a dict"), (Proxy, "a Proxy")]
)
def test_a_kind_has_its_article(kind: type, said: str) -> None:
    assert kind_of(kind()) == said
