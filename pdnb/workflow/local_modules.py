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
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import RLock
from types import ModuleType
from typing import Any, Final, TypeAlias

#: Names of modules, each with the beginning of its text's hash.
Fingerprints: TypeAlias = tuple[tuple[str, str], ...]

_MOST_FILES: Final = 500
_MOST_BYTES: Final = 20 * 1024 * 1024
_INSTALLED: Final = frozenset({"site-packages", "dist-packages", "lib-dynload"})
_known: Final[dict[str, tuple[tuple[str, int], ...]]] = {}  # what a text imports, by its digest


def fingerprints(sources: Iterable[str], path: Sequence[str], cwd: str) -> Fingerprints:
    """The local modules that *sources* import, in order of their names; *path* is the ``sys.path`` to look in.

    At most 500 of them, 20 MiB of text: what comes behind is not looked at.
    """
    places = _places(path, cwd)
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
            text, digest, imports = _read(file)
            found[name], size = digest, size + text
            package = name if file.name == "__init__.py" else name.rpartition(".")[0]
            waiting += (i if not relative else _absolute(i, relative, package) for i, relative in imports)
            waiting += filter(None, [name.rpartition(".")[0]])
    return tuple(sorted(found.items()))


def changed(then: Fingerprints, path: Sequence[str], cwd: str) -> list[str]:
    """The modules of *then* whose text is another one now, or is gone."""
    places = _places(path, cwd) if then else []
    names = []
    for name, digest in then:
        file = _file(name, places)
        if file is None or _digest(file.read_bytes()) != digest:
            names.append(name)
    return names


class LocalModules:
    """The local modules as one wake-up in this process has them: read afresh, whoever imported them before.

    A package is taken whole, with the submodules that the run does not name. What is no Python source (an extension
    module, a namespace's installed part) stays: most of it cannot be loaded twice.
    """

    def __init__(self, then: Fingerprints, path: Sequence[str], cwd: str) -> None:
        self._tops = frozenset(name.partition(".")[0] for name, _ in then)
        entries = [os.path.join(cwd, entry) for entry in path if then]  # noqa: PTH118  # "" is the directory itself
        local = {str(place) for place in _local(path, cwd)} if then else set()
        near = {os.path.abspath(entry) for entry in entries if os.path.realpath(entry) in local}  # noqa: PTH100
        self._places = tuple(f"{place}{os.sep}" for place in near | local)  # a module may itself be a link
        self._own: dict[str, ModuleType] = {}

    @contextmanager
    def present(self) -> Iterator[None]:
        """Within the block imports find the wake-up's own modules; those of the process come back afterwards.

        Blocks of several threads may overlap: the process's modules come back with the end of the last one.
        """
        if not self._tops:
            yield
            return
        importlib.invalidate_caches()
        finder = _FromSource(self)
        with _lock:
            _active.append(self)
            for name in self._loaded():
                module = _removed(name)
                if not _is_a_runs(module):
                    _process[name] = module
            for name, module in sorted(self._own.items()):
                _put(name, module)
            sys.meta_path.insert(0, finder)
        try:
            yield
        finally:
            with _lock:
                if finder in sys.meta_path:
                    sys.meta_path.remove(finder)
                runs = [name for name in self._loaded() if _is_a_runs(sys.modules[name])]
                self._own = {name: _removed(name) for name in runs}
                _active.remove(self)
                if not _active:
                    for name, module in sorted(_process.items()):
                        _put(name, module)
                    _process.clear()

    def _loaded(self) -> list[str]:
        """The names of this wake-up's local modules that are loaded now, submodules before their packages."""
        names = [name for name in list(sys.modules) if name.partition(".")[0] in self._tops]
        return sorted((name for name in names if self.has(getattr(sys.modules[name], "__spec__", None))), reverse=True)

    def has(self, spec: importlib.machinery.ModuleSpec | None) -> bool:
        """Whether a module that is found so is local source which this wake-up reads afresh."""
        if spec is None or spec.name.partition(".")[0] not in self._tops:
            return False
        source = isinstance(spec.loader, importlib.machinery.SourceFileLoader)
        return source and os.path.abspath(spec.origin or "").startswith(self._places)  # noqa: PTH100


_lock: Final = RLock()
_active: Final[list[LocalModules]] = []
_process: Final[dict[str, ModuleType]] = {}  # what the process itself has imported, while a wake-up has its own


def _is_a_runs(module: ModuleType) -> bool:
    return isinstance(getattr(module.__spec__, "loader", None), _SourceLoader)


def _removed(name: str) -> ModuleType:
    """The module called *name*, which is loaded no more."""
    module = sys.modules.pop(name)
    if (namespace := _namespace_of(name)) is not None and vars(namespace).get(name.rpartition(".")[2]) is module:
        delattr(namespace, name.rpartition(".")[2])
    return module


