"""Which providers a zone is recognised to be at, by the names of its name servers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.made_up import registered
from zoneproof.core.names import DomainName
from zoneproof.providers import recognize


@pytest.fixture(autouse=True)
def _made_up() -> Iterator[None]:
    with registered():
        yield


@pytest.mark.parametrize(
    ("name_servers", "slugs"),
    [
        (["ns1.example.com"], ["made-up", "keyless-one"]),  # the longest pattern first
        (["ns2.example.com"], ["keyless-one"]),
        (["NS1.EXAMPLE.NET", "ns1.example.org"], ["keyless-one"]),
        (["ns1.example.org"], []),
        (["xns1.example.net", "example.com"], []),
        ([], []),
    ],
)
def test_a_zone_is_recognised_by_its_name_servers(
    name_servers: list[str], slugs: list[str]
) -> None:
    found = recognize(DomainName(name) for name in name_servers)
    assert [info.slug for info in found] == slugs
