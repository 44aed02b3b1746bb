"""PointDNS's provider against the fake of its API."""

from __future__ import annotations

from tests.providers.api_contract import ApiContract
from tests.providers.fakes.pointdns import FakePointDns


class TestPointDns(ApiContract):
    slug = "pointdns"
    fake = FakePointDns
    fields = {"user": "somebody@example.com", "key": "0123456789abcdef-Geheim"}
