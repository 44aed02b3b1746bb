"""Zilore's provider against the fake of its API."""

from __future__ import annotations

from tests.providers.api_contract import ApiContract
from tests.providers.fakes.zilore import FakeZilore


class TestZilore(ApiContract):
    slug = "zilore"
    fake = FakeZilore
    root = "/dns/v1"
    fields = {"key": "0123456789abcdef-Geheim"}
