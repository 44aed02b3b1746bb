"""The provider for Yandex 360 against the fake of its API."""

from __future__ import annotations

from tests.providers.api_contract import ApiContract
from tests.providers.fakes.yandex360 import ORGANIZATION, FakeYandex360


class TestYandex360(ApiContract):
    slug = "yandex360"
    fake = FakeYandex360
    root = "/directory/v1"
    fields = {"token": "y0_a-made-up-token", "org_id": ORGANIZATION}
