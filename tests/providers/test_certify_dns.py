"""The provider for Certify DNS against our own service, which takes user and key alike."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.providers.harness import challenge_value, check_message, txt
from tests.support.challenge_service import Service, challenge_command, write_config
from tests.support.registrations import MemoryRegistrations
from zoneproof.core.errors import InvalidInputError, ProviderCredentialsError
from zoneproof.core.names import DomainName
from zoneproof.providers import ProviderContext, Zone, describe, open_provider
from zoneproof.providers.certify_dns import CertifyDns
from zoneproof.providers.registry import check_field

USER = "you+dns@example.com"
NAME = DomainName.parse("*.www.example.com")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    config = write_config(tmp_path_factory.mktemp("service"), open_registration=False)
    with Service(config) as running:
        assert challenge_command(config, "tenant", "create", "web").status == 0
        yield running


def opened(
    service: Service, key: str, registrations: MemoryRegistrations | None = None
) -> CertifyDns:
    fields = {"user": USER, "key": key, "server": service.url}
    context = ProviderContext(fields, registrations=registrations or MemoryRegistrations())
    made = open_provider("certify-dns", context)
    assert isinstance(made, CertifyDns)
    return made


async def test_a_name_is_registered_with_user_and_key_and_updated(service: Service) -> None:
    key = challenge_command(service.config, "key", "create", "web").stdout.strip()
    registrations = MemoryRegistrations()
    provider = opened(service, key, registrations)
    target = await provider.target(NAME, create=True)
    assert target
    zone = Zone(target.parent)
    await provider.add(zone, [txt(target.labels[0], challenge_value())])
    await provider.close()
    again = open_provider(
        "acme-dns", ProviderContext({"server": service.url}, registrations=registrations)
    )
    assert await again.target(NAME, create=False) == target  # type: ignore[attr-defined]
    await again.close()


async def test_a_wrong_key_is_told_and_not_shown(service: Service) -> None:
    provider = opened(service, "zp_00000000_wrong")
    with pytest.raises(ProviderCredentialsError) as caught:
        await provider.target(NAME, create=True)
    check_message(caught.value, ["zp_00000000_wrong", USER])
    await provider.close()


def test_a_key_in_the_url_is_refused() -> None:
    (field,) = (one for one in describe("certify-dns").fields if one.name == "server")
    assert check_field("certify-dns", field, "https://auth.example.org")
    with pytest.raises(InvalidInputError, match="give that as the fields user and key"):
        check_field("certify-dns", field, "https://you:key@auth.example.org")
