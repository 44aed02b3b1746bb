"""Njalla's provider against the fake of its API."""

from __future__ import annotations

from tests.providers.api_contract import ApiContract
from tests.providers.fakes.njalla import FakeNjalla


class TestNjalla(ApiContract):
    slug = "njalla"
    fake = FakeNjalla
    root = "/api/1"
    fields = {"token": "0123456789abcdef0123456789abcdef"}
