"""No log shows a token: a filter on all loggers of Jupyter and tornado."""

from __future__ import annotations

import logging
from logging import Filter, Logger, LogRecord
from typing import Final

from pdnb.errors import PdnbError
from pdnb.request import without_tokens

_LOGGERS = ("tornado.access", "tornado.application", "tornado.general", "asyncio")


class RedactTokens(Filter):
    """Formats a record early when a token is in it, and takes the token out, traceback included.

    Errors that pdnb raises on purpose get no traceback.
    """

    def filter(self, record: LogRecord) -> bool:
        """Let every record pass, without tokens."""
        text = record.getMessage()
        if (clean := without_tokens(text)) != text:
            record.msg, record.args = clean, ()
        if record.exc_info and isinstance(record.exc_info[1], PdnbError):
            record.exc_info = None  # its one line says all there is to say
        if record.exc_info and not record.exc_text:
            trace = logging.Formatter().formatException(record.exc_info)
            if (clean := without_tokens(trace)) != trace:
                record.exc_text = clean
        return True


_FILTER: Final = RedactTokens()  # one for all: a logger takes the same filter only once


def redact_logs(log: Logger) -> None:
    """Put the filter on *log*, on the handlers above it, and on tornado's own loggers."""
    here: Logger | None = log
    while here is not None:
        here.addFilter(_FILTER)
        for handler in here.handlers:
            handler.addFilter(_FILTER)
        here = here.parent if here.propagate else None
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_FILTER)
