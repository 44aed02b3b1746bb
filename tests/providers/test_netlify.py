"""Netlify's provider against the fake of its API."""

from __future__ import annotations

from tests.providers.api_contract import ApiContract
from tests.providers.fakes.netlify import FakeNetlify


class TestNetlify(ApiContract):
    slug = "netlify"
    fake = FakeNetlify
    root = "/api/v1"
    fields = {"token": "nfp_0a1b2c3d4e5f60718293a4b5c6d7e8f9"}
