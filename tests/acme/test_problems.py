"""What the CA says of a failure (RFC 8555 section 6.7), as people get to read it."""

from __future__ import annotations

import json

import httpx2
import pytest

from tests.acme.fake_ca import FakeCa, problem
from zoneproof.core.errors import AcmeProblemError, UserActionRequiredError
from zoneproof.core.names import Identifier

NAMES = [Identifier("dns", "example.com")]


async def test_problem_names_each_identifier_of_its_subproblems(ca: FakeCa) -> None:
    """The document is the example of RFC 8555 section 6.7.1."""
    document = {
        "type": "urn:ietf:params:acme:error:malformed",
        "detail": "Some of the identifiers requested were rejected",
        "subproblems": [
            {
                "type": "urn:ietf:params:acme:error:malformed",
                "detail": 'Invalid underscore in DNS name "_example.org"',
                "identifier": {"type": "dns", "value": "_example.org"},
            },
            {
                "type": "urn:ietf:params:acme:error:rejectedIdentifier",
                "detail": 'This CA will not issue for "example.net"',
                "identifier": {"type": "dns", "value": "example.net"},
            },
        ],
    }
    ca.misdeeds["/new-order"] = [
        httpx2.Response(
            403,
            headers={"Content-Type": "application/problem+json"},
            content=json.dumps(document).encode(),
        )
    ]
    async with ca.client() as client:
        ca.take_account(client)
        with pytest.raises(AcmeProblemError) as caught:
            await client.new_order(NAMES)
    error = caught.value
    assert error.message == (
        "the CA at ca.test refused: Some of the identifiers requested were rejected (malformed);"
        ' _example.org: Invalid underscore in DNS name "_example.org";'
        ' example.net: This CA will not issue for "example.net"'
    )
    assert error.is_type("malformed")
    assert error.status == 403
    assert [sub.identifier for sub in error.subproblems] == ["_example.org", "example.net"]


async def test_problem_with_terminal_tricks_in_it_is_shown_harmlessly(ca: FakeCa) -> None:
    ca.misdeeds["/new-order"] = [problem("malformed", 400, "bad\x1b]0;owned\x07\r\n" + "x" * 9999)]
    async with ca.client() as client:
        ca.take_account(client)
        with pytest.raises(AcmeProblemError) as caught:
            await client.new_order(NAMES)
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 2500


async def test_problem_with_a_thousand_long_subproblems_is_still_one_line(ca: FakeCa) -> None:
    one = {
        "type": "malformed\n",
        "detail": "\x1b[31m" + "x" * 500,
        "identifier": {"value": "\u202e"},
    }
    ca.misdeeds["/new-order"] = [problem("malformed", 400, "bad", subproblems=[one] * 1000)]
    async with ca.client() as client:
        ca.take_account(client)
        with pytest.raises(AcmeProblemError) as caught:
            await client.new_order(NAMES)
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 2500
    assert len(caught.value.subproblems) == 1000


@pytest.mark.parametrize(
    ("headers", "members", "url"),
    [
        (
            {"Link": '<https://ca.test/tos/2>;rel="terms-of-service"'},
            {"instance": "https://ca.test/why"},
            "https://ca.test/tos/2",
        ),
        ({}, {"instance": "https://ca.test/why"}, "https://ca.test/why"),
        ({}, {}, ""),
    ],
)
async def test_action_that_the_ca_waits_for_is_shown_with_its_url(
    ca: FakeCa, headers: dict[str, str], members: dict[str, str], url: str
) -> None:
    ca.misdeeds["/new-order"] = [
        problem("userActionRequired", 403, "Terms have changed", headers=headers, **members)
    ]
    async with ca.client() as client:
        ca.take_account(client)
        with pytest.raises(UserActionRequiredError, match="needs you to act") as caught:
            await client.new_order(NAMES)
    assert caught.value.url == url
    assert url in caught.value.message
