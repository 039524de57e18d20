"""A bounded buffer of outputs, in the order in which they came.

Rules:

- The record holds what was put out, links included: the store seals them.
- Beyond the limit the beginning and the newest outputs stay, streams are dropped before rich outputs, and a note says
  so. No cut goes through a link's token: its pieces could not be sealed any more.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from pdnb.model import JSON
from pdnb.outputs.nbformat import Output, clipped, human, piece_end, storable
from pdnb.outputs.terminal import OpenText


@dataclass(eq=False)
class _Entry:
    output: Output
    display_id: object = None

    def __post_init__(self) -> None:
        self.measure()
        self.is_stream = self.output["output_type"] == "stream"

    def measure(self) -> None:
        """Count bytes as the store writes them: in ASCII, which is never less than UTF-8."""
        self.size = len(json.dumps(self.output)) + 2


class Record:
    """Outputs in order, within *limit* bytes of JSON. Not thread-safe: its recorder has the lock."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._block = max(limit // 64, 16)
        self._note = _Entry({"output_type": "stream", "name": "stderr", "text": f"\n[output cut at {human(limit)}]\n"})
        self._forget()

    def _forget(self) -> None:
        self._clear_next = False
        self._entries: list[_Entry] = []
        self._size = self._note.size + 2
        self._cut: int | None = None  # how many entries stand before the note, once something was dropped
        self._name = ""
        self._open = OpenText()  # what stream `_name` got and is not in an entry yet: about a block at most

    def write(self, name: str, text: str) -> None:
        """Record that *text* went to the stream *name*."""
        if self._clear_next:
            self._forget()
        if name != self._name:
            self._close()
            self._name = name
        self._open.write(text)
        if self._open.length > self._block:
            self._close(keep_line=True)

    def add(self, output: Output, display_id: object = None) -> None:
        """Record a rich output or an error."""
        if self._clear_next:
            self._forget()
        self._close()
        self._append(output, display_id)

    def publish(self, output: Output, display_id: object = None, *, update: bool = False) -> None:
        """Record a rich output, and show it too wherever *display_id* stands already; with *update* only there."""
        known = display_id is not None and self.update(display_id, output["data"], output["metadata"])
        if not (known and update):
            self.add(output, display_id)

    def update(self, display_id: object, data: JSON, metadata: JSON) -> bool:
        """Replace what stands under *display_id*; ``False`` if nothing does."""
        found = [entry for entry in self._entries if entry.display_id == display_id]
        for entry in found:
            if entry in self._entries:  # not dropped while the one before was fitted
                self._resize(entry, {**entry.output, "data": data, "metadata": metadata})
                self._fit(entry)
        return bool(found)

    def clear(self, *, wait: bool) -> None:
        """Forget everything; with *wait* as soon as something new comes."""
        if wait:
            self._clear_next = True
        else:
            self._forget()

    def outputs(self) -> tuple[Output, ...]:
        """What was recorded; consecutive texts of one stream are one output."""
        self._close()
        entries = list(self._entries)
        if self._cut is not None:
            entries.insert(self._cut, self._note)
        result: list[Output] = []
        for entry in entries:
            if entry.is_stream and result and result[-1].get("name") == entry.output["name"]:
                result[-1]["text"] += entry.output["text"]
            else:
                result.append(dict(entry.output))
        return tuple(result)

    def recent(self, limit: int) -> tuple[Output, ...]:
        """The newest outputs that fit into *limit* bytes; the record stays as it is, its open line open."""
        found: list[Output] = []
        if text := storable(self._open.peek())[-limit // 8 :]:
            found.append({"output_type": "stream", "name": self._name, "text": text})
            limit -= len(text)
        for entry in reversed(self._entries):
            limit -= entry.size
            if limit < 0:
                break
            found.append(dict(entry.output))
        return tuple(reversed(found))

    def _close(self, *, keep_line: bool = False) -> None:
        """Move the open text into entries."""
        text, start = storable(self._open.take(keep_line=keep_line)), 0
        while start < len(text):
            stop = piece_end(text, start, self._block)
            self._append({"output_type": "stream", "name": self._name, "text": text[start:stop]})
            start = stop

    def _append(self, output: Output, display_id: object = None) -> None:
        entry = _Entry(output, display_id)
        self._entries.append(entry)
        self._size += entry.size
        self._fit(entry)

    def _resize(self, entry: _Entry, output: Output) -> None:
        self._size -= entry.size
        entry.output = output
        entry.measure()
        self._size += entry.size

    def _fit(self, newest: _Entry) -> None:
        """Keep to the limit: shrink *newest* if it has no room at all, then drop what is neither first nor new."""
        if self._size <= self._limit:
            return
        cut, head = 0, 0
        for entry in self._entries[: self._cut]:
            if self._cut is None and (entry is newest or head + entry.size > self._limit // 2):
                break
            cut, head = cut + 1, head + (0 if entry is newest else entry.size)
        if head + newest.size + self._note.size > self._limit * 7 // 8:  # the rest is for what comes later
            self._resize(newest, self._shrunk(newest.output))
        room = self._limit - self._limit // 32  # somewhat more than needed, so that it is seldom done
        for droppable in ((True,), (True, False)):
            if self._size > self._limit:
                self._cut = cut
                kept = []
                for entry in self._entries[cut:]:
                    if self._size > room and entry is not newest and entry.is_stream in droppable:
                        self._size -= entry.size
                    else:
                        kept.append(entry)
                self._entries[cut:] = kept
        if self._size > self._limit:  # it does not fit even when shrunk
            self._entries.remove(newest)
            self._size -= newest.size
            self._cut = min(cut, len(self._entries))

    def _shrunk(self, output: Output) -> Output:
        if output["output_type"] == "error":
            lines = [clipped(line, self._limit // 128) for line in output["traceback"][-10:]]
            return {**output, "evalue": clipped(output["evalue"], self._limit // 64), "traceback": lines}
        if "data" not in output:
            return output
        plain = clipped(str(output["data"].get("text/plain", "")), self._limit // 64)
        sizes = [f"{mime} ({human(len(json.dumps(value)))})" for mime, value in output["data"].items()]
        note = f"[left out, too large: {clipped(', '.join(sizes), 500)}]"
        return {**output, "data": {"text/plain": f"{plain}\n{note}".lstrip("\n")}, "metadata": {}}
