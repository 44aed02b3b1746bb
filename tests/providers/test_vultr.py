"""Vultr's provider against the fake of its API."""

from __future__ import annotations

from tests.providers.api_contract import ApiContract
from tests.providers.fakes.vultr import FakeVultr


class TestVultr(ApiContract):
    slug = "vultr"
    fake = FakeVultr
    root = "/v2"
    fields = {"api_key": "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"}
