"""A shell with pdnb loaded, for every test of the kernel that asks for ``nb``."""

from __future__ import annotations

from tests.support.notebook import nb

__all__ = ["nb"]
