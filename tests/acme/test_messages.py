"""What a CA sends is read strictly, shown harmlessly, and never surprises the caller."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from zoneproof.acme.ari import parse_renewal_info
from zoneproof.acme.certificates import parse_chain
from zoneproof.acme.http import check_url
from zoneproof.acme.messages import (
    parse_account,
    parse_authorization,
    parse_challenge,
    parse_directory,
    parse_order,
)
from zoneproof.acme.problems import parse_problem
from zoneproof.core.errors import AcmeConnectionError, InvalidInputError
from zoneproof.core.names import Identifier
from zoneproof.core.text import sanitize

URL = "https://ca.test/thing"
DIRECTORY = {
    "newNonce": "https://example.com/acme/new-nonce",
    "newAccount": "https://example.com/acme/new-account",
    "newOrder": "https://example.com/acme/new-order",
    "newAuthz": "https://example.com/acme/new-authz",
    "revokeCert": "https://example.com/acme/revoke-cert",
    "keyChange": "https://example.com/acme/key-change",
    "meta": {
        "termsOfService": "https://example.com/acme/terms/2017-5-30",
        "website": "https://www.example.com/",
        "caaIdentities": ["Example.com"],
        "externalAccountRequired": False,
    },
}
ORDER = {
    "status": "valid",
    "expires": "2016-01-20T14:09:07.99Z",
    "identifiers": [
        {"type": "dns", "value": "www.example.org"},
        {"type": "dns", "value": "example.org"},
    ],
    "notBefore": "2016-01-01T00:00:00Z",
    "authorizations": [
        "https://example.com/acme/authz/PAniVnsZcis",
        "https://example.com/acme/authz/r4HqLzrSrpI",
    ],
    "finalize": "https://example.com/acme/order/TOlocE8rfgo/finalize",
    "certificate": "https://example.com/acme/cert/mAt3xBGaobw",
}
AUTHORIZATION = {
    "status": "valid",
    "expires": "2015-03-01T14:09:07.99Z",
    "identifier": {"type": "dns", "value": "www.example.org"},
    "challenges": [
        {
            "url": "https://example.com/acme/chall/prV_B7yEyA4",
            "type": "http-01",
            "status": "valid",
            "token": "DGyRejmCefe7v4NfDGDKfA",
            "validated": "2014-12-01T12:05:58.16Z",
        }
    ],
    "wildcard": False,
}


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


def directory(body: bytes) -> Any:
    return parse_directory(body, URL, allow_http=False)


def renewal_info(body: bytes) -> Any:
    return parse_renewal_info(body, URL, {}, datetime(2026, 8, 1, tzinfo=UTC))


@pytest.mark.parametrize("key", ["issuerDomainNames", "issuer-domain-names"])
def test_challenges_without_a_token_name_the_ca(key: str) -> None:
    challenge = {"url": "https://ca.example/0", "type": "dns-persist-01", "status": "pending"}
    named = {**challenge, key: ["Authority.example", "ca.example.net"]}
    body = as_json({**AUTHORIZATION, "challenges": [named, challenge]})
    first, second = parse_authorization(body, URL).challenges
    assert first.issuer_domain_names == ("authority.example", "ca.example.net")
    assert second.issuer_domain_names == ()


def test_a_directory_says_what_records_that_stay_name() -> None:
    meta = {"accountHashPrefix": "https://ca.example/h/", "issuerDomainNames": ["CA.example"]}
    read = directory(as_json({**DIRECTORY, "meta": meta}))
    assert read.account_hash_prefix == "https://ca.example/h/"
    assert read.issuer_domain_names == ("ca.example",)


def test_directory_of_rfc_8555_section_7_1_1_is_read() -> None:
    read = directory(as_json(DIRECTORY))
    assert read.new_order == "https://example.com/acme/new-order"
    assert read.terms_of_service == "https://example.com/acme/terms/2017-5-30"
    assert read.website == "https://www.example.com/"
    assert read.caa_identities == ("example.com",)
    assert not read.external_account_required
    assert not read.renewal_info
    assert not read.profiles


@pytest.mark.parametrize("meta", [None, {}, {"caaIdentities": None, "profiles": None}])
def test_directory_may_have_nothing_to_say_about_itself(meta: object) -> None:
    read = directory(as_json({**DIRECTORY, "meta": meta}))
    assert (read.terms_of_service, read.caa_identities, read.profiles) == ("", (), {})


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/new-order",
        "ftp://example.com/",
        "https://user@example.com/",
        "https://",
        "//example.com/",
        "https://example.com/\r\nHost: evil",
        "https://example.com:99999/",
        "https://example.com:0/",
        "https://example..com/",
        "https://example\\.com/",
        "https://exa%2fmple.com/",
        f"https://{'a' * 64}.com/",
        "https://exämple.com/",
        "https://[::1/",
        "file:///etc/passwd",
        "https://example.com/" + "a" * 3000,
    ],
)
def test_directory_with_a_resource_that_is_no_https_url_is_refused(url: str) -> None:
    with pytest.raises(AcmeConnectionError) as caught:
        directory(as_json({**DIRECTORY, "newOrder": url}))
    assert caught.value.message.isprintable()


@pytest.mark.parametrize(
    ("url", "fine"),
    [
        ("http://127.0.0.1:14000/x", True),
        ("http://[::1]/x", True),
        ("http://localhost/x", True),
        ("http://192.0.2.1/x", False),
        ("http://localhost.example.com/x", False),
    ],
)
def test_http_is_for_this_machine_only(url: str, fine: bool) -> None:
    body = as_json({**DIRECTORY, "newNonce": url})
    if fine:
        assert parse_directory(body, URL, allow_http=True).new_nonce == url
    else:
        with pytest.raises(AcmeConnectionError, match="https://"):
            parse_directory(body, URL, allow_http=True)


@given(
    st.one_of(st.text(max_size=20), st.text("xXnN-a.019:[]%/@?#\\!~_", max_size=25)),
    st.sampled_from(["", "https://", "http://", "https://localhost"]),
)
def test_every_url_is_refused_or_can_be_opened(text: str, beginning: str) -> None:
    url = beginning + text
    try:
        check_url(url, allow_http=True)
    except InvalidInputError:
        return
    request = httpx2.Request("GET", url)
    request.url.host.encode("idna")
    assert request.url.scheme == "https" or request.url.host in {"localhost", "127.0.0.1", "::1"}


def test_unknown_profile_is_refused_with_a_list_of_the_known() -> None:
    body = as_json({**DIRECTORY, "meta": {"profiles": {"tlsserver": "x", "classic": "y"}}})
    with pytest.raises(InvalidInputError, match="it offers classic, tlsserver"):
        directory(body).check_profile("short")
    with pytest.raises(InvalidInputError, match="it offers none"):
        directory(as_json(DIRECTORY)).check_profile("short")


def test_order_of_rfc_8555_section_7_1_3_is_read() -> None:
    order = parse_order(as_json(ORDER), URL)
    assert order.url == URL
    assert order.status == "valid"
    assert order.identifiers == (
        Identifier("dns", "www.example.org"),
        Identifier("dns", "example.org"),
    )
    assert order.authorizations == tuple(ORDER["authorizations"])
    assert order.certificate == "https://example.com/acme/cert/mAt3xBGaobw"
    assert order.expires == datetime(2016, 1, 20, 14, 9, 7, 990000, UTC)


def test_authorization_of_rfc_8555_section_7_1_4_is_read() -> None:
    authorization = parse_authorization(as_json(AUTHORIZATION), URL)
    assert authorization.identifier == Identifier("dns", "www.example.org")
    (challenge,) = authorization.challenges
    assert (challenge.type, challenge.token) == ("http-01", "DGyRejmCefe7v4NfDGDKfA")


def test_authorization_of_a_wildcard_has_the_identifier_that_was_ordered() -> None:
    body = as_json({**AUTHORIZATION, "wildcard": True})
    assert parse_authorization(body, URL).identifier == Identifier("dns", "*.www.example.org")


def test_challenge_of_a_later_type_may_have_no_token() -> None:
    body = as_json({"type": "dns-persist-01", "url": "https://ca.test/c", "extra": {"a": 1}})
    assert parse_challenge(body, URL).token == ""


@pytest.mark.parametrize("token", ["../../etc/passwd", "a b", "a/b", "tok\u0000en", "a" * 600])
def test_token_that_is_not_base64url_is_refused(token: str) -> None:
    body = as_json({"type": "http-01", "url": "https://ca.test/c", "token": token})
    with pytest.raises(AcmeConnectionError, match="token"):
        parse_challenge(body, URL)


def test_expiry_that_cannot_be_read_counts_as_unknown() -> None:
    for text in ("next week", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
        assert parse_order(as_json({**ORDER, "expires": text}), URL).expires is None


@pytest.mark.parametrize(
    ("parse", "body"),
    [
        (directory, b"<html>"),
        (directory, b""),
        (directory, b"[]"),
        (directory, as_json({**DIRECTORY, "newOrder": 5})),
        (directory, as_json({**DIRECTORY, "meta": {"profiles": ["a"]}})),
        (directory, as_json({"newNonce": "https://ca.test/n"})),
        (directory, b'{"newNonce": "\xff"}'),
        (lambda body: parse_order(body, URL), as_json({**ORDER, "status": 1})),
        (lambda body: parse_order(body, URL), as_json({**ORDER, "status": "\x1b[31mred"})),
        (lambda body: parse_order(body, URL), as_json({**ORDER, "status": "ready\n"})),
        (lambda body: parse_order(body, URL), as_json({**ORDER, "authorizations": [1]})),
        (lambda body: parse_order(body, URL), as_json({**ORDER, "authorizations": ["x"] * 1001})),
        (
            lambda body: parse_order(body, URL),
            as_json({**ORDER, "identifiers": [{"type": "dns", "value": "a..b"}]}),
        ),
        (
            lambda body: parse_order(body, URL),
            as_json({**ORDER, "identifiers": [{"type": "ip", "value": "example.com"}]}),
        ),
        (
            lambda body: parse_authorization(body, URL),
            as_json({**AUTHORIZATION, "challenges": "none"}),
        ),
        (lambda body: parse_account(body, URL), b"null"),
        (lambda body: parse_challenge(body, URL), b'{"type": "dns-01"}'),
        (lambda body: parse_account(body, URL), b'{"x":' + b"[" * 500_000),
        (renewal_info, b"{}"),
        (renewal_info, as_json({"suggestedWindow": {"start": "2026-01-01", "end": "2026-01-02"}})),
        (lambda body: parse_chain(body, URL), b"not PEM"),
        (lambda body: parse_chain(body, URL), b""),
        (
            lambda body: parse_chain(body, URL),
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ),
        (lambda body: parse_chain(body, URL), b"-----BEGIN CERTIFICATE-----\n" * 11),
    ],
)
def test_reply_of_another_form_is_refused_in_one_line(
    parse: Callable[[bytes], Any], body: bytes
) -> None:
    with pytest.raises(AcmeConnectionError, match=r"the CA at ca\.test") as caught:
        parse(body)
    assert caught.value.message.isprintable()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@pytest.mark.parametrize("base", [DIRECTORY, ORDER, AUTHORIZATION])
@given(data=st.data())
def test_objects_with_one_member_changed_are_read_or_refused(
    base: dict[str, Any], data: st.DataObject
) -> None:
    member = data.draw(st.sampled_from(sorted(base)))
    body = as_json({**base, member: data.draw(JSON)})
    for parse in (parse_order, parse_authorization, parse_account, parse_challenge):
        with contextlib.suppress(AcmeConnectionError):
            parse(body, URL)
    with contextlib.suppress(AcmeConnectionError):
        directory(body)


@given(st.binary(max_size=300))
@example(b'{"x":' + b'{"a":' * 100_000)
def test_problem_documents_never_raise(body: bytes) -> None:
    problem = parse_problem(body, 400)
    assert problem is None or str(problem).isprintable()


@given(st.text(max_size=200), st.integers(3, 60))
def test_shown_text_is_one_printable_line_of_bounded_length(text: str, limit: int) -> None:
    line = sanitize(text, limit=limit)
    assert line.isprintable()
    assert len(line) <= limit
    assert line == line.strip()


def test_escape_sequences_and_direction_marks_do_not_reach_the_terminal() -> None:
    assert sanitize("a\x1b[2Jb\r\nc\u202ed\u0085e", limit=2000) == "ab c d e"
