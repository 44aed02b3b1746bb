"""Total Uptime's provider against the fake of its API."""

from __future__ import annotations

from tests.providers.api_contract import ApiContract
from tests.providers.fakes.totaluptime import FakeTotalUptime


class TestTotalUptime(ApiContract):
    slug = "totaluptime"
    fake = FakeTotalUptime
    fields = {"user": "acme", "password": "a-made-up-password"}
