"""Simply.com's provider against the fake of its API."""

from __future__ import annotations

from tests.providers.api_contract import ApiContract
from tests.providers.fakes.simply import FakeSimply


class TestSimply(ApiContract):
    slug = "simply"
    fake = FakeSimply
    root = "/2"
    fields = {"account": "S123456", "key": "0123456789abcdef-Geheim"}
