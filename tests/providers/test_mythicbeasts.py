"""Mythic Beasts' provider against the fake of its API."""

from __future__ import annotations

from collections.abc import Mapping

from tests.providers.api_contract import ApiContract
from tests.providers.fakes.mythicbeasts import FakeMythicBeasts


class TestMythicBeasts(ApiContract):
    slug = "mythicbeasts"
    fake = FakeMythicBeasts
    root = "/dns/v2"
    fields = {"key": "abcdefghijklmnop", "secret": "made-up-secret"}

    def key(self, fields: Mapping[str, str]) -> str:
        return f"{fields['key']}:{fields['secret']}"
