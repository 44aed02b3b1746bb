"""Data with secrets shows none of them, however it is shown."""

from __future__ import annotations

from rich.pretty import pretty_repr

from zoneproof.core.secretive import Secretive


class _Pair(Secretive, frozen=True):
    name: str
    key: str


def test_nothing_of_it_is_in_any_text() -> None:
    pair = _Pair("a name", "hunter2")
    for shown in (repr(pair), str(pair), f"{pair!r:>40}", repr([pair]), pretty_repr(pair)):
        assert "_Pair(" in shown
        assert "a name" not in shown
        assert "hunter2" not in shown


def test_it_compares_as_what_it_is() -> None:
    assert _Pair("a", "b") == _Pair("a", "b") != _Pair("a", "c")
