"""Dynu's provider against the fake of its API."""

from __future__ import annotations

from tests.providers.api_contract import ApiContract
from tests.providers.fakes.dynu import FakeDynu


class TestDynu(ApiContract):
    slug = "dynu"
    fake = FakeDynu
    root = "/v2"
    fields = {"key": "1234567890abcdefghijklmnopqrstuvwxyz"}
