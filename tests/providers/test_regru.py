"""REG.RU's provider against the fake of its API."""

from __future__ import annotations

from collections.abc import Mapping

from tests.providers.api_contract import ApiContract
from tests.providers.fakes.regru import FakeRegRu


class TestRegRu(ApiContract):
    slug = "regru"
    fake = FakeRegRu
    root = "/api/regru2"
    fields = {"user": "me@example.com", "password": "a-made-up-password"}

    def key(self, fields: Mapping[str, str]) -> str:
        return f"{fields['user']}:{fields['password']}"
