"""The kinds of state that code can change for whatever executes after it in the same process.

Those of the process itself stand here; see :mod:`pdnb.runtime.library_kinds` and :mod:`pdnb.runtime.module_kinds`.
"""

from __future__ import annotations

import builtins
import faulthandler
import gc
import locale
import operator
import os
import random
import signal
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from pdnb.runtime.library_kinds import (
    csv,
    decimal,
    loggers,
    numpy,
    pandas,
    pyplot,
    same_if_known,
    same_loggers,
    set_csv,
    set_decimal,
    set_loggers,
    set_numpy,
    set_pandas,
    set_pyplot,
    set_start_method,
    start_method,
)
from pdnb.runtime.module_kinds import (
    classes,
    modules,
    replaced_modules,
    same_classes,
    same_modules,
    same_replaced,
    set_builtins,
    set_classes,
    set_modules,
    set_replaced,
)

_SIGNALS: Final = sorted(set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP})
_ABSENT: Final = object()


@dataclass(frozen=True)
class Kind:
    """One kind of state: ``read`` gives its present value, ``write`` puts one back, ``same`` compares two."""

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], object]
    same: Callable[[Any, Any], bool] = operator.eq


def _set_environment(before: dict[str, str]) -> None:
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    for name, value in before.items():
        if os.environ.get(name) != value:
            os.environ[name] = value


def _cwd() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109
    except OSError:  # removed
        return None


def _set_cwd(before: str | None) -> None:
    if before is not None:
        with suppress(OSError):
            os.chdir(before)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _signals() -> dict[int, Any]:
    return {number: signal.getsignal(number) for number in _SIGNALS}


def _set_signals(before: dict[int, Any]) -> None:
    for number, handler in before.items():
        if handler is not None and signal.getsignal(number) is not handler:
            with suppress(OSError, ValueError):  # not this one, or not in this thread
                signal.signal(number, handler)


def _timers() -> tuple[tuple[float, float], ...]:
    return tuple(signal.getitimer(which) for which in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF))


def _armed() -> tuple[bool, ...]:
    return tuple(left > 0 for left, _ in _timers())


def _set_timers(before: tuple[bool, ...]) -> None:
    for which, armed in zip((signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF), before, strict=True):
        if not armed:
            signal.setitimer(which, 0)


def _filters() -> tuple[list[Any], bool]:
    return list(warnings.filters), warnings.showwarning is _showwarning()


def _showwarning() -> Any:
    return getattr(warnings, "_showwarning_orig", warnings.showwarning)


def _set_filters(before: tuple[list[Any], bool]) -> None:
    warnings.filters[:] = before[0]  # type: ignore[index]  # it is a list
    if hasattr(warnings, "_filters_mutated"):  # up to 3.13
        warnings._filters_mutated()  # noqa: SLF001
    if before[1]:
        warnings.showwarning = _showwarning()


def _limits() -> tuple[Any, ...]:
    try:
        import resource  # noqa: PLC0415  # not on every system
    except ImportError:
        return ()
    kinds = "DATA AS NOFILE NPROC CORE CPU FSIZE STACK"
    names = [f"RLIMIT_{kind}" for kind in kinds.split()]
    return tuple((getattr(resource, name), resource.getrlimit(getattr(resource, name))) for name in names)


def _set_limits(before: tuple[Any, ...]) -> None:
    for number, values in before:
        import resource  # noqa: PLC0415

        with suppress(OSError, ValueError):  # lowered for good
            resource.setrlimit(number, values)


def _locale() -> str:
    return locale.setlocale(locale.LC_ALL)


def _set_locale(before: str) -> None:
    with suppress(locale.Error):
        locale.setlocale(locale.LC_ALL, before)


def _time_zone() -> tuple[Any, ...]:
    return time.tzname, time.timezone


def _set_time_zone(_before: object) -> None:
    if hasattr(time, "tzset"):
        time.tzset()  # from the environment, which has been put back


def _hooks() -> tuple[Any, ...]:
    return sys.excepthook, sys.displayhook, sys.unraisablehook, threading.excepthook, sys.breakpointhook


def _set_hooks(before: tuple[Any, ...]) -> None:
    sys.excepthook, sys.displayhook, sys.unraisablehook, threading.excepthook, sys.breakpointhook = before


def _tracing() -> tuple[Any, ...]:
    return sys.gettrace(), sys.getprofile()


def _set_tracing(before: tuple[Any, ...]) -> None:
    if sys.gettrace() is not before[0]:
        sys.settrace(before[0])
    if sys.getprofile() is not before[1]:
        sys.setprofile(before[1])


