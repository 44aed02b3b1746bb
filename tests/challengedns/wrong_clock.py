"""A process whose clock is wrong."""

from __future__ import annotations

from pathlib import Path

_SITECUSTOMIZE = """
import os, time
_right, _file = time.time, os.environ["WRONG_BY"]
def wrong():
    with open(_file) as file:
        return _right() + float(file.read())
time.time = wrong
"""


class WrongClock:
    """A clock that is wrong by so many seconds, for processes with its environment."""

    def __init__(self, folder: Path, wrong_by: int) -> None:
        self._file = folder / "wrong-by"
        python = folder / "python-of-wrong-clock"
        python.mkdir()
        (python / "sitecustomize.py").write_text(_SITECUSTOMIZE)
        self.environment = {"PYTHONPATH": str(python), "WRONG_BY": str(self._file)}
        self.set(wrong_by)

    def set(self, wrong_by: int) -> None:
        new = self._file.with_suffix(".new")
        new.write_text(str(wrong_by))
        new.replace(self._file)
