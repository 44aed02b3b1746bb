"""The provider for Selectel's old DNS hosting against the fake of its API."""

from __future__ import annotations

from tests.providers.api_contract import ApiContract
from tests.providers.fakes.selectel_v1 import FakeSelectelV1


class TestSelectelV1(ApiContract):
    slug = "selectel-v1"
    fake = FakeSelectelV1
    root = "/domains/v1"
    fields = {"token": "0123456789abcdef"}
