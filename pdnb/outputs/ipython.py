"""The process's IPython shell, or a stand-in with the little of it that a process without one needs.

Rules:

- IPython is imported only when a value has a rich form or the user's code imports it.
- A process without a shell then has a stand-in while a recorder is active: what ``IPython.display`` needs, no magics,
  no history.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, cast

from pdnb.outputs.nbformat import error_output
from pdnb.outputs.streams import swapped

_SHELL: Final = "IPython.core.interactiveshell"


@dataclass(frozen=True)
class Host:
    """The functions with which a shell showed values and exceptions before they were replaced."""

    format: Callable[[object], tuple[dict[Any, Any], dict[Any, Any]]]
    publish: Callable[..., None]
    show_traceback: Callable[..., None]


def display(*objects: object, **options: Any) -> Any:
    """IPython's own ``display``."""
    from IPython.display import display as show  # noqa: PLC0415 - the one place that imports IPython, and late

    return show(*objects, **options)


def formatted(value: object) -> tuple[dict[Any, Any], dict[Any, Any]]:
    """*value* as a mime bundle, and its metadata, as the stand-in formats it."""
    import IPython.core.interactiveshell  # noqa: F401, PLC0415 - by itself: it calls who waits for it

    data, metadata = _stand_in().display_formatter.format(value)
    return data, metadata


@contextmanager
def when_loaded(then: Callable[[], None], name: str = _SHELL) -> Iterator[None]:
    """Call *then* as soon as the module *name* has been executed; at once if it has been.

    By default that is the module which every use of IPython loads.
    """
    if name in sys.modules:
        then()
        yield
    else:
        hook = _ImportHook(then, name)
        sys.meta_path.insert(0, hook)
        try:
            yield
        finally:
            with suppress(ValueError):
                sys.meta_path.remove(hook)


@contextmanager
def taken_over(
    *, publish: Callable[..., None], clear_output: Callable[..., None], show_traceback: Callable[..., None]
) -> Iterator[Host]:
    """Replace these functions of the shell, or of the stand-in where there is no shell, for the length of the block."""
    from IPython.core.interactiveshell import InteractiveShell  # noqa: PLC0415 - loaded by now

    with ExitStack() as undo:
        if not InteractiveShell.initialized():
            undo.enter_context(swapped(InteractiveShell, "_instance", _stand_in()))
        shell: Any = InteractiveShell.instance()
        pub, formatter = shell.display_pub, shell.display_formatter
        # `_showtraceback` is where every shell shows what it caught.
        host = Host(formatter.format, pub.publish, shell._showtraceback)  # noqa: SLF001
        if formatter.active_types == [
            "text/plain"
        ]:  # a terminal formats plain text only; the record wants the rich formats
            undo.callback(setattr, formatter, "active_types", formatter.active_types)
            formatter.active_types = formatter.format_types
        # On the instances: others that hold these objects, as ipykernel does, find everything else unchanged.
        undo.enter_context(swapped(pub, "publish", publish))
        undo.enter_context(swapped(pub, "clear_output", clear_output))
        undo.enter_context(swapped(shell, "_showtraceback", show_traceback))
        yield host


class _ImportHook:
    """Calls back once the module *name* has been executed."""

    def __init__(self, then: Callable[[], None], name: str) -> None:
        self._then = then
        self._name = name

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if name != self._name:
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        spec = next(filter(None, (finder.find_spec(name, path, target) for finder in others)), None)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: Any) -> None:
                execute(module)
                self._then()

            vars(spec.loader)["exec_module"] = exec_module
        return spec


@functools.cache
def _stand_in() -> Any:
    """A shell that formats and publishes, and nothing else; one per process, so that formatters stay registered."""
    from IPython.core.error import UsageError  # noqa: PLC0415 - likewise
    from IPython.core.events import EventManager, available_events  # noqa: PLC0415
    from IPython.core.formatters import DisplayFormatter  # noqa: PLC0415
    from IPython.core.interactiveshell import InteractiveShell  # noqa: PLC0415
    from IPython.core.pylabtools import print_figure  # noqa: PLC0415

    class Publisher:
        def publish(self, data: Any, *_args: Any, **_options: Any) -> None:
            print(data.get("text/plain", ""))  # noqa: T201 - as IPython does in a terminal

    class StandIn(InteractiveShell):
        def __init__(self) -> None:
            super(InteractiveShell, self).__init__()  # not InteractiveShell's: it would take over the process
            self.user_ns = {}
            self.configurables = [self]
            self.events = EventManager(self, available_events)
            self.display_formatter = DisplayFormatter(parent=self)
            self.display_pub = cast("Any", Publisher())
            png = self.display_formatter.formatters["image/png"]
            png.for_type_by_name("matplotlib.figure", "Figure", functools.partial(print_figure, base64=True))

        def showtraceback(self, exc_tuple: Any = None, *_args: Any, **_options: Any) -> None:
            kind, exc, _ = exc_tuple or sys.exc_info()
            self._showtraceback(kind, exc, [])

        def _showtraceback(self, etype: Any, evalue: Any, stb: Any) -> None:  # noqa: ARG002 - IPython's signature
            print(*error_output(evalue)["traceback"], sep="\n", file=sys.stderr)  # noqa: T201

        def run_line_magic(self, magic_name: str, *_args: Any, **_options: Any) -> Any:
            raise UsageError(f"%{magic_name} cannot run here: this process has no notebook; write it in Python")

        run_cell_magic = run_line_magic

    return StandIn()
