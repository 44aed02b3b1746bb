"""Constellix's provider against the fake of its API."""

from __future__ import annotations

from tests.providers.api_contract import ApiContract
from tests.providers.fakes.constellix import FakeConstellix


class TestConstellix(ApiContract):
    slug = "constellix"
    fake = FakeConstellix
    root = "/v1"
    fields = {"key": "1c1a3c91-4770-4ce7", "secret": "c9b5625f-9834-4ff8-baba"}
