"""Certificates for tasks, on disk as the manager has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.full_home import issued
from zoneproof.core.errors import DeploymentError
from zoneproof.deployment import Material, Occasion, Task, TaskContext, open_task
from zoneproof.manager.certificates.files import CertificateFiles

NAME = "www.example.com"


def occasion(home: Path, *names: str) -> Occasion:
    """Return that a new certificate was issued."""
    names = names or (NAME, "example.com")
    made = issued(*names)
    files = CertificateFiles(home)
    files.write(NAME, made)
    material = Material(made.chain, made.private_key)
    return Occasion(NAME, names, files.live(NAME), material=material)


def task(kind: str, progress: Path | None = None, **fields: Any) -> Task:
    """Return an opened task."""
    return open_task(kind, TaskContext({k: str(v) for k, v in fields.items()}, progress))


async def problem_of(opened: Task) -> str:
    """Return what is in the way of looking for problems."""
    with pytest.raises(DeploymentError) as raised:
        await opened.problems()
    return raised.value.message


def program(folder: Path, name: str, text: str) -> Path:
    """Write a shell script."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path
