"""E-mail addresses: those that can be written to, and those that cannot."""

from __future__ import annotations

import pytest

from zoneproof.core.errors import InvalidInputError
from zoneproof.core.names import require_email


@pytest.mark.parametrize(
    "text",
    [
        "ops@example.org",
        "first.last+acme@mail.example.co.uk",
        "o'neil_1@xn--bcher-kva.example",
        "ops@lan",
    ],
)
def test_addresses_stay_as_they_are(text: str) -> None:
    assert require_email(text) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "somebody", "@example.org", "ops@", "a@b@example.org"),
        *("mailto:ops@example.org", "Ops <ops@example.org>", "two words@example.org"),
        *("ops@example..org", "ops@example.org\n", ".ops@example.org", "a@example.org,b@c.org"),
        *(f"{'a' * 65}@example.org", "ops@bücher.example", "\x1b[1m@example.org"),
    ],
)
def test_what_is_none_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        require_email(text)
    assert "is not an e-mail address: write it as ops@example.org" in caught.value.message
    assert caught.value.message.isprintable()
