"""What an executor puts out: displayed values and errors go over the wire, all that is printed into the pipes."""

from __future__ import annotations

import sys
from typing import Any, cast

from pdnb.executor.output_order import Order, OrderedStream, set_present
from pdnb.executor.wire import Message
from pdnb.links import redact
from pdnb.outputs.buffer import Record
from pdnb.outputs.nbformat import Output
from pdnb.outputs.recorder import Recorder
from pdnb.outputs.streams import swapped


class Said(Record):
    """Stands in a record's place, and says what it is told over the wire; the worker has the record itself."""

    def __init__(self, say: Any, order: Order) -> None:
        self._say = say
        self._order = order

    def publish(self, output: Output, display_id: object = None, *, update: bool = False) -> None:
        """As :meth:`Record.publish`."""
        self._order.turn("wire")
        shown = display_id if isinstance(display_id, str | int | None) else str(display_id)
        self._say({"output": output, "display_id": shown, "update": update})

    def add(self, output: Output, display_id: object = None) -> None:
        """As :meth:`Record.add`."""
        self.publish(output, display_id)

    def clear(self, *, wait: bool) -> None:
        """As :meth:`Record.clear`."""
        self._order.turn("wire")
        self._say({"clear": wait})


class SayingRecorder(Recorder):
    """The recorder of an executor: it has no record, and its streams are the pipes."""

    def __init__(self, say: Any, order: Order) -> None:
        super().__init__(show=False, redact=redact)
        self._record = Said(say, order)
        self._order = order

    def _replace_streams(self) -> None:
        set_present(self._order)
        self._undo.callback(set_present, None)
        for number, name in enumerate(("stdout", "stderr"), 1):
            stream = OrderedStream(number, cast("Any", name), self._order)
            self._undo.enter_context(swapped(sys, name, stream))


def said(record: Record, message: Message) -> None:
    """Put what an executor said into *record*, on the worker's side."""
    if "clear" in message:
        record.clear(wait=bool(message["clear"]))
    else:
        record.publish(message["output"], message.get("display_id"), update=bool(message.get("update")))
