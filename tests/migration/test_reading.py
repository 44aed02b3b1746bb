"""Files that are not what they should be: one line each, without their content."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.trees import SECRET, write
from zoneproof.core.errors import InvalidInputError
from zoneproof.migration import reading


def absent(path: Path) -> None:
    pass


def folder(path: Path) -> None:
    path.mkdir()


def pipe(path: Path) -> None:
    os.mkfifo(path)


def link_to_itself(path: Path) -> None:
    path.symlink_to(path)


def too_large(path: Path) -> None:
    path.write_bytes(SECRET.encode() * 50_000)


def not_text(path: Path) -> None:
    path.write_bytes(b"\xff\xfe" + SECRET.encode())


def cut_off(path: Path) -> None:
    path.write_text(f'{{"key": "{SECRET}')


def deep(path: Path) -> None:
    path.write_text("[" * 200_000)


def another_type(path: Path) -> None:
    path.write_text(f'["{SECRET}"]')


@pytest.mark.parametrize(
    "make",
    [absent, folder, pipe, link_to_itself, too_large, not_text, cut_off, deep, another_type],
)
def test_a_file_that_cannot_be_used_is_one_line_that_names_it(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    path = tmp_path / "file.json"
    make(path)
    with pytest.raises(InvalidInputError) as caught:
        reading.read_json(path, dict[str, Any])
    assert caught.value.message.startswith(f"{path}: ")
    assert "\n" not in caught.value.message
    assert SECRET not in caught.value.message


def test_a_file_of_somebody_else_says_who_to_be() -> None:
    error = reading._unreadable(Path("x"), PermissionError(13, "Permission denied"))
    assert error.message == "x: this user cannot read it: run this as the user who can, often root"


def test_no_file_has_a_name_with_a_nul() -> None:
    assert not reading.exists(Path("a\0b"))
    with pytest.raises(InvalidInputError, match="no file can have this name"):
        reading.read_file(Path("a\0b"))


def test_a_name_with_a_line_end_stays_on_one_line(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError) as caught:
        reading.read_file(tmp_path / "a\nb")
    assert "\n" not in caught.value.message


def test_circles_of_links_end(tmp_path: Path) -> None:
    inner = tmp_path / "accounts/inner"
    inner.mkdir(parents=True)
    for number in range(20):
        (inner / f"loop{number}").symlink_to(tmp_path / "accounts")
    problems: list[str] = []
    found = list(reading.folders_below(tmp_path / "accounts", problems))
    assert (found, problems) == ([tmp_path / "accounts", inner], [])


def test_a_folder_that_cannot_be_read_hides_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST_ENTRIES", 5)
    for number in range(6):
        write(tmp_path / f"full/{number}", "")
    write(tmp_path / "small/file", "")
    problems: list[str] = []
    found = list(reading.folders_below(tmp_path, problems))
    assert found == [tmp_path, tmp_path / "small"]
    assert problems == [f"{tmp_path}/full: it holds more than 5 files"]


def test_trees_without_measure_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_ENTRIES", 3)
    for parent in ("a", "b"):
        for number in range(2):
            write(tmp_path / f"{parent}/{number}/file", "")
    with pytest.raises(InvalidInputError, match="too many folders"):
        list(reading.folders_below(tmp_path, []))


def test_trees_that_are_too_deep_are_refused(tmp_path: Path) -> None:
    path = tmp_path.joinpath(*"a" * 20)
    path.mkdir(parents=True)
    with pytest.raises(InvalidInputError, match="too many folders"):
        list(reading.folders_below(tmp_path, []))
