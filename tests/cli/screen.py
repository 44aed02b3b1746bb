"""A screen of a terminal, as far as drawings use one, to see what is left on it."""

from __future__ import annotations

import re

_TOKEN = re.compile(r"\x1b\[(\?25[lh]|\d*[A-Z]|[\d;]*m)|\r|\n|[^\x00-\x1f\x7f]+")


class Screen:
    """The lines that remain of what a program wrote, which may use no other control than these.

    Lines never end by themselves: give the program's terminal more columns than it writes.
    """

    def __init__(self, written: str) -> None:
        self.lines = [""]
        self.cursor_shown = True
        self._row = 0
        self._column = 0
        end = 0
        for match in _TOKEN.finditer(written):
            assert match.start() == end, repr(written[end : match.start()])
            end = match.end()
            self._take(match[0], match[1] or "")
        assert end == len(written), repr(written[end:])

    @property
    def text(self) -> str:
        """All lines."""
        return "\n".join(line.rstrip() for line in self.lines)

    def _take(self, token: str, control: str) -> None:
        if token == "\r":
            self._column = 0
        elif token == "\n":
            self._row += 1
            if self._row == len(self.lines):
                self.lines.append("")
        elif control in ("?25l", "?25h"):
            self.cursor_shown = control == "?25h"
        elif control.endswith("A"):
            self._row -= int(control[:-1] or 1)
        elif control == "2K":
            self.lines[self._row] = ""
        elif not control:
            line = self.lines[self._row].ljust(self._column)
            self.lines[self._row] = line[: self._column] + token + line[self._column + len(token) :]
            self._column += len(token)
        else:
            assert control.endswith("m"), repr(token)
