"""DNS Made Easy's provider against the fake of its API."""

from __future__ import annotations

from tests.providers.api_contract import ApiContract
from tests.providers.fakes.dnsmadeeasy import FakeDnsMadeEasy


class TestDnsMadeEasy(ApiContract):
    slug = "dnsmadeeasy"
    fake = FakeDnsMadeEasy
    root = "/V2.0"
    fields = {
        "key": "1c1a3c91-4770-4ce7-96f4-54c0eb0e457a",
        "secret": "c9b5625f-9834-4ff8-baba-4ed5f32cae55",
    }
