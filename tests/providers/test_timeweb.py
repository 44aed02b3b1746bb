"""Timeweb Cloud's provider against the fake of its API."""

from __future__ import annotations

from datetime import date

import pytest

from tests.providers.api_contract import ApiContract
from tests.providers.fakes.timeweb import FakeTimeweb
from tests.support.rsa_keys import private_pem
from zoneproof.providers import ExpiringKeyProvider, ProviderContext, open_provider
from zoneproof.providers.rsa_key import RsaKey


class TestTimeweb(ApiContract):
    slug = "timeweb"
    fake = FakeTimeweb
    root = "/api"
    fields = {"token": "a-made-up-token-of-the-account"}
    expires = None


@pytest.mark.parametrize("slug", ["timeweb", "ionos-cloud"])
async def test_a_json_web_token_says_when_it_ends(slug: str) -> None:
    key = RsaKey(private_pem(0), "a key")
    token = key.jwt({"sub": "me", "exp": 1804075200})
    provider = open_provider(slug, ProviderContext({"token": token}))
    assert isinstance(provider, ExpiringKeyProvider)
    assert await provider.key_expires() == date(2027, 3, 3)
    await provider.close()