def _collector() -> tuple[Any, ...]:
    return gc.isenabled(), gc.get_threshold()


def _set_collector(before: tuple[Any, ...]) -> None:
    (gc.enable if before[0] else gc.disable)()
    gc.set_threshold(*before[1])


def _in_place(of: Callable[[], list[Any]]) -> tuple[Callable[[], list[Any]], Callable[[list[Any]], None]]:
    def write(before: list[Any]) -> None:
        of()[:] = before

    return lambda: list(of()), write


def _attribute(holder: Any, name: str) -> tuple[Callable[[], Any], Callable[[Any], None]]:
    return lambda: getattr(holder, name, None), lambda before: setattr(holder, name, before)


def _nice() -> int:
    return os.getpriority(os.PRIO_PROCESS, 0) if hasattr(os, "getpriority") else 0


def _set_nice(before: int) -> None:
    with suppress(OSError):  # only root goes back
        if _nice() != before:
            os.setpriority(os.PRIO_PROCESS, 0, before)


def _blocked() -> Any:
    return signal.pthread_sigmask(signal.SIG_BLOCK, ())


def _set_blocked(before: Any) -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _sys() -> tuple[Any, ...]:
    return getattr(sys, "tracebacklimit", _ABSENT), sys.pycache_prefix, tuple(sys.get_asyncgen_hooks())


def _set_sys(before: tuple[Any, ...]) -> None:
    limit, sys.pycache_prefix, hooks = before
    sys.set_asyncgen_hooks(*hooks)
    if limit is not _ABSENT:
        sys.tracebacklimit = limit
    elif hasattr(sys, "tracebacklimit"):
        del sys.tracebacklimit


def _affinity() -> Any:
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None


def _set_affinity(before: Any) -> None:
    if before is not None:
        os.sched_setaffinity(0, before)


#: All of them.
KINDS: Final = (
    Kind("environment variables", lambda: dict(os.environ), _set_environment),
    Kind("working directory", _cwd, _set_cwd),
    Kind("umask", _umask, os.umask),
    Kind("sys.path", *_in_place(lambda: sys.path)),
    Kind("sys.meta_path", *_in_place(lambda: sys.meta_path)),
    Kind("sys.path_hooks", *_in_place(lambda: sys.path_hooks)),
    Kind("sys.argv", *_in_place(lambda: sys.argv)),
    Kind("signal handlers", _signals, _set_signals),
    Kind("blocked signals", _blocked, _set_blocked),
    Kind("alarms", _armed, _set_timers),
    Kind("warning filters", _filters, _set_filters),
    Kind("loggers", loggers, set_loggers, same_loggers),
    Kind("decimal context", decimal, set_decimal, same_if_known),
    Kind("locale", _locale, _set_locale),
    Kind("time zone", _time_zone, _set_time_zone),
    Kind("limits", _limits, _set_limits),
    Kind("priority", _nice, _set_nice),
    Kind("exception hooks", _hooks, _set_hooks),
    Kind("tracing", _tracing, _set_tracing),
    Kind("garbage collector", _collector, _set_collector),
    Kind("recursion limit", sys.getrecursionlimit, sys.setrecursionlimit),
    Kind("switch interval", sys.getswitchinterval, sys.setswitchinterval),
    Kind("digits of integers", sys.get_int_max_str_digits, sys.set_int_max_str_digits),
    Kind("socket time-out", socket.getdefaulttimeout, socket.setdefaulttimeout),
    Kind("stack size of threads", threading.stack_size, threading.stack_size),
    Kind("fault handler", faulthandler.is_enabled, lambda on: None if on else faulthandler.disable()),
    Kind("bytecode files", *_attribute(sys, "dont_write_bytecode")),
    Kind("random numbers", random.getstate, random.setstate),
    Kind("numpy", numpy, set_numpy, same_if_known),
    Kind("matplotlib", pyplot, set_pyplot, same_if_known),
    Kind("builtins", lambda: dict(vars(builtins)), set_builtins),
    Kind("sys", _sys, _set_sys),
    Kind("callbacks of the garbage collector", *_in_place(lambda: gc.callbacks)),
    Kind("trace function of threads", threading.gettrace, threading.settrace),
    Kind("processors", _affinity, _set_affinity),
    Kind("start method of processes", start_method, set_start_method, operator.is_),
    Kind("csv", csv, set_csv),
    Kind("pandas", pandas, set_pandas),
    Kind("modules that were replaced", replaced_modules, set_replaced, same_replaced),
    Kind("classes", classes, set_classes, same_classes),
    Kind("names of modules", modules, set_modules, same_modules),
)