def _put(name: str, module: ModuleType) -> None:
    sys.modules[name] = module
    if (namespace := _namespace_of(name)) is not None:
        setattr(namespace, name.rpartition(".")[2], module)


def _namespace_of(name: str) -> ModuleType | None:
    """The namespace package that *name* is in: it has no source, so it stays, and holds its parts as attributes."""
    parent = sys.modules.get(name.rpartition(".")[0])
    return parent if parent is not None and getattr(parent, "__file__", None) is None else None


class _FromSource(importlib.abc.MetaPathFinder):
    """Finds the modules of *modules* as Python does, and has them compiled from their text."""

    def __init__(self, modules: LocalModules) -> None:
        self._modules = modules

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        """As :class:`importlib.machinery.PathFinder`; ``None`` for what is not read afresh."""
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or type(spec.loader) is not importlib.machinery.SourceFileLoader or not self._modules.has(spec):
            return None
        spec.loader = _SourceLoader(spec.loader.name, spec.loader.path)
        return spec


class _SourceLoader(importlib.machinery.SourceFileLoader):
    def get_code(self, fullname: str) -> Any:
        """The code; from the cache only if that was written in a later second than the source.

        The cache knows its source by size and second: one of the same second may be of an earlier text.
        """
        path = self.get_filename(fullname)
        second, cache = int(os.stat(path).st_mtime), importlib.util.cache_from_source(path)  # noqa: PTH116
        try:
            reliable = os.stat(cache).st_mtime >= second + 1  # noqa: PTH116
        except OSError:
            reliable = time.time() >= second + 2  # there is none, and Python may write one
        if not reliable and time.time() >= second + 2:
            with suppress(OSError):
                os.unlink(cache)  # noqa: PTH108
            reliable = not os.path.exists(cache)  # noqa: PTH110
        return super().get_code(fullname) if reliable else self.source_to_code(self.get_data(path), path)

    def exec_module(self, module: ModuleType) -> None:
        """Execute it; a package has its submodules that stayed loaded as attributes, as after their import."""
        inner = f"{module.__name__}."
        for name in [it for it in list(sys.modules) if it.startswith(inner) and "." not in it[len(inner) :]]:
            setattr(module, name[len(inner) :], sys.modules[name])
        super().exec_module(module)


# ---- finding ------------------------------------------------------------------------------------------------------


def _local(path: Sequence[str], cwd: str) -> list[Path]:
    """The entries of *path* where local code lies."""
    return [place for place, local in _places(path, cwd) if local]


def _places(path: Sequence[str], cwd: str) -> list[tuple[Path, bool]]:
    """The directories of *path* in their order, and whether local code lies there."""
    installed = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    entries = dict.fromkeys(os.path.realpath(os.path.join(cwd, entry)) for entry in path)  # noqa: PTH118  # "" is cwd
    return [
        (place, str(place) not in installed and _INSTALLED.isdisjoint(place.parts))
        for place in map(Path, entries)
        if place.is_dir()
    ]


def _file(name: str, places: Sequence[tuple[Path, bool]]) -> Path | None:
    """The source of the module *name*; installed ones and pdnb's own have none here."""
    top, *rest = name.split(".")
    if top in sys.stdlib_module_names or top == "pdnb" or not name.replace(".", "").isidentifier():
        return None
    for place, local in places:
        if not local:
            files = (place / top / "__init__.py", place / f"{top}.py")
            if any(file.is_file() for file in files) or any(place.glob(f"{top}.*so")):
                return None  # it comes first
            continue
        base = place.joinpath(top, *rest)
        for file in (base / "__init__.py", base.with_name(f"{base.name}.py")):
            if file.is_file():
                return file
    return None


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:16]


def _read(file: Path) -> tuple[int, str, tuple[tuple[str, int], ...]]:
    """A file's size, its digest, and what it imports (with how many dots)."""
    text = file.read_bytes()  # its time and size would not do: two texts can share them
    digest = _digest(text)
    if digest not in _known:
        if len(_known) >= 2 * _MOST_FILES:
            _known.clear()
        try:
            _known[digest] = tuple(_imports(ast.parse(text)))
        except (SyntaxError, ValueError):  # whoever imports it is told
            _known[digest] = ()
    return len(text), digest, _known[digest]


def _imported(source: str, package: str) -> Iterator[str]:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        tree = ast.Module([], [])
    yield from (_absolute(name, dots, package) if dots else name for name, dots in _imports(tree))


def _imports(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """The dotted names that *tree* may import, by statement or in quotes, each with its number of leading dots."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, 0) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            yield base, node.level
            yield from ((f"{base}.{alias.name}".lstrip("."), node.level) for alias in node.names if alias.name != "*")
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            given = node.args[0] if len(node.args) == 1 else None
            if isinstance(given, ast.Constant) and isinstance(given.value, str):
                yield given.value, 0


def _absolute(name: str, dots: int, package: str) -> str:
    parts = package.split(".")
    return ".".join(filter(None, [*parts[: len(parts) - dots + 1], name]))
