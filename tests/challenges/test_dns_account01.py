"""dns-account-01 (draft-ietf-acme-dns-account-label): the name that an account's values are at."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoneproof.challenges.dns01 import DelegationRules
from zoneproof.challenges.dns_account01 import AccountMethod, account_label
from zoneproof.core.errors import InvalidInputError, NotRegisteredError
from zoneproof.core.names import DomainName, Identifier
from zoneproof.dnsquery import parse_policy
from zoneproof.providers import ProviderContext, open_provider

URL = "https://example.com/acme/acct/ExampleAccount"  # of the draft's example
LABEL = "_ujmmovf2vn55tgye._acme-challenge"


def method(url: str, delegation: str = "") -> AccountMethod:
    """Return a method for the account with the URL."""
    manual = open_provider("manual", ProviderContext({}))
    rules = DelegationRules.parse(delegation)
    made = AccountMethod("manual", manual, parse_policy(0), {}, delegation=rules)
    return made.for_account(url)


def test_the_label_is_that_of_the_draft() -> None:
    assert account_label(URL) == LABEL


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126)))
def test_every_label_is_valid_in_a_name_and_as_long_as_any_other(url: str) -> None:
    assert len(account_label(url)) == len(LABEL)
    assert DomainName.parse(f"{account_label(url)}.example.com").text.endswith(".example.com")


def test_values_are_at_the_name_of_the_account() -> None:
    domain = DomainName("www.example.com")
    assert str(method(URL).challenge_name(domain)) == f"{LABEL}.www.example.com"


def test_delegation_rules_lead_to_a_name_of_the_account() -> None:
    made = method(URL, "*.example.com:*.auth.example.net")
    found = made.expected_name(DomainName("www.example.com"))
    assert str(found) == f"{LABEL}.www.auth.example.net"


def test_without_an_account_the_name_is_not_known() -> None:
    with pytest.raises(NotRegisteredError, match="depend on the account at the CA"):
        method("").challenge_name(DomainName("example.com"))


def test_what_leaves_no_room_for_the_label_is_refused_before_there_is_an_account() -> None:
    rest = 253 - 3 * 64 - len(LABEL) - 1
    longest = ".".join(["a" * rest, "a" * 63, "a" * 63, "a" * 63])
    method("").check(Identifier.parse(longest))
    assert len(str(method(URL).challenge_name(DomainName(longest)))) == 253
    with pytest.raises(InvalidInputError, match="too long to be validated by DNS"):
        method("").check(Identifier.parse(f"a{longest}"))


def test_addresses_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="is an IP address"):
        method("").check(Identifier.parse("192.0.2.1"))
