"""DigitalOcean's provider against the fake of its API."""

from __future__ import annotations

from tests.providers.api_contract import ApiContract
from tests.providers.fakes.digitalocean import FakeDigitalOcean


class TestDigitalOcean(ApiContract):
    slug = "digitalocean"
    fake = FakeDigitalOcean
    root = "/v2"
    fields = {"token": "dop_v1_0123456789abcdef"}
