"""Files that people name: what is not a file is refused at once, nothing is read without end."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from zoneproof.core.files import open_file, read_file


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_folder(path: Path) -> None:
    path.mkdir()


def a_link_to_itself(path: Path) -> None:
    path.symlink_to(path)


def a_link_to_a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def nothing(path: Path) -> None:
    pass


def test_a_file_s_content_is_returned(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    assert read_file(path, 7) == b"content"
    link = tmp_path / "link"
    link.symlink_to(path)
    assert read_file(link) == b"content"


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (a_pipe, "it is a named pipe, where a file is needed"),
        (a_link_to_a_device, "it is a device, where a file is needed"),
        (a_folder, "Is a directory"),
        (a_link_to_itself, "Too many levels of symbolic links"),
        (nothing, "No such file or directory"),
    ],
)
def test_what_is_no_file_is_refused_at_once(
    tmp_path: Path, make: Callable[[Path], None], reason: str
) -> None:
    make(tmp_path / "it")
    for read in (open_file, read_file):
        with pytest.raises(OSError) as caught:
            read(tmp_path / "it")
        assert caught.value.strerror == reason


def test_a_name_that_no_file_can_have_is_refused() -> None:
    with pytest.raises(OSError, match="no file can have this name"):
        read_file(Path("a\0b"))


def test_no_more_than_allowed_is_read(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    path.touch()
    os.truncate(path, 2**40)
    with pytest.raises(OSError, match="it is larger than 1024 KiB: is it the right file"):
        read_file(path)


def test_a_pipe_that_the_shell_handed_over_is_read_to_its_end() -> None:
    """As for ``@<(command)``, whose writer may come later."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        os.write(writer, b"first ")
        os.write(writer, b"second")
        os._exit(0)
    os.close(writer)
    try:
        assert read_file(Path(f"/dev/fd/{reader}")) == b"first second"
    finally:
        os.close(reader)
        os.waitpid(child, 0)
