"""LuaDNS's provider against the fake of its API."""

from __future__ import annotations

from tests.providers.api_contract import ApiContract
from tests.providers.fakes.luadns import FakeLuadns


class TestLuadns(ApiContract):
    slug = "luadns"
    fake = FakeLuadns
    root = "/v1"
    fields = {"user": "joe@example.com", "key": "5ab7b702a632f60001b0b499"}
