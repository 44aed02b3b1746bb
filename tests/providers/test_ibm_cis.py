"""The provider for IBM Cloud Internet Services against the fake of its API."""

from __future__ import annotations

from collections.abc import Mapping

from tests.providers.api_contract import ApiContract
from tests.providers.fakes.ibm_cis import CRN, FakeIbmCis


class TestIbmCis(ApiContract):
    slug = "ibm-cis"
    fake = FakeIbmCis
    fields = {"key": "0123456789abcdef", "crn": CRN}

    def urls(self, server: str) -> Mapping[str, str]:
        return {"api_url": f"{server}/v1", "auth_url": f"{server}/identity"}
