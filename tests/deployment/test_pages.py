"""What people read of tasks comes from the tasks, and every one is described well."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from zoneproof.core.errors import InvalidInputError
from zoneproof.deployment import describe_task, task_kinds
from zoneproof.deployment.pages import pages, rewrite
from zoneproof.providers import slugs

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("kind", task_kinds())
def test_every_task_is_described_well(kind: str) -> None:
    info = describe_task(kind)
    assert info.slug == kind
    assert info.title
    assert info.notes.endswith(".")
    names = [field.name for field in info.fields]
    assert len(set(names)) == len(names)
    assert not set(names) & {"name", "when", "credential", "fatal"}  # which a task has anyway
    for field in info.fields:
        assert field.help
        assert not field.choices or field.default in field.choices


def test_no_task_is_called_as_a_provider() -> None:
    assert not set(task_kinds()) & set(slugs())


def test_the_pages_are_those_of_the_tasks() -> None:
    advice = "run python -m zoneproof.deployment.pages docs"
    found = {path.name: path.read_text("utf-8") for path in (DOCS / "deployment").iterdir()}
    assert found == pages(), advice
    whole = (DOCS / "deployment.md").read_text("utf-8")
    assert rewrite(whole) == whole, advice


def test_pages_are_written_again_in_place(tmp_path: Path) -> None:
    whole = (DOCS / "deployment.md").read_text("utf-8")
    (tmp_path / "deployment.md").write_text(
        whole.replace("| Run a command |", "| nonsense |"), "utf-8"
    )
    command = [sys.executable, "-m", "zoneproof.deployment.pages", str(tmp_path)]
    subprocess.run(command, check=True, timeout=60)
    assert (tmp_path / "deployment.md").read_text("utf-8") == whole
    assert len(list((tmp_path / "deployment").iterdir())) == len(task_kinds())


def test_an_unknown_task_is_told_with_the_nearest() -> None:
    with pytest.raises(InvalidInputError, match="did you mean 'haproxy'"):
        describe_task("ha-proxy")
