"""The provider for IONOS Cloud against the fake of its API."""

from __future__ import annotations

from tests.providers.api_contract import ApiContract
from tests.providers.fakes.ionos_cloud import FakeIonosCloud


class TestIonosCloud(ApiContract):
    slug = "ionos-cloud"
    fake = FakeIonosCloud
    fields = {"token": "a-made-up-token-of-a-user"}
    expires = None
