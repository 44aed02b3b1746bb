"""Records of dns-persist-01: what they say, and which of those that are there are enough."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoneproof.challenges.dns_persist01 import (
    Applicant,
    PersistentRecord,
    choose_issuers,
    does_for,
)
from zoneproof.core.names import DomainName

DOMAIN = DomainName.parse("example.com")
ACCOUNT = "https://ca.example/acct/123"
ISSUERS = ("authority.example", "ca.example.net")
PLAIN = Applicant(ISSUERS, ACCOUNT)
# Section 10.2 of draft-ietf-acme-dns-persist-02.
HASHED = Applicant(
    ISSUERS,
    ACCOUNT,
    "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
    "https://ca.example/account-hash/",
)
HASH = "https://ca.example/account-hash/sha-256/5SQm7n6tPh2-PlLbCKGnViTXX5z19SCN4cPGQHSk-kw"
HASH_OF_ANY = "https://ca.example/account-hash/sha-256/NpDnSwUthQK8zCgFdefYxAdAVPnygMLbs9US6oO-5ug"
NOW = 1_800_000_000.0


def record(applicant: Applicant = PLAIN, *, wildcard: bool = False) -> PersistentRecord:
    return PersistentRecord(DOMAIN, applicant, wildcard)


def test_a_record_names_the_ca_and_the_account() -> None:
    assert record().value == f"authority.example; accounturi={ACCOUNT}"
    wide = record(wildcard=True).value
    assert wide == f"authority.example; accounturi={ACCOUNT}; policy=wildcard"


def test_a_hashed_account_is_that_of_the_draft() -> None:
    assert record(HASHED).value == f"authority.example; accounturi={HASH}"
    assert HASHED.account_uris(DOMAIN) == (HASH, HASH_OF_ANY)


@pytest.mark.parametrize(
    ("text", "applicant"),
    [
        (f"authority.example;accounturi={ACCOUNT}", PLAIN),
        (f"ca.example.net; accounturi={ACCOUNT}; policy=wildcard", PLAIN),
        (f" authority.example\t;  ACCOUNTURI = {ACCOUNT} ; PersistUntil=1800000001", PLAIN),
        (f"authority.example; accounturi={ACCOUNT}; policy=other; unknown=1", PLAIN),
        (f"authority.example; accounturi={HASH}", HASHED),
        (f"authority.example; accounturi={HASH_OF_ANY}", HASHED),
    ],
)
def test_what_is_enough_for_the_ca_is_enough(text: str, applicant: Applicant) -> None:
    assert record(applicant).fault(text, NOW) == ""


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("other.example; accounturi=https://ca.example/acct/5", None),
        ("v=spf1 -all", None),
        ("", None),
        ("authority.example", "it names no account (accounturi=)"),
        (f'"authority.example; accounturi={ACCOUNT}"', "it does not begin with authority.example;"),
        (f"authority.example, accounturi={ACCOUNT}", "it does not begin with authority.example;"),
        (f"AUTHORITY.example; accounturi={ACCOUNT}", "it does not begin with authority.example;"),
        ("authority.example; accounturi=https://ca.example/acct/12", "it names another account"),
        (f"authority.example; accounturi={ACCOUNT}", "it lacks policy=wildcard"),
        (f"authority.example; accounturi={ACCOUNT};", "it has a ';' too many"),
        (f"authority.example; accounturi={ACCOUNT}; policy", "'policy' in it is not NAME=VALUE"),
        (f"authority.example; accounturi={ACCOUNT}; AccountURI=1", "it has accounturi twice"),
        (
            f"authority.example; accounturi={ACCOUNT} x; policy=wildcard",
            "the value of accounturi has a blank or the like in it",
        ),
        (
            f"authority.example; accounturi={ACCOUNT}; policy=Wildcard; persistUntil=1799999999",
            "its persistUntil has passed",
        ),
        (
            f"authority.example; accounturi={ACCOUNT}; policy=wildcard; persistUntil=soon",
            "its persistUntil is not a number",
        ),
        (f"authority.example; accounturi={ACCOUNT}; policy=WILDCARD", ""),
    ],
)
def test_what_is_wrong_for_a_wildcard_is_said(text: str, fault: str | None) -> None:
    found = record(wildcard=True).fault(text, NOW)
    assert found == fault or (fault and found and found.startswith(fault))


def test_a_ca_with_hashes_does_not_take_the_url() -> None:
    told = "it has the account's URL, and this CA wants its hash"
    assert record(HASHED).fault(record().value, NOW) == told
    other = f"authority.example; accounturi={HASH[:-1]}x"
    told = "it names another account, or an older key of this one"
    assert record(HASHED).fault(other, NOW) == told


def test_people_are_told_what_is_wrong_with_the_records_of_this_ca_only() -> None:
    texts = ["v=spf1 -all", "authority.example; accounturi=https://ca.example/acct/1"]
    assert record().faults(texts) == " (one is there, but it names another account)"
    assert record().faults(texts[:1]) == ""
    assert not record().is_in(texts)
    assert record().is_in([*texts, record().value])


def test_a_record_with_an_end_is_enough_until_then() -> None:
    forever = f"authority.example; accounturi={ACCOUNT}"
    until = [f"{forever}; persistUntil={end}" for end in (4_102_444_800, 4_102_444_801, 1)]
    assert record().ends_at(until) == 4_102_444_801
    assert record().ends_at([*until, forever]) is None
    assert record().ends_at([f"{forever}; persistUntil={10**19}"]) is None
    assert record().ends_at(["v=spf1 -all", *until[2:]]) is None
    assert record().has_ended(until)
    assert not record().has_ended([*until[:2], forever, "v=spf1 -all"])


def test_a_record_that_was_asked_for_is_seen_in_one_that_allows_more() -> None:
    asked = f"authority.example; accounturi={ACCOUNT}"
    assert does_for(f"authority.example;accounturi={ACCOUNT};policy=wildcard", asked)
    assert does_for(f"{asked}; persistUntil=4102444800", asked)
    assert not does_for(f"{asked}; persistUntil=1", asked)
    assert not does_for(asked, f"{asked}; policy=wildcard")
    assert not does_for("0Yh1", "0Yh1")  # of dns-01, which is compared as it is


names = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?\.[a-z]{2,8}", fullmatch=True)
visible = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters=";"))


@given(names, visible, st.booleans(), st.sampled_from(["", "https://ca.example/h/"]))
def test_what_is_published_is_enough_whatever_the_account(
    issuer: str, account: str, wildcard: bool, prefix: str
) -> None:
    applicant = Applicant((issuer,), f"https://ca.example/{account}", "t" * 43, prefix)
    wanted = PersistentRecord(DOMAIN, applicant, wildcard)
    assert wanted.fault(wanted.value) == ""


@given(st.text(max_size=300), st.sampled_from([str, "authority.example;{}".format]))
def test_no_text_in_the_dns_is_too_odd(text: str, put: Callable[[str], str]) -> None:
    assert record().fault(put(text)) != ""


@pytest.mark.parametrize(
    "applicant",
    [
        Applicant((), ACCOUNT),
        Applicant(tuple(f"ca{number}.example" for number in range(11)), ACCOUNT),
        Applicant(('a"b.example',), ACCOUNT),
        Applicant(("CA.example",), ACCOUNT),
        Applicant(("ca.example",), f"{ACCOUNT};x"),
        Applicant(("ca.example",), f'{ACCOUNT}"'),
        Applicant(("ca.example",), f"{ACCOUNT} x"),
    ],
)
def test_a_ca_cannot_have_any_record_created(applicant: Applicant) -> None:
    assert not record(applicant).is_possible
    assert record().is_possible


def test_the_ca_is_named_as_its_directory_names_it() -> None:
    assert choose_issuers(("b", "c"), ("a", "b")) == ("b", "a")
    assert choose_issuers((), ("a", "b")) == ("a", "b")
