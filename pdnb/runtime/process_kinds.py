"""The kinds of state that code can change for whatever executes after it in the same process.

Of modules: functions and classes that stand in another's place, and public names of the standard library. Other values
in other modules are their own business: caches, counters, lazily made objects.
"""

from __future__ import annotations

import builtins
import copy
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
import types
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

_SIGNALS: Final = sorted(set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP})
_CODE: Final = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, type)
_PLAIN: Final = (int, float, str, bool, tuple, bytes, type(None))
_PRIVATE: Final = frozenset({"_event_loop_policy", "_opener"})  # private, and set by public functions
_HEAP: Final = 1 << 9  # of a type's flags: made by a class statement
_ABSENT: Final = object()
_OWN_KINDS: Final = frozenset({"__main__", "sys", "builtins", "signal", "_signal"})  # said elsewhere, or not at all


@dataclass(frozen=True)
class Kind:
    """One kind of state: ``read`` gives its present value, ``write`` puts one back, ``same`` compares two."""

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], object]
    same: Callable[[Any, Any], bool] = operator.eq


def _module(name: str) -> Any:
    return sys.modules.get(name)


# ---- single kinds -------------------------------------------------------------------------------------------------


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


_NEW_LOGGER: Final = (0, (), True, False, ())


def _loggers() -> dict[str, tuple[Any, ...]]:
    logging = _module("logging")
    if logging is None:
        return {}
    every = {"": logging.root, **logging.root.manager.loggerDict}
    return {
        name: (logger.level, tuple(logger.handlers), logger.propagate, logger.disabled, tuple(logger.filters))
        for name, logger in every.items()
        if hasattr(logger, "handlers")
    } | {"\0disabled": (logging.root.manager.disable,)}


def _set_loggers(before: dict[str, tuple[Any, ...]]) -> None:
    logging = _module("logging")
    if logging is None:
        return
    logging.disable(before.get("\0disabled", (0,))[0])
    for name, logger in {"": logging.root, **logging.root.manager.loggerDict}.items():
        if hasattr(logger, "handlers"):
            level, handlers, logger.propagate, logger.disabled, filters = before.get(name, _NEW_LOGGER)
            logger.setLevel(level)
            for handler in set(logger.handlers) - set(handlers):
                logger.removeHandler(handler)
            logger.handlers[:], logger.filters[:] = handlers, filters


def _same_loggers(before: dict[str, tuple[Any, ...]], now: dict[str, tuple[Any, ...]]) -> bool:
    return all(now.get(name) == before.get(name, _NEW_LOGGER) for name in now)


def _decimal() -> Any:
    decimal = _module("decimal")
    if decimal is None:
        return None
    now = decimal.getcontext().copy()
    now.clear_flags()
    return repr(now), now


def _set_decimal(before: Any) -> None:
    decimal = _module("decimal")
    if decimal is not None:
        decimal.setcontext(before[1].copy() if before is not None else decimal.DefaultContext.copy())


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


def _numpy() -> Any:
    numpy = _module("numpy")
    if numpy is None or not hasattr(numpy, "random"):
        return None
    state, errors, options = numpy.random.get_state(), numpy.geterr(), numpy.get_printoptions()
    return (state[1].tobytes(), state[2:], errors, repr(options)), state, errors, options


def _set_numpy(before: Any) -> None:
    numpy = _module("numpy")
    if before is not None and numpy is not None:
        numpy.random.set_state(before[1])
        numpy.seterr(**before[2])
        numpy.set_printoptions(**before[3])


def _pyplot() -> Any:
    matplotlib = _module("matplotlib")
    return None if matplotlib is None or not hasattr(matplotlib, "rcParams") else (dict(matplotlib.rcParams),)


def _set_pyplot(before: Any) -> None:
    matplotlib = _module("matplotlib")
    if before is not None and matplotlib is not None:
        matplotlib.rcParams.update({k: v for k, v in before[0].items() if dict.get(matplotlib.rcParams, k) != v})


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


def _modules() -> dict[str, dict[str, Any]]:
    """The names of every module; copying them costs some milliseconds, looking at each would cost fifty."""
    return {
        name: dict(vars(module))
        for name, module in _loaded()
        if isinstance(module, types.ModuleType) and name not in _OWN_KINDS and not name.startswith("pdnb_workflow_")
    }


def _loaded() -> list[tuple[str, Any]]:
    return list(sys.modules.items())  # anything may stand there


def _set_modules(before: dict[str, dict[str, Any]]) -> None:
    for module, values in before.items():
        names = vars(sys.modules[module]) if isinstance(sys.modules.get(module), types.ModuleType) else values
        for name in _changed(module, values, names):
            if name in values:
                names[name] = values[name]
            else:
                del names[name]


def _same_modules(before: dict[str, dict[str, Any]], now: dict[str, dict[str, Any]]) -> bool:
    return not any(_changed(module, values, now[module]) for module, values in before.items() if module in now)


