"""Combell's provider against the fake of its API."""

from __future__ import annotations

from tests.providers.api_contract import ApiContract
from tests.providers.fakes.combell import FakeCombell
from zoneproof.providers.api_request import ApiRequest
from zoneproof.providers.combell import sign_combell


class TestCombell(ApiContract):
    slug = "combell"
    fake = FakeCombell
    root = "/v2"
    fields = {"key": "0123456789", "secret": "Geheim-und-lang_0123456789"}


def test_a_signature_begins_at_the_version_and_has_the_body_s_digest() -> None:
    def sign(url: str, content: bytes = b"") -> str:
        request = ApiRequest("POST", url, {}, content)
        return sign_combell(request, "k", "s", nonce="n", time="1")

    first = sign("https://api.combell.com/v2/dns/example.com/records?type=TXT")
    assert first == sign("https://proxy.example/combell/v2/dns/Example.com/records?type=TXT")
    assert first != sign("https://api.combell.com/v2/dns/example.com/records?type=TXT", b"{}")
