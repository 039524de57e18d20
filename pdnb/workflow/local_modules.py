"""Local code: the modules beside a notebook that its steps import, and whether they have changed since a run started.

Rules:

- Local is what lies on ``sys.path`` but is not installed: not of the standard library, not in ``site-packages``.
- The modules are found by reading import statements, those of the modules too; nothing is executed.
- A run carries no copy of them: it goes on with the text that is there, and is told where that is another one.
- What is imported for a run is read from its source: a cache that was written in the same second could be older.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any, Final, TypeAlias

#: Names of modules, each with the beginning of its text's hash.
Fingerprints: TypeAlias = tuple[tuple[str, str], ...]

_MOST_FILES: Final = 500
_MOST_BYTES: Final = 20 * 1024 * 1024


def fingerprints(sources: Iterable[str], path: Sequence[str], cwd: str) -> Fingerprints:
    """The local modules that *sources* import, in order of their names; *path* is the ``sys.path`` to look in.

    At most 500 of them, 20 MiB of text: what comes behind is not looked at.
    """
    places = _local(path, cwd)
    if not places:
        return ()
    found: dict[str, str] = {}
    waiting = [name for source in sources for name in _imported(source, package="")]
    size, seen = 0, set[str]()
    while waiting and len(found) < _MOST_FILES and size < _MOST_BYTES:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        file = _file(name, places)
        if file is not None:
            text, digest, imports = _read(str(file), *_stamp(file))
            found[name], size = digest, size + text
            package = name if file.name == "__init__.py" else name.rpartition(".")[0]
            waiting += (i if not relative else _absolute(i, relative, package) for i, relative in imports)
            waiting += filter(None, [name.rpartition(".")[0]])
    return tuple(sorted(found.items()))


def changed(then: Fingerprints, path: Sequence[str], cwd: str) -> list[str]:
    """The modules of *then* whose text is another one now, or is gone."""
    places = _local(path, cwd) if then else []
    names = []
    for name, digest in then:
        file = _file(name, places)
        if file is None or _read(str(file), *_stamp(file))[1] != digest:
            names.append(name)
    return names


class LocalModules:
    """The local modules as one wake-up in this process has them: read afresh, whoever imported them before."""

    def __init__(self, then: Fingerprints) -> None:
        self._names = {part for name, _ in then for part in _with_parents(name)}
        self._own: dict[str, ModuleType] = {}

    @contextmanager
    def present(self) -> Iterator[None]:
        """Within the block imports find the wake-up's own modules; those of the process come back afterwards."""
        if not self._names:
            yield
            return
        importlib.invalidate_caches()
        before = {name: sys.modules.pop(name) for name in self._names if name in sys.modules}
        sys.modules.update(self._own)
        finder = _FromSource(self._names)
        sys.meta_path.insert(0, finder)
        try:
            yield
        finally:
            if finder in sys.meta_path:
                sys.meta_path.remove(finder)
            self._own = {name: sys.modules.pop(name) for name in self._names if name in sys.modules}
            sys.modules.update(before)


class _FromSource(importlib.abc.MetaPathFinder):
    """Finds the modules called *names* as Python does, and has them compiled from their text."""

    def __init__(self, names: set[str]) -> None:
        self._names = names

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        """As :class:`importlib.machinery.PathFinder`."""
        if name not in self._names:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and type(spec.loader) is importlib.machinery.SourceFileLoader:
            spec.loader = _SourceLoader(spec.loader.name, spec.loader.path)
        return spec


class _SourceLoader(importlib.machinery.SourceFileLoader):
    def get_code(self, fullname: str) -> Any:
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


# ---- finding ------------------------------------------------------------------------------------------------------


def _local(path: Sequence[str], cwd: str) -> list[Path]:
    """The entries of *path* where local code lies."""
    installed = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    entries = dict.fromkeys(os.path.join(cwd, entry) for entry in path)  # noqa: PTH118  # "" is the directory itself
    places = []
    for entry in entries:
        real = os.path.realpath(entry)
        other = real in installed or "site-packages" in real or "dist-packages" in real or "lib-dynload" in real
        if not other and os.path.isdir(real):  # noqa: PTH112
            places.append(Path(real))
    return places


def _file(name: str, places: Sequence[Path]) -> Path | None:
    """The source of the module *name*; installed ones and pdnb's own have none here."""
    top, *rest = name.split(".")
    if top in sys.stdlib_module_names or top == "pdnb" or not name.replace(".", "").isidentifier():
        return None
    for place in places:
        base = place.joinpath(top, *rest)
        for file in (base / "__init__.py", base.with_name(f"{base.name}.py")):
            if file.is_file():
                return file
    return None


def _stamp(file: Path) -> tuple[int, int]:
    status = file.stat()
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=2 * _MOST_FILES)
def _read(file: str, _mtime_ns: int, _size: int) -> tuple[int, str, tuple[tuple[str, int], ...]]:
    """A file's size, its digest, and what it imports (with how many dots)."""
    text = Path(file).read_bytes()
    try:
        imports = tuple(_imports(ast.parse(text)))
    except (SyntaxError, ValueError):  # whoever imports it is told
        imports = ()
    return len(text), hashlib.sha256(text).hexdigest()[:16], imports


def _imported(source: str, package: str) -> Iterator[str]:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        tree = ast.Module([], [])
    yield from (_absolute(name, dots, package) if dots else name for name, dots in _imports(tree))


def _imports(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """The dotted names that the import statements of *tree* may load, each with its number of leading dots."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, 0) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            yield base, node.level
            yield from ((f"{base}.{alias.name}".lstrip("."), node.level) for alias in node.names if alias.name != "*")


def _absolute(name: str, dots: int, package: str) -> str:
    parts = package.split(".")
    return ".".join(filter(None, [*parts[: len(parts) - dots + 1], name]))


def _with_parents(name: str) -> Iterator[str]:
    parts = name.split(".")
    return (".".join(parts[:n]) for n in range(1, len(parts) + 1))
