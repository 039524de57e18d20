"""Only what leads the setup cells is imported ahead, and only what is installed."""

from __future__ import annotations

import pytest

from pdnb.executor.preloading import leading_imports, may_have_threads


@pytest.mark.parametrize(
    ("setup", "expected"),
    [
        (["import json, os.path\nfrom pathlib import Path"], ["json", "os.path", "pathlib"]),
        (['"""What this is."""\nimport json', "import re"], ["json", "re"]),
        (["import os\nos.environ['X'] = '1'\nimport json"], ["os"]),
        (["import os\nx = 1", "import json"], ["os"]),
        (["from __future__ import annotations\nimport json"], ["json"]),
        (["import tests.support, pdnb_nowhere, json"], ["json"]),
        (["from . import x\nimport json"], []),
        (["import numpy as np\nimport numpy"], ["numpy"]),
        ([], []),
    ],
)
def test_only_leading_imports_of_installed_packages(setup: list[str], expected: list[str]) -> None:
    assert leading_imports(setup) == expected


def test_few_packages_may_have_threads() -> None:
    assert may_have_threads("numpy.linalg")
    assert not may_have_threads("polars")
