"""name.com's provider against the fake of its API."""

from __future__ import annotations

from tests.providers.api_contract import ApiContract
from tests.providers.fakes.namecom import FakeNameCom


class TestNameCom(ApiContract):
    slug = "namecom"
    fake = FakeNameCom
    root = "/v4"
    fields = {"user": "somebody", "token": "a379a6f6eeafb9a55e378c118034e2751e682fab"}
