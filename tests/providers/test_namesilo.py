"""NameSilo's provider against the fake of its API."""

from __future__ import annotations

from tests.providers.api_contract import ApiContract
from tests.providers.fakes.namesilo import FakeNameSilo


class TestNameSilo(ApiContract):
    slug = "namesilo"
    fake = FakeNameSilo
    root = "/api"
    fields = {"key": "0123456789abcdef01234"}
