r"""The newest text of a stream, with its lines as a terminal would show them.

``\r`` goes back to the start of the line: of a progress bar the last state is kept.
"""

from __future__ import annotations

from pdnb.outputs.nbformat import piece_end


class OpenText:
    r"""Buffered text that a later ``\r`` may still overwrite."""

    def __init__(self) -> None:
        self.length = 0  # in characters
        self._chunks: list[str] = []
        self._column: int | None = None  # where the next character goes, if not after the last one

    def write(self, text: str) -> None:
        """Write *text* as a terminal would."""
        if self._column is None and "\r" not in text:
            self._put(text)
        else:
            self._overwrite(text)

    def peek(self) -> str:
        """The text; it stays in the buffer."""
        return "".join(self._chunks)

    def take(self, *, keep_line: bool = False) -> str:
        """Remove and return the text; *keep_line* leaves its last line (if short) and an incomplete link token."""
        text = "".join(self._chunks)
        end = piece_end(text, 0, len(text)) if keep_line else len(text)
        if text[end - 1 : end] != "\n" or not keep_line:
            self._column = None
        self._chunks, self.length = [], 0
        self._put(text[end:])
        return text[:end]

    def _put(self, text: str) -> None:
        if text:
            self._chunks.append(text)
            self.length += len(text)

    def _overwrite(self, text: str) -> None:
        line = self._take_line()
        column = len(line) if self._column is None else self._column
        for i, part in enumerate(text.split("\r")):
            column = 0 if i else column
            new, newline, rest = part.partition("\n")
            # Lines with colours or links and very long lines are replaced whole: half of them is useless or harmful.
            if new and column == 0 and (len(line) > 4096 or "\x1b" in line + new or "pdnb1" in line):
                line = ""
            line = line[:column] + new + line[column + len(new) :]
            column += len(new)
            if newline:
                whole, newline, last = rest.rpartition("\n")
                self._put(f"{line}\n{whole}{newline}")
                line, column = last, len(last)
        self._put(line)
        self._column = column if column < len(line) else None

    def _take_line(self) -> str:
        parts: list[str] = []
        while self._chunks:
            chunk = self._chunks.pop()
            self.length -= len(chunk)
            start = chunk.rfind("\n") + 1
            parts.append(chunk[start:])
            if start:
                self._put(chunk[:start])
                break
        return "".join(reversed(parts))
