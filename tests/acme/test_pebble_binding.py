"""Pebble that wants an external account binding."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acme.conftest import MAC_KEY
from zoneproof.acme import AccountKey, AcmeClient, ExternalAccountBinding
from zoneproof.core.errors import AcmeProblemError, InvalidInputError, TermsNotAgreedError
from zoneproof.testing.pebble import Pebble


@pytest.fixture(scope="module")
def binding_pebble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pebble]:
    config = {"externalAccountBindingRequired": True, "externalAccountMACKeys": {"kid-1": MAC_KEY}}
    with Pebble(tmp_path_factory.mktemp("pebble"), strict=True, config=config) as server:
        yield server


@pytest.fixture
def client(binding_pebble: Pebble) -> AcmeClient:
    return AcmeClient(
        binding_pebble.directory_url,
        AccountKey.generate(),
        ca_bundle=binding_pebble.ca_bundle,
    )


async def test_account_is_bound(client: AcmeClient) -> None:
    async with client:
        assert (await client.directory()).external_account_required
        binding = ExternalAccountBinding("kid-1", MAC_KEY)
        await client.register(agree_to_terms=True, eab=binding)
        assert (await client.account()).status == "valid"


async def test_missing_binding_is_told(client: AcmeClient) -> None:
    async with client:
        with pytest.raises(InvalidInputError, match="external account binding"):
            await client.register(agree_to_terms=True)


@pytest.mark.parametrize(("kid", "key"), [("kid-2", MAC_KEY), ("kid-1", "c2VjcmV0" * 6)])
async def test_wrong_binding_is_refused(client: AcmeClient, kid: str, key: str) -> None:
    async with client:
        with pytest.raises(AcmeProblemError) as caught:
            await client.register(agree_to_terms=True, eab=ExternalAccountBinding(kid, key))
    assert caught.value.is_type("unauthorized")
    assert key not in caught.value.message


async def test_terms_come_first(client: AcmeClient) -> None:
    async with client:
        with pytest.raises(TermsNotAgreedError, match="data:text/plain"):
            await client.register(eab=ExternalAccountBinding("kid-1", MAC_KEY))
