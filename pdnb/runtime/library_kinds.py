"""The state of libraries that code can change: loggers, the decimal context, numpy, pandas, matplotlib and their like.

Each has a function that reads it and one that puts it back; what was not loaded is ``None``.
"""

from __future__ import annotations

import copy
import sys
from typing import Any, Final


def _module(name: str) -> Any:
    return sys.modules.get(name)


# ---- single kinds -------------------------------------------------------------------------------------------------


_NEW_LOGGER: Final = (0, (), True, False, ())


def loggers() -> dict[str, tuple[Any, ...]]:
    logging = _module("logging")
    if logging is None:
        return {}
    every = {"": logging.root, **logging.root.manager.loggerDict}
    return {
        name: (logger.level, tuple(logger.handlers), logger.propagate, logger.disabled, tuple(logger.filters))
        for name, logger in every.items()
        if hasattr(logger, "handlers")
    } | {"\0disabled": (logging.root.manager.disable,)}


def set_loggers(before: dict[str, tuple[Any, ...]]) -> None:
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


def same_loggers(before: dict[str, tuple[Any, ...]], now: dict[str, tuple[Any, ...]]) -> bool:
    return all(now.get(name) == before.get(name, _NEW_LOGGER) for name in now)


def decimal() -> Any:
    decimal = _module("decimal")
    if decimal is None:
        return None
    now = decimal.getcontext().copy()
    now.clear_flags()
    return repr(now), now


def set_decimal(before: Any) -> None:
    decimal = _module("decimal")
    if decimal is not None:
        decimal.setcontext(before[1].copy() if before is not None else decimal.DefaultContext.copy())


def numpy() -> Any:
    numpy = _module("numpy")
    if numpy is None or not hasattr(numpy, "random"):
        return None
    state, errors, options = numpy.random.get_state(), numpy.geterr(), numpy.get_printoptions()
    return (state[1].tobytes(), state[2:], errors, repr(options)), state, errors, options


def set_numpy(before: Any) -> None:
    numpy = _module("numpy")
    if before is not None and numpy is not None:
        numpy.random.set_state(before[1])
        numpy.seterr(**before[2])
        numpy.set_printoptions(**before[3])


def pyplot() -> Any:
    matplotlib = _module("matplotlib")
    return None if matplotlib is None or not hasattr(matplotlib, "rcParams") else (dict(matplotlib.rcParams),)


def set_pyplot(before: Any) -> None:
    matplotlib = _module("matplotlib")
    if before is not None and matplotlib is not None:
        matplotlib.rcParams.update({k: v for k, v in before[0].items() if dict.get(matplotlib.rcParams, k) != v})


def start_method() -> Any:
    context = sys.modules.get("multiprocessing.context")
    return None if context is None else context._default_context._actual_context  # noqa: SLF001


def set_start_method(before: Any) -> None:
    context: Any = sys.modules.get("multiprocessing.context")
    if context is not None:
        context._default_context._actual_context = before  # noqa: SLF001


def pandas() -> Any:
    config: Any = sys.modules.get("pandas._config.config")
    return None if config is None else (copy.deepcopy(getattr(config, "_global_config", None)),)


def set_pandas(before: Any) -> None:
    config: Any = sys.modules.get("pandas._config.config")
    if before is not None and config is not None:
        config._global_config.clear()  # noqa: SLF001
        config._global_config.update(copy.deepcopy(before[0]))  # noqa: SLF001


def csv() -> Any:
    csv: Any = sys.modules.get("csv")
    return None if csv is None else (csv.list_dialects(), csv.field_size_limit())


def set_csv(before: Any) -> None:
    csv: Any = sys.modules.get("csv")
    if before is not None and csv is not None:
        csv.field_size_limit(before[1])
        for name in set(csv.list_dialects()) - set(before[0]):
            csv.unregister_dialect(name)


def same_if_known(before: Any, now: Any) -> bool:
    """Whether the comparable part is the same. Of a module that was imported meanwhile nobody knows what it was."""
    return before is now is None or (before is not None and now is not None and before[0] == now[0])
