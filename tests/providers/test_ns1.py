"""NS1's provider against the fake of its API."""

from __future__ import annotations

from tests.providers.api_contract import ApiContract
from tests.providers.fakes.ns1 import FakeNs1


class TestNs1(ApiContract):
    slug = "ns1"
    fake = FakeNs1
    root = "/v1"
    fields = {"key": "5ab7b702a632f60001b0b499"}