def _changed(module: str, before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """The names of *module* that were changed and count."""
    if len(before) == len(now) and all(map(operator.is_, before.values(), now.values())):
        return []
    changed = [name for name in now if name not in before or now[name] is not before[name]] + [*(before.keys() - now)]
    return [name for name in changed if _counts(module, name, before.get(name), now.get(name))]


def _counts(module: str, name: str, before: object, now: object) -> bool:
    if isinstance(before, _CODE) or name in _PRIVATE:
        return True
    if name.startswith("_") or isinstance(now, types.ModuleType):
        return False
    return module.partition(".")[0] in sys.stdlib_module_names or (type(before) in _PLAIN and type(now) in _PLAIN)


def _classes() -> dict[type, dict[str, Any]]:
    """What the classes of the standard library that are written in Python have."""
    return {
        value: dict(vars(value))
        for name, module in _loaded()
        if isinstance(module, types.ModuleType) and name.partition(".")[0] in sys.stdlib_module_names
        for value in list(vars(module).values())
        if type(value) is type and value.__flags__ & _HEAP and value.__module__ == name
    }


def _patched(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    if len(before) == len(now) and all(map(operator.is_, before.values(), now.values())):
        return []
    names = [name for name in {**before, **now} if before.get(name, _ABSENT) is not now.get(name, _ABSENT)]
    return [n for n in names if isinstance(before.get(n), _CODE) or isinstance(now.get(n), types.FunctionType)]


def _same_classes(before: dict[type, dict[str, Any]], now: dict[type, dict[str, Any]]) -> bool:
    return not any(_patched(names, now[cls]) for cls, names in before.items() if cls in now)


def _set_classes(before: dict[type, dict[str, Any]]) -> None:
    for cls, names in before.items():
        for name in _patched(names, dict(vars(cls))):
            if name in names:
                setattr(cls, name, names[name])
            else:
                delattr(cls, name)


def _replaced_modules() -> dict[str, Any]:
    return {name: module for name, module in _loaded() if not name.startswith("pdnb_workflow_")}


def _same_replaced(before: dict[str, Any], now: dict[str, Any]) -> bool:
    """Whether what was imported is still that; what came since is no change if it is a module."""
    came = (value for name, value in now.items() if name not in before)
    return all(now.get(name) is module for name, module in before.items()) and all(
        isinstance(value, types.ModuleType) for value in came
    )


def _set_replaced(before: dict[str, Any]) -> None:
    for name, value in _loaded():
        if name not in before and not isinstance(value, types.ModuleType):
            del sys.modules[name]
    for name, module in before.items():
        if sys.modules.get(name) is not module:
            sys.modules[name] = module


def _start_method() -> Any:
    context = sys.modules.get("multiprocessing.context")
    return None if context is None else context._default_context._actual_context  # noqa: SLF001


def _set_start_method(before: Any) -> None:
    context: Any = sys.modules.get("multiprocessing.context")
    if context is not None:
        context._default_context._actual_context = before  # noqa: SLF001


def _pandas() -> Any:
    config: Any = sys.modules.get("pandas._config.config")
    return None if config is None else (copy.deepcopy(getattr(config, "_global_config", None)),)


def _set_pandas(before: Any) -> None:
    config: Any = sys.modules.get("pandas._config.config")
    if before is not None and config is not None:
        config._global_config.clear()  # noqa: SLF001
        config._global_config.update(copy.deepcopy(before[0]))  # noqa: SLF001


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


def _csv() -> Any:
    csv: Any = sys.modules.get("csv")
    return None if csv is None else (csv.list_dialects(), csv.field_size_limit())


def _set_csv(before: Any) -> None:
    csv: Any = sys.modules.get("csv")
    if before is not None and csv is not None:
        csv.field_size_limit(before[1])
        for name in set(csv.list_dialects()) - set(before[0]):
            csv.unregister_dialect(name)


def _set_builtins(before: dict[str, Any]) -> None:
    names = vars(builtins)
    for name in names.keys() - before.keys():
        del names[name]
    names.update(before)


def _same_if_known(before: Any, now: Any) -> bool:
    """Whether the comparable part is the same. Of a module that was imported meanwhile nobody knows what it was."""
    return before is now is None or (before is not None and now is not None and before[0] == now[0])


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
    Kind("loggers", _loggers, _set_loggers, _same_loggers),
    Kind("decimal context", _decimal, _set_decimal, _same_if_known),
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
    Kind("numpy", _numpy, _set_numpy, _same_if_known),
    Kind("matplotlib", _pyplot, _set_pyplot, _same_if_known),
    Kind("builtins", lambda: dict(vars(builtins)), _set_builtins),
    Kind("sys", _sys, _set_sys),
    Kind("callbacks of the garbage collector", *_in_place(lambda: gc.callbacks)),
    Kind("trace function of threads", threading.gettrace, threading.settrace),
    Kind("processors", _affinity, _set_affinity),
    Kind("start method of processes", _start_method, _set_start_method, operator.is_),
    Kind("csv", _csv, _set_csv),
    Kind("pandas", _pandas, _set_pandas),
    Kind("modules that were replaced", _replaced_modules, _set_replaced, _same_replaced),
    Kind("classes", _classes, _set_classes, _same_classes),
    Kind("names of modules", _modules, _set_modules, _same_modules),
)
