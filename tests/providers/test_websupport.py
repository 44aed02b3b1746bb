"""Websupport's provider against the fake of its API."""

from __future__ import annotations

from collections.abc import Mapping

from tests.providers.api_contract import ApiContract
from tests.providers.fakes.websupport import FakeWebsupport


class TestWebsupport(ApiContract):
    slug = "websupport"
    fake = FakeWebsupport
    fields = {"api_key": "01234567-89ab-cdef", "secret": "0123456789abcdef0123456789abcdef"}

    def key(self, fields: Mapping[str, str]) -> str:
        return f"{fields['api_key']} {fields['secret']}"
