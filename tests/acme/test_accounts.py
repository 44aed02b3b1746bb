"""Accounts: terms agreed to explicitly, bindings where a CA needs them, keys changed safely."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

import httpx2
import pytest

from tests.acme.fake_ca import FakeCa, decoded, problem
from zoneproof.acme import KNOWN, AccountKey, ExternalAccountBinding
from zoneproof.core.errors import (
    AcmeConnectionError,
    AcmeError,
    AcmeProblemError,
    InvalidInputError,
    TermsNotAgreedError,
)

TERMS = "https://ca.test/terms"


async def test_registering_uses_the_new_account(ca: FakeCa) -> None:
    async with ca.client() as client:
        account = await client.register(["ops@example.com", "mailto:a@example.com"])
        assert account.url == client.account_url == "https://ca.test/acct/1"
    assert account.contact == ("mailto:ops@example.com", "mailto:a@example.com")
    assert ca.payloads["/new-account"] == {"contact": list(account.contact)}


async def test_terms_of_service_are_shown_before_anything_is_registered(ca: FakeCa) -> None:
    ca.meta["termsOfService"] = TERMS
    async with ca.client() as client:
        with pytest.raises(TermsNotAgreedError, match=TERMS) as caught:
            await client.register()
    assert caught.value.url == TERMS
    assert ca.count("/new-account") == 0


async def test_agreement_is_sent_when_it_was_given(ca: FakeCa) -> None:
    ca.meta["termsOfService"] = TERMS
    async with ca.client() as client:
        await client.register(agree_to_terms=True)
    assert ca.payloads["/new-account"] == {"termsOfServiceAgreed": True}


async def test_account_is_found_by_its_key_without_creating_one(ca: FakeCa) -> None:
    async with ca.client() as client:
        with pytest.raises(AcmeProblemError) as caught:
            await client.find_account()
        assert caught.value.is_type("accountDoesNotExist")
        assert client.account_url == ""
        ca.account_jwk = client.key.jwk
        assert (await client.find_account()).url == client.account_url
    assert ca.payloads["/new-account"] == {"onlyReturnExisting": True}


async def test_working_without_an_account_is_told(ca: FakeCa) -> None:
    async with ca.client() as client:
        with pytest.raises(AcmeError, match="no account is in use"):
            await client.fetch_order("https://ca.test/order")


@pytest.mark.parametrize("location", [None, "http://ca.test/acct/1", "/acct/1"])
async def test_account_without_a_usable_url_is_refused(ca: FakeCa, location: str | None) -> None:
    headers = {"Location": location} if location else {}
    ca.misdeeds["/new-account"] = [httpx2.Response(201, headers=headers, json={"status": "valid"})]
    async with ca.client() as client:
        with pytest.raises(AcmeConnectionError):
            await client.register()


async def test_contact_is_replaced(ca: FakeCa) -> None:
    async with ca.client() as client:
        ca.take_account(client)
        account = await client.update_contact(["new@example.com"])
        assert account.contact == ("mailto:new@example.com",)
        assert (await client.update_contact([])).contact == ()


async def test_account_is_deactivated(ca: FakeCa) -> None:
    async with ca.client() as client:
        ca.take_account(client)
        assert (await client.deactivate_account()).status == "deactivated"
        assert (await client.account()).status == "valid"


# --- key rollover ----------------------------------------------------------------------------


async def test_new_key_is_used_after_a_rollover(ca: FakeCa) -> None:
    new = AccountKey.generate()
    async with ca.client() as client:
        ca.take_account(client)
        old = client.key
        await client.roll_over_key(new)
        assert client.key is new
        await client.account()
    inner = ca.payloads["/key-change"]
    assert json.loads(decoded(inner["payload"])) == {
        "account": "https://ca.test/acct/1",
        "oldKey": old.jwk,
    }


async def test_rollover_whose_reply_is_lost_is_looked_up_and_not_repeated(ca: FakeCa) -> None:
    new = AccountKey.generate()
    async with ca.client() as client:
        ca.take_account(client)
        ca.lose_reply.add("/key-change")
        await client.roll_over_key(new)
        assert client.key is new
        await client.account()
    assert ca.count("/key-change") == 1


async def test_rollover_that_did_not_happen_leaves_the_old_key(ca: FakeCa) -> None:
    async with ca.client() as client:
        ca.take_account(client)
        old, url = client.key, client.account_url
        ca.misdeeds["/key-change"] = [httpx2.ReadError("reset")]
        ca.misdeeds["/new-account"] = [problem("accountDoesNotExist", 400)]
        with pytest.raises(AcmeConnectionError, match="lost"):
            await client.roll_over_key(AccountKey.generate())
        assert client.key is old
        assert client.account_url == url
        await client.account()


@pytest.mark.parametrize("status", [409, 200])
async def test_rollover_to_another_accounts_key_is_told(ca: FakeCa, status: int) -> None:
    """Section 7.3.5 wants 409; Pebble says 200 and changes nothing."""
    headers = {"Location": "https://ca.test/acct/2"}
    async with ca.client() as client:
        ca.take_account(client)
        old, url = client.key, client.account_url
        ca.misdeeds["/key-change"] = [httpx2.Response(status, headers=headers)]
        ca.misdeeds["/new-account"] = [httpx2.Response(200, headers=headers, json={})]
        with pytest.raises(AcmeError, match="did not accept the new account key"):
            await client.roll_over_key(AccountKey.generate())
        assert (client.key, client.account_url) == (old, url)


async def test_a_ca_that_does_not_do_rollovers_is_said_not_to(ca: FakeCa) -> None:
    async with ca.client() as client:
        ca.take_account(client)
        ca.misdeeds["/key-change"] = [problem("notImplemented", 501, "this API is not implemented")]
        with pytest.raises(AcmeError, match="does not offer that: this API is not implemented"):
            await client.roll_over_key(AccountKey.generate())
    assert ca.count("/key-change") == 1


@pytest.mark.parametrize("trouble", ["no connection", "rateLimited", "serverInternal"])
async def test_rollover_that_is_confirmed_once_is_believed(ca: FakeCa, trouble: str) -> None:
    answers = {"rateLimited": 429, "serverInternal": 500}
    async with ca.client() as client:
        ca.take_account(client)
        new = AccountKey.generate()
        ca.misdeeds["/new-account"] = [
            problem(trouble, answers[trouble])
            if trouble in answers
            else httpx2.ConnectError("refused")
            for _ in range(10)
        ]
        await client.roll_over_key(new)
        assert client.key is new


async def test_rollover_that_is_refused_is_not_believed_whatever_follows(ca: FakeCa) -> None:
    async with ca.client() as client:
        ca.take_account(client)
        old = client.key
        ca.misdeeds["/key-change"] = [httpx2.Response(409)]
        ca.misdeeds["/new-account"] = [httpx2.ConnectError("refused")] * 10
        with pytest.raises(AcmeError, match="did not accept the new account key"):
            await client.roll_over_key(AccountKey.generate())
        assert client.key is old


async def test_rollover_is_told_to_be_missing_where_it_is(ca: FakeCa) -> None:
    del ca.directory["keyChange"]
    async with ca.client() as client:
        ca.take_account(client)
        with pytest.raises(AcmeError, match="does not offer changes of account keys"):
            await client.roll_over_key(AccountKey.generate())


# --- external account binding ----------------------------------------------------------------


def sent_binding(ca: FakeCa) -> Any:
    return json.loads(decoded(ca.payloads["/new-account"]["externalAccountBinding"]["protected"]))


async def test_binding_is_sent(ca: FakeCa) -> None:
    ca.meta["externalAccountRequired"] = True
    async with ca.client() as client:
        await client.register(eab=ExternalAccountBinding("kid-1", "c2VjcmV0"))
    assert sent_binding(ca)["kid"] == "kid-1"


async def test_missing_binding_is_told_before_anything_is_sent(ca: FakeCa) -> None:
    ca.meta["externalAccountRequired"] = True
    async with ca.client() as client:
        with pytest.raises(InvalidInputError, match="needs an external account binding"):
            await client.register()
    assert ca.count("/new-account") == 0


class FakeZeroSsl(FakeCa):
    """ZeroSSL, whose e-mail endpoint answers as its certbot wrapper (zerossl-bot.sh) expects."""

    def __init__(self, answer: object) -> None:
        super().__init__("https://acme.zerossl.com")
        self.answer = answer
        self.forms: list[dict[str, list[str]]] = []
        self.misdeeds["/v2/DV90"] = [self._json(200, self.directory)]

    @property
    def directory_url(self) -> str:
        return KNOWN["zerossl"].directory_url

    async def _answer(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.host != "api.zerossl.com":
            return await super()._answer(request)
        assert request.method == "POST"
        assert request.url.path == "/acme/eab-credentials-email"
        assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
        self.forms.append(parse_qs(request.content.decode()))
        return self._json(200, self.answer)


async def test_zerossl_binding_is_fetched_for_the_e_mail_address() -> None:
    ca = FakeZeroSsl({"success": True, "eab_kid": "k1", "eab_hmac_key": "c2VjcmV0"})
    async with ca.client() as client:
        await client.register(["ops+acme@example.com"])
    assert ca.forms == [{"email": ["ops+acme@example.com"]}]
    assert sent_binding(ca)["kid"] == "k1"


async def test_zerossl_binding_that_was_given_is_used() -> None:
    ca = FakeZeroSsl({})
    async with ca.client() as client:
        await client.register(["a@example.com"], eab=ExternalAccountBinding("k2", "c2VjcmV0"))
    assert ca.forms == []
    assert sent_binding(ca)["kid"] == "k2"


async def test_zerossl_without_e_mail_address_is_told() -> None:
    async with FakeZeroSsl({}).client() as client:
        with pytest.raises(InvalidInputError, match="e-mail address"):
            await client.register()


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"success": False, "error": {"code": 2801, "type": "incorrect_email"}}, "incorrect_email"),
        ({"success": True}, "no reason"),
        ([], "cannot be read"),
        ({"eab_kid": 1}, "cannot be read"),
    ],
)
async def test_zerossl_refusal_is_told(answer: object, told: str) -> None:
    async with FakeZeroSsl(answer).client() as client:
        with pytest.raises(AcmeError, match=told):
            await client.register(["a@example.com"])
