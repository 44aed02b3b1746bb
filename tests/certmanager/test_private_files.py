"""Files with values of Secrets: one for each value, and bounded all together."""

from __future__ import annotations

import stat
from pathlib import Path

from zoneproof.certmanager.secrets import PrivateFiles


def test_a_value_has_one_private_file(tmp_path: Path) -> None:
    files = PrivateFiles(tmp_path)
    path = files.path_of(b"a value")
    assert files.path_of(b"a value") == path != files.path_of(b"another")
    assert path.read_text() == "a value"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.unlink()  # as programs do that tidy up
    assert files.path_of(b"a value").read_text() == "a value"


def test_those_that_were_not_asked_for_longest_go(tmp_path: Path) -> None:
    files = PrivateFiles(tmp_path, most=10)
    first, _ = files.path_of(b"aaaa"), files.path_of(b"bbbb")
    files.path_of(b"aaaa")
    third = files.path_of(b"cccc")
    assert set(tmp_path.iterdir()) == {first, third}
    large = files.path_of(b"d" * 20)
    assert list(tmp_path.iterdir()) == [large]
    assert files.path_of(b"bbbb").read_text() == "bbbb"
