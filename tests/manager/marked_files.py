"""Certificates whose files say which one they are, and writes of them that crash."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from zoneproof.issuance import Issued
from zoneproof.manager.certificates.versions import replace_link


@dataclass
class Chain:
    leaf_pem: bytes
    issuers_pem: bytes

    @property
    def pem(self) -> bytes:
        return self.leaf_pem + self.issuers_pem


def issued(mark: str) -> Issued:
    chain = Chain(f"leaf {mark}\n".encode(), f"issuer {mark}\n".encode())
    return Issued(cast("Any", chain), f"key {mark}\n".encode())


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def versions(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


class Crash(BaseException):
    """Stands for the end of the process: nothing after it is done."""


def crash_before_link(monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    def crashing(link: Path, target: Path) -> None:
        if link.name == file:
            raise Crash
        replace_link(link, target)

    monkeypatch.setattr("zoneproof.manager.certificates.files.replace_link", crashing)
