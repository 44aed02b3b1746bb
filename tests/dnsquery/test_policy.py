"""How the setting ``propagation`` is read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoneproof.core.errors import InvalidInputError
from zoneproof.dnsquery import PropagationPolicy, parse_policy


@pytest.mark.parametrize(
    ("value", "policy"),
    [
        ("authoritative", PropagationPolicy(ask=True, wait=0)),
        (" Authoritative ", PropagationPolicy(ask=True, wait=0)),
        ("authoritative+30", PropagationPolicy(ask=True, wait=30)),
        ("authoritative + 30", PropagationPolicy(ask=True, wait=30)),
        ("60", PropagationPolicy(ask=False, wait=60)),
        (60, PropagationPolicy(ask=False, wait=60)),
        ("0", PropagationPolicy(ask=False, wait=0)),
    ],
)
def test_every_form_is_read(value: str | int, policy: PropagationPolicy) -> None:
    assert parse_policy(value) == policy


@pytest.mark.parametrize(
    "value",
    [
        "",
        "auto",
        "-1",
        -1,
        "1.5",
        "60s",
        "authoritative30",
        "authoritative+",
        "+30",
        "86401",
        "authoritative+86401",
        "9" * 5000,
        "٦٠",
        "authoritative++3",
    ],
)
def test_anything_else_is_refused_in_one_line(value: str | int) -> None:
    with pytest.raises(InvalidInputError, match="propagation") as error:
        parse_policy(value)
    assert "\n" not in error.value.message


@given(st.booleans(), st.integers(0, 86_400))
def test_what_is_shown_can_be_typed_again(ask: bool, wait: int) -> None:
    policy = PropagationPolicy(ask, float(wait))
    assert parse_policy(str(policy)) == policy
