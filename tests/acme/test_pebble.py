"""The whole protocol with a real CA: Pebble, strict, refusing a fifth of all nonces."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.acme.pebble_client import (
    Recorder,
    obtain,
    registered,
    revocation_of,
    roots,
    validated,
)
from tests.support.identifiers import identifiers
from zoneproof.acme import AccountKey, AcmeClient, CertificateChain, KeyKind, make_csr, make_key
from zoneproof.core.errors import (
    AcmeConnectionError,
    AcmeError,
    AcmeProblemError,
    InvalidInputError,
    OrderFailedError,
)
from zoneproof.testing.pebble import Pebble


async def test_directory_tells_what_the_ca_offers(pebble: Pebble) -> None:
    async with AcmeClient(
        pebble.directory_url, AccountKey.generate(), ca_bundle=pebble.ca_bundle
    ) as client:
        directory = await client.directory()
    assert directory.profiles == {"default": "90 days", "shortlived": "6 days"}
    assert directory.terms_of_service
    assert directory.renewal_info
    assert not directory.external_account_required


async def test_wildcard_apex_and_address_go_on_one_certificate(pebble: Pebble) -> None:
    names = ("example.com", "*.example.com", "192.0.2.7")
    async with registered(pebble) as client:
        order = await client.new_order(identifiers(*names), profile="shortlived")
        authorizations = await client.authorizations(order)
        assert {str(one.identifier) for one in authorizations} == set(names)
        chain = await obtain(client, *names, profile="shortlived")
    assert sorted(chain.names) == sorted(names)
    lifetime = chain.leaf.not_valid_after_utc - chain.leaf.not_valid_before_utc
    assert lifetime < timedelta(days=7)


@pytest.mark.parametrize("kind", ["ES256", "ES384", "RS256"])
async def test_every_usual_kind_of_account_key_works(pebble: Pebble, kind: KeyKind) -> None:
    async with registered(pebble, AccountKey.generate(kind)) as client:
        await obtain(client, "example.com")


async def test_kind_of_account_key_that_the_ca_does_not_take_is_told(pebble: Pebble) -> None:
    with pytest.raises(AcmeProblemError, match="badSignatureAlgorithm"):
        async with registered(pebble, AccountKey.generate("EdDSA")):
            pass


@pytest.mark.parametrize("kind", ["ec256", "ec384", "rsa2048"])
async def test_every_usual_kind_of_certificate_key_works(pebble: Pebble, kind: str) -> None:
    async with registered(pebble) as client:
        await obtain(client, "example.com", key=make_key(kind))


async def test_unknown_profile_is_refused_with_the_known(pebble: Pebble) -> None:
    async with registered(pebble) as client:
        with pytest.raises(InvalidInputError, match="offers default, shortlived"):
            await client.new_order(identifiers("example.com"), profile="classic")


async def test_order_goes_on_in_another_process(pebble: Pebble) -> None:
    names = identifiers("example.com", "*.example.com")
    key = AccountKey.generate()
    csr = make_csr(make_key(), names)
    async with registered(pebble, key) as client:
        order = await client.new_order(names)
        account_url = client.account_url
        await client.answer([one.challenges[0] for one in await client.authorizations(order)])
    async with AcmeClient(
        pebble.directory_url, AccountKey.from_pem(key.to_pem()), ca_bundle=pebble.ca_bundle
    ) as client:
        client.use_account(account_url)
        again = await client.wait_for_order(await client.fetch_order(order.url))
        stale = [one.challenges[0] for one in await client.authorizations(again)]
        await client.answer(stale)
        first = await client.finalize(again, csr)
        second = await client.finalize(again, csr)
        assert first.certificate == second.certificate


async def test_answering_twice_is_fine(pebble: Pebble) -> None:
    async with registered(pebble) as client:
        order = await client.new_order(identifiers("example.com"))
        challenges = [one.challenges[0] for one in await client.authorizations(order)]
        await client.answer(challenges)
        await client.answer(challenges)
        assert (await client.wait_for_order(order)).status == "ready"


# --- TLS -------------------------------------------------------------------------------------


async def test_ca_with_an_unknown_root_is_not_trusted(pebble: Pebble) -> None:
    async with AcmeClient(pebble.directory_url, AccountKey.generate()) as client:
        with pytest.raises(
            AcmeConnectionError, match=r"is not trusted .*give that CA's PEM file as --ca-bundle"
        ):
            await client.directory()


async def test_root_of_a_test_ca_may_come_from_the_environment(
    pebble: Pebble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(pebble.ca_bundle))
    async with AcmeClient(pebble.directory_url, AccountKey.generate()) as client:
        assert (await client.directory()).new_order


# --- accounts --------------------------------------------------------------------------------


async def test_account_is_found_again_by_its_key(pebble: Pebble) -> None:
    key = AccountKey.generate()
    async with registered(pebble, key) as client:
        url = client.account_url
        assert (await client.find_account()).url == url
        assert (await client.register(agree_to_terms=True)).url == url


async def test_unknown_key_has_no_account(pebble: Pebble) -> None:
    async with AcmeClient(
        pebble.directory_url, AccountKey.generate(), ca_bundle=pebble.ca_bundle
    ) as client:
        with pytest.raises(AcmeProblemError) as caught:
            await client.find_account()
    assert caught.value.is_type("accountDoesNotExist")


async def test_contact_is_changed(pebble: Pebble) -> None:
    async with registered(pebble) as client:
        assert (await client.update_contact(["ops@example.com"])).contact == (
            "mailto:ops@example.com",
        )
        assert (await client.account()).contact == ("mailto:ops@example.com",)


async def test_deactivated_account_can_do_nothing_more(pebble: Pebble) -> None:
    async with registered(pebble) as client:
        assert (await client.deactivate_account()).status == "deactivated"
        with pytest.raises(AcmeProblemError) as caught:
            await client.new_order(identifiers("example.com"))
    assert caught.value.is_type("unauthorized")


@pytest.mark.parametrize("kind", ["ES256", "ES384", "RS256"])
async def test_key_is_rolled_over(pebble: Pebble, kind: KeyKind) -> None:
    old, new = AccountKey.generate(), AccountKey.generate(kind)
    async with registered(pebble, old) as client:
        url = client.account_url
        await client.roll_over_key(new)
        await obtain(client, "example.com")
        assert (await client.find_account()).url == url
    async with AcmeClient(pebble.directory_url, old, ca_bundle=pebble.ca_bundle) as client:
        with pytest.raises(AcmeProblemError):
            await client.find_account()


async def test_key_of_another_account_is_refused_at_rollover(pebble: Pebble) -> None:
    taken = AccountKey.generate()
    async with registered(pebble, taken), registered(pebble) as client:
        with pytest.raises(AcmeError, match="did not accept the new account key"):
            await client.roll_over_key(taken)
        await client.account()


# --- authorizations --------------------------------------------------------------------------


async def test_deactivated_authorization_fails_its_order(pebble: Pebble) -> None:
    async with registered(pebble) as client:
        order = await client.new_order(identifiers("example.com"))
        (authorization,) = await client.authorizations(order)
        assert (await client.deactivate_authorization(authorization)).status == "deactivated"
        with pytest.raises(OrderFailedError, match=r"example\.com: .*deactivated"):
            await client.wait_for_order(order)


# --- chains ----------------------------------------------------------------------------------


def assert_leads_to(chain: CertificateChain, root_name: str, pebble: Pebble) -> None:
    (root,) = [root for root in roots(pebble) if root.subject.rfc4514_string() == f"CN={root_name}"]
    links = [*chain.certificates, root]
    assert len(links) == 4
    for certificate, issuer in itertools.pairwise(links):
        certificate.verify_directly_issued_by(issuer)


@pytest.mark.parametrize("number", [0, 1, 2])
async def test_preferred_chain_is_taken(pebble: Pebble, number: int) -> None:
    wanted = roots(pebble)[number].subject.rfc4514_string().removeprefix("CN=")
    async with registered(pebble) as client:
        chain = await obtain(client, "example.com", preferred_chain=wanted)
    assert chain.top_issuer == wanted
    assert_leads_to(chain, wanted, pebble)


@pytest.mark.parametrize("spelling", [str.upper, str.lower, " {} ".format])
async def test_a_preferred_chain_is_found_in_any_case(
    pebble: Pebble, spelling: Callable[[str], str]
) -> None:
    wanted = roots(pebble)[1].subject.rfc4514_string().removeprefix("CN=")
    async with registered(pebble) as client:
        chain = await obtain(client, "example.com", preferred_chain=spelling(wanted))
    assert chain.top_issuer == wanted
    assert chain.offered == ()


@pytest.mark.parametrize("preferred_chain", ["", "No such root"])
async def test_default_chain_is_taken_otherwise(pebble: Pebble, preferred_chain: str) -> None:
    async with registered(pebble) as client:
        chain = await obtain(client, "example.com", preferred_chain=preferred_chain)
    assert_leads_to(chain, chain.top_issuer, pebble)
    names = {root.subject.rfc4514_string().removeprefix("CN=") for root in roots(pebble)}
    assert set(chain.offered) == (names if preferred_chain else set())


# --- revocation ------------------------------------------------------------------------------


async def test_certificate_is_revoked_by_its_account(pebble: Pebble) -> None:
    async with registered(pebble) as client:
        leaf = (await obtain(client, "example.com")).leaf
        assert revocation_of(pebble, leaf)["Status"] == "Valid"
        await client.revoke(leaf, reason=4)
        await client.revoke(leaf)
    assert revocation_of(pebble, leaf)["Status"] == "Revoked"
    assert revocation_of(pebble, leaf)["Reason"] == 4


@pytest.mark.parametrize("kind", ["ec256", "ec384", "rsa2048"])
async def test_certificate_is_revoked_by_its_own_key(pebble: Pebble, kind: str) -> None:
    key = make_key(kind)
    async with registered(pebble) as client:
        leaf = (await obtain(client, "example.com", key=key)).leaf
    async with AcmeClient(
        pebble.directory_url, AccountKey.generate(), ca_bundle=pebble.ca_bundle
    ) as stranger:
        await stranger.revoke(leaf, reason=1, certificate_key=key)
    assert revocation_of(pebble, leaf)["Reason"] == 1


async def test_certificate_is_not_revoked_by_a_stranger(pebble: Pebble) -> None:
    async with registered(pebble) as client, registered(pebble) as stranger:
        leaf = (await obtain(client, "example.com")).leaf
        with pytest.raises(AcmeProblemError, match="unauthorized"):
            await stranger.revoke(leaf)
        with pytest.raises(AcmeProblemError, match="unauthorized"):
            await stranger.revoke(leaf, certificate_key=make_key())


# --- counting --------------------------------------------------------------------------------


async def test_order_takes_fewer_than_three_requests_a_name(pebble: Pebble) -> None:
    recorder = Recorder(pebble)
    names = identifiers(*(f"n{i}.example.com" for i in range(20)))
    async with registered(pebble, connect=recorder) as client:
        recorder.seen.clear()
        order = await validated(client, names)
        await client.certificate(await client.finalize(order, make_csr(make_key(), names)))
    # A refused nonce repeats a request and makes it no new one.
    asked = {url for method, url in recorder.seen if method == "POST"}
    assert len(asked) == 2 * len(names) + 4
