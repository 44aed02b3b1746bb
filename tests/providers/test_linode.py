"""Linode's provider against the fake of its API."""

from __future__ import annotations

from tests.providers.api_contract import ApiContract
from tests.providers.fakes.linode import FakeLinode


class TestLinode(ApiContract):
    slug = "linode"
    fake = FakeLinode
    root = "/v4"
    fields = {"token": "f2d3fac073e0ad28df55694c3d2c040f57a667aa98b1"}
