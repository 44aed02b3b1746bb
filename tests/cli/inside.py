"""Runs the ``zoneproof`` command inside the test's process, with a home of its own."""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.command import Result
from zoneproof import cli


@dataclass(frozen=True)
class Inside:
    """A command line for one home."""

    home: Path
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def run(self, *arguments: str, home: Path | None = None) -> Result:
        """Run the command with nobody at the keyboard."""
        self.monkeypatch.setenv("ZONEPROOF_HOME", str(home or self.home))
        self.monkeypatch.setenv("ZONEPROOF_DEBUG", "1")
        self.monkeypatch.setattr(sys, "argv", ["zoneproof", *arguments])
        self.monkeypatch.setattr(sys, "stdin", io.StringIO())
        self.capsys.readouterr()
        try:
            status = cli._run()
        except SystemExit as error:
            status = int(error.code or 0)
        told = self.capsys.readouterr()
        return Result(status, told.out, told.err)

    def good(self, *arguments: str, home: Path | None = None) -> str:
        """Run the command, which succeeds, and return what it prints."""
        result = self.run(*arguments, home=home)
        assert result.status == 0, result.stderr + result.stdout
        return result.stdout
