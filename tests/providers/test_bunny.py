"""bunny.net's provider against the fake of its API."""

from __future__ import annotations

from tests.providers.api_contract import ApiContract
from tests.providers.fakes.bunny import FakeBunny


class TestBunny(ApiContract):
    slug = "bunny"
    fake = FakeBunny
    fields = {"api_key": "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"}
