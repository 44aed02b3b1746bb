"""IONOS's provider against the fake of its API."""

from __future__ import annotations

from tests.providers.api_contract import ApiContract
from tests.providers.fakes.ionos import FakeIonos


class TestIonos(ApiContract):
    slug = "ionos"
    fake = FakeIonos
    root = "/dns/v1"
    fields = {"prefix": "0123456789abcdef", "secret": "Geheim-und-lang_0123456789"}
