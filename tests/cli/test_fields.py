"""``name=value`` options."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.inside import Inside
from zoneproof.acme import make_csr, make_key
from zoneproof.cli.credential_fields import parse_fields
from zoneproof.core.errors import InvalidInputError
from zoneproof.core.names import Identifier


def test_a_value_is_what_follows_the_first_equals_sign() -> None:
    assert parse_fields(["secret=a=b=="]) == {"secret": "a=b=="}


def test_a_value_can_come_from_a_file_without_its_last_line_end(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("s3cret \n")
    assert parse_fields([f"secret=@{file}"]) == {"secret": "s3cret "}


def test_a_value_can_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TSIG_SECRET", "s3cret")
    assert parse_fields(["secret=env:TSIG_SECRET"]) == {"secret": "s3cret"}


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["s3cret"], "needs name=value"),
        (["=s3cret"], "needs name=value"),
        (["a=s3cret", "a=s3cret"], "--field a is given twice"),
        (["a=@/nonexistent/file"], "cannot read /nonexistent/file: No such file"),
        (["a=env:NOT_SET_ANYWHERE"], "NOT_SET_ANYWHERE is not set"),
    ],
)
def test_what_cannot_be_read_is_told_without_its_value(texts: list[str], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message) as caught:
        parse_fields(texts)
    assert "s3cret" not in caught.value.message


def test_a_binary_file_is_no_value(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidInputError, match="not UTF-8"):
        parse_fields([f"secret=@{file}"])


@contextmanager
def handed_over(content: bytes) -> Iterator[str]:
    """Give the path that a shell writes for ``<(command)``, which can be read once."""
    reader, writer = os.pipe()
    os.write(writer, content)
    os.close(writer)
    try:
        yield f"/dev/fd/{reader}"
    finally:
        os.close(reader)


def test_what_a_shell_hands_over_is_read_once(inside: Inside) -> None:
    with handed_over(make_csr(make_key(), [Identifier.parse("a.example")])) as path:
        inside.good("add", "--csr", path, "--provider=manual")
    fields = ("--field=server=192.0.2.1", "--field=key_name=k")
    with handed_over(b"c2VjcmV0\n") as path:
        inside.good("add", "b.example", "--provider=rfc2136", *fields, f"--field=secret=@{path}")
    with handed_over(b"c2VjcmV0\n") as path:
        inside.good("edit", "a.example", "--provider=rfc2136", *fields, f"--field=secret=@{path}")
    with handed_over(b"") as path:
        result = inside.run("edit", "b.example", "--provider=rfc2136", f"--field=secret=@{path}")
    assert result.status == 2
