"""Mythic Beasts' provider against the fake of its API."""

from __future__ import annotations

from tests.providers.api_contract import ApiContract
from tests.providers.fakes.mythicbeasts import FakeMythicBeasts


class TestMythicBeasts(ApiContract):
    slug = "mythicbeasts"
    fake = FakeMythicBeasts
    root = "/dns/v2"
    fields = {"key": "abcdefghijklmnop", "secret": "made-up-secret"}
