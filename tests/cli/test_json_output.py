"""What is printed holds nothing that a terminal takes for more than text, as JSON neither."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from tests.cli.inside import Inside
from zoneproof.cli.output import json_text

TRICKS = "x\x1b[31m\u202e\x9b\nforged\U000e0001"


@given(st.text())
def test_json_is_printable_and_means_the_same(text: str) -> None:
    told = json_text({text: [text]})
    assert told.isprintable()
    assert json.loads(told) == {text: [text]}


def test_what_was_stored_with_tricks_in_it_is_shown_harmlessly(inside: Inside) -> None:
    inside.good("add", "a.example", "--provider=manual", f"--preferred-chain={TRICKS}")
    for command in (
        ("show", "a.example"),
        ("show", "a.example", "--json"),
        ("list", "--toml"),
        ("edit", "a.example", f"--preferred-chain={TRICKS}2"),
    ):
        shown = inside.good(*command)
        assert all(line.isprintable() for line in shown.splitlines()), command
        assert "forged" in shown
