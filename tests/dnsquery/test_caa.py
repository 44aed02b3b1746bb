"""Whether a CA may issue: the rules of RFC 8659 and RFC 8657, and lookups at a real server."""

from __future__ import annotations

from collections.abc import Iterator

import dns.message
import dns.rcode
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.fake_dns import FakeDns, reply
from tests.support.name_servers import common_port, knot, name
from zoneproof.core.names import Identifier
from zoneproof.dnsquery import (
    CaaRecord,
    CaaRequest,
    CaaVerdict,
    Resolver,
    ServerAddress,
    binding_records,
    check_caa,
    evaluate,
)
from zoneproof.dnsquery.caa import IssueValue, parse_issue_value
from zoneproof.testing.ports import free_port

ACCOUNT = "https://ca1.example.net/acct/1234"
CA = CaaRequest(("ca1.example.net",), ACCOUNT, "dns-01")
WILD = CaaRequest(("ca1.example.net",), ACCOUNT, "dns-01", wildcard=True)


def records(*lines: str) -> list[CaaRecord]:
    split = (line.split(" ", 2) for line in lines)
    return [CaaRecord(int(flags), tag, value) for flags, tag, value in split]


def issue(value: str) -> bool:
    return evaluate([CaaRecord(0, "issue", value)], CA).allowed


@pytest.mark.parametrize(
    ("lines", "single", "wildcard"),
    [
        # RFC 8659 section 4.2
        (["0 issue ca1.example.net", "0 issue ca2.example.org"], True, True),
        (["0 issue ;"], False, False),
        (["0 issue ca2.example.org"], False, False),
        (["0 issue ca1.example.net; account=230123"], True, True),
        (["0 issue %%%%%"], False, False),
        (["0 issue ca1.example.net", "0 issue ;"], True, True),
        (["0 issue ca1.example.net", "0 issue %%%%%"], True, True),
        # RFC 8659 section 4.3
        (["0 issue ca1.example.net", "0 issuewild ca2.example.org"], True, False),
        (["0 issuewild ca2.example.org"], True, False),
        (["0 issue ca2.example.org", "0 issuewild ca1.example.net"], False, True),
        (["0 issue ca1.example.net", "0 issuewild ;"], True, False),
        (["0 issue ;", "0 issuewild ca1.example.net"], False, True),
        # RFC 8659 section 4.4
        (["0 issue ca1.example.net", "0 iodef mailto:security@example.com"], True, True),
        (["128 iodef mailto:security@example.com"], True, True),
        (["0 iodef mailto:security@example.com"], True, True),
        # RFC 8659 section 4.1 and 4.5
        (["0 issue ca1.example.net", "128 tbs Unknown"], False, False),
        (["0 issue ca1.example.net", "0 tbs Unknown"], True, True),
        (["1 tbs Unknown"], False, False),
        (["128 ISSUE ca1.example.net"], True, True),
        (["0 IssueWild ca2.example.org"], True, False),
        (["64 tbs Unknown"], True, True),
        ([], True, True),
        # A critical unknown tag decides though the tag that counts allows it.
        (["128 tbs x", "0 issuewild ca1.example.net"], False, False),
    ],
)
def test_the_relevant_records_decide(lines: list[str], single: bool, wildcard: bool) -> None:
    found = records(*lines)
    assert evaluate(found, CA).allowed is single
    assert evaluate(found, WILD).allowed is wildcard
    assert evaluate(found[::-1], CA).allowed is single
    assert evaluate(found[::-1], WILD).allowed is wildcard


@pytest.mark.parametrize(
    ("value", "allowed"),
    [
        ("ca1.example.net", True),
        ("CA1.Example.NET", True),
        (" \tca1.example.net\t ", True),
        ("ca1.example.net;", True),
        ("ca1.example.net ; ", True),
        ("ca1.example.net.", False),
        ("sub.ca1.example.net", False),
        ("", False),
        (";", False),
        (" ; policy=ev", False),
        (f"ca1.example.net; accounturi={ACCOUNT}", True),
        (f"ca1.example.net;accounturi = {ACCOUNT}", True),
        (f"ca1.example.net; accounturi={ACCOUNT}5", False),
        (f"ca1.example.net; accounturi={ACCOUNT.upper()}", False),
        ("ca1.example.net; accounturi=", False),
        (f"ca1.example.net; accounturi={ACCOUNT}; accounturi={ACCOUNT}", False),
        (f"ca1.example.net; accounturi={ACCOUNT}; AccountURI=other", False),
        ("ca1.example.net; validationmethods=dns-01", True),
        ("ca1.example.net; validationmethods=http-01,dns-01", True),
        ("ca1.example.net; validationmethods=http-01", False),
        ("ca1.example.net; validationmethods=dns-01x", False),
        ("ca1.example.net; validationmethods=", False),
        ("ca1.example.net; validationmethods=dns-01;validationmethods=dns-01", False),
        (f"ca1.example.net; validationmethods=dns-01; accounturi={ACCOUNT}", True),
        (f"ca1.example.net; validationmethods=http-01; accounturi={ACCOUNT}", False),
        ("ca1.example.net; unknown=x", True),
        ("ca1.example.net; a=b;", False),
        ("ca1.example.net; ;", False),
        ("ca1.example.net; a b=c", False),
        ("ca1.example.net; a=b c", False),
        ("ca1.example.net; =c", False),
        ("ca1.example.net; nothing", False),
        ("ca1.example.net; a=ü", False),
        ("ca1..example.net", False),
        ("-ca1.example.net", False),
    ],
)
def test_a_property_value_allows_exactly_the_ca_account_and_method_that_it_names(
    value: str, allowed: bool
) -> None:
    assert issue(value) is allowed


def test_one_matching_record_is_enough_and_is_shown() -> None:
    found = records("0 issue ca1.example.net; validationmethods=http-01", "0 issue ca1.example.net")
    verdict = evaluate(found, CA)
    assert verdict.allowed
    assert verdict.record == found[1]


def test_any_of_the_cas_own_names_will_do() -> None:
    request = CaaRequest(("ca1.example.net", "Alias.Example"), None, "dns-01")
    assert evaluate(records("0 issue alias.example"), request).allowed


def test_an_account_that_is_still_to_be_made_satisfies_no_accounturi() -> None:
    request = CaaRequest(CA.issuers, None, "dns-01")
    verdict = evaluate(records(f"0 issue ca1.example.net; accounturi={ACCOUNT}"), request)
    assert not verdict.allowed
    assert "still to be registered" in verdict.reason


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["0 issue ;"], 'the CAA record 0 issue ";" allows nobody'),
        (
            ["0 issue ca2.example.org"],
            'the CAA record 0 issue "ca2.example.org" allows another CA, not ca1.example.net',
        ),
        (
            ["0 issue ;", "0 issue ca1.example.net; validationmethods=http-01"],
            'the CAA record 0 issue "ca1.example.net; validationmethods=http-01" does not allow'
            " dns-01",
        ),
        (
            ["0 issue ca1.example.net; accounturi=x"],
            'the CAA record 0 issue "ca1.example.net; accounturi=x" allows another account, not '
            + ACCOUNT,
        ),
        (
            ["128 tbs x"],
            'the CAA record 128 tbs "x" is critical and its tag is not known',
        ),
    ],
)
def test_a_refusal_names_the_record_that_is_nearest_to_allowing_it(
    lines: list[str], reason: str
) -> None:
    assert evaluate(records(*lines), CA).reason == reason


def test_nothing_in_a_record_reaches_the_terminal_unfiltered() -> None:
    verdict = evaluate([CaaRecord(0, "issue", "a\x1b[31m\nb" + "c" * 5000)], CA)
    assert verdict.reason.isprintable()
    assert len(verdict.reason) < 400


@given(st.text(max_size=80))
def test_no_value_makes_the_parser_crash_and_spaces_around_it_do_not_matter(value: str) -> None:
    assert parse_issue_value(value) == parse_issue_value(f" {value}\t")


LABELS = st.text("abcxyz0189-", min_size=1, max_size=11).map(
    lambda text: "-".join(filter(None, text.split("-"))) or "a"
)
DOMAINS = st.lists(LABELS, min_size=1, max_size=4).map(".".join)
VALUES = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters=";"), max_size=20
)
SPACES = st.text(" \t", max_size=2)


@given(DOMAINS, st.dictionaries(LABELS, VALUES, max_size=4), SPACES)
def test_every_value_of_the_grammar_is_read_back(
    issuer: str, parameters: dict[str, str], space: str
) -> None:
    text = f"{space};{space}".join(
        [issuer, *(f"{tag}{space}={space}{value}" for tag, value in parameters.items())]
    )
    assert parse_issue_value(text) == IssueValue(issuer, tuple(parameters.items()))


RECORDS = st.builds(
    CaaRecord,
    flags=st.sampled_from([0, 128]),
    tag=st.sampled_from(["issue", "issuewild", "iodef", "unknown"]),
    value=st.sampled_from(["ca1.example.net", "ca2.example.org", ";", f"ca1.example.net;{'a=b'}"]),
)


@given(st.lists(RECORDS, max_size=6), st.booleans(), st.randoms())
def test_order_and_repetition_of_records_never_matter(
    found: list[CaaRecord], wildcard: bool, random: object
) -> None:
    request = WILD if wildcard else CA
    shuffled = found + found
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert evaluate(shuffled, request).allowed is evaluate(found, request).allowed


@given(st.lists(RECORDS, max_size=6), RECORDS)
def test_a_record_for_another_ca_never_allows_what_was_denied(
    found: list[CaaRecord], other: CaaRecord
) -> None:
    restricted = [record for record in found if record.tag in ("issue", "issuewild")]
    other = CaaRecord(other.flags, other.tag, "ca2.example.org")
    for request in (CA, WILD):
        if restricted and not evaluate(found, request).allowed and other.tag != "issuewild":
            assert not evaluate([*found, other], request).allowed


def test_the_binding_records_allow_this_account_and_method_and_no_others() -> None:
    lines = binding_records(name("example.com"), issuer="ca1.example.net", account_url=ACCOUNT)
    assert lines == (
        f'example.com. IN CAA 0 issue "ca1.example.net; accounturi={ACCOUNT};'
        ' validationmethods=dns-01"',
        f'example.com. IN CAA 0 issuewild "ca1.example.net; accounturi={ACCOUNT};'
        ' validationmethods=dns-01"',
    )
    found = [
        CaaRecord(0, line.split(" ")[4], line.partition('"')[2].removesuffix('"')) for line in lines
    ]
    for request in (CA, WILD):
        assert evaluate(found, request).allowed
    for stranger in (
        CaaRequest(CA.issuers, "https://ca1.example.net/acct/9", "dns-01"),
        CaaRequest(CA.issuers, ACCOUNT, "http-01"),
        CaaRequest(("ca2.example.org",), ACCOUNT, "dns-01"),
    ):
        assert not evaluate(found, stranger).allowed


SERVER = "127.0.0.41"
ZONE = f"""
@ NS ns1
ns1 A {SERVER}
@ CAA 0 issue "ca1.example.net"
@ CAA 0 iodef "mailto:security@example.com"
www A 192.0.2.1
closed CAA 0 issue ";"
alias CNAME closed
wild CAA 0 issuewild "ca2.example.org"
empty.ent TXT "x"
outside CNAME www.example.net.
bound CAA 0 issue "ca1.example.net; validationmethods=http-01"
"""


@pytest.fixture(scope="module")
def resolver_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerAddress]:
    port = common_port(SERVER)
    zones = {
        "example.com": ZONE,
        "com": "@ NS ns1.example.com.\nns1 A 192.0.2.9\n",
        "example.net": f'@ NS ns1\nns1 A {SERVER}\n@ CAA 0 issue "ca2.example.org"\n'
        "www A 192.0.2.1\n",
        "net": "@ NS ns1.example.com.\nns1 A 192.0.2.9\n",
    }
    with knot(tmp_path_factory.mktemp("caa"), SERVER, port, zones):
        yield ServerAddress(SERVER, port)


async def check(resolver: Resolver, text: str, method: str = "dns-01") -> CaaVerdict:
    return await check_caa(
        resolver,
        Identifier.parse(text),
        issuers=CA.issuers,
        account_url=ACCOUNT,
        method=method,
    )


@pytest.mark.parametrize(
    ("identifier", "allowed", "found_at"),
    [
        ("example.com", True, "example.com"),
        ("*.example.com", True, "example.com"),
        ("www.example.com", True, "example.com"),
        ("not.there.at.all.example.com", True, "example.com"),
        ("a.empty.ent.example.com", True, "example.com"),
        ("closed.example.com", False, "closed.example.com"),
        ("www.closed.example.com", False, "closed.example.com"),
        ("alias.example.com", False, "alias.example.com"),
        ("wild.example.com", True, "wild.example.com"),
        ("*.wild.example.com", False, "wild.example.com"),
        ("bound.example.com", False, "bound.example.com"),
        # The target's own parents have no say, only the original name's.
        ("outside.example.com", True, "example.com"),
    ],
)
async def test_the_nearest_records_above_the_name_count(
    resolver_address: ServerAddress, identifier: str, allowed: bool, found_at: str
) -> None:
    verdict = await check(Resolver([resolver_address]), identifier)
    assert (verdict.allowed, verdict.found_at) == (allowed, name(found_at))
    assert verdict.reason.endswith(f"(at {found_at})")
    assert not verdict.failed


async def test_the_method_counts(resolver_address: ServerAddress) -> None:
    assert (await check(Resolver([resolver_address]), "bound.example.com", "http-01")).allowed


async def test_no_records_anywhere_allow_it(resolver_address: ServerAddress) -> None:
    verdict = await check(Resolver([resolver_address]), "other.com")
    assert verdict == CaaVerdict(True, "no CAA record at other.com or above")


async def test_a_failure_below_the_first_records_denies_and_one_above_does_not() -> None:
    def broken_at(failing: str, question: dns.message.Message) -> dns.message.Message:
        asked = question.question[0].name.to_text(omit_final_dot=True)
        if asked == failing:
            return reply(question, rcode=dns.rcode.SERVFAIL, recursive=True)
        if asked == "example.com":
            return reply(question, 'example.com CAA 0 issue "ca1.example.net"', recursive=True)
        return reply(question, recursive=True)

    async with (
        FakeDns(lambda q: broken_at("www.example.com", q)) as below,
        FakeDns(lambda q: broken_at("com", q)) as above,
    ):
        denied = await check(Resolver([ServerAddress("127.0.0.1", below.port)]), "www.example.com")
        allowed = await check(Resolver([ServerAddress("127.0.0.1", above.port)]), "www.example.com")
    assert (denied.allowed, denied.failed, denied.found_at) == (
        False,
        True,
        name("www.example.com"),
    )
    assert "SERVFAIL" in denied.reason
    assert allowed.allowed


async def test_without_any_answer_it_counts_as_denied() -> None:
    resolver = Resolver([ServerAddress("127.0.0.1", free_port())], timeout=0.1)
    verdict = await check(resolver, "example.com")
    assert (verdict.allowed, verdict.failed) == (False, True)


async def test_ip_addresses_and_cas_without_a_name_have_no_caa() -> None:
    async with FakeDns(lambda question: None) as server:
        resolver = Resolver([ServerAddress("127.0.0.1", server.port)])
        assert (await check(resolver, "192.0.2.1")).allowed
        nameless = await check_caa(
            resolver,
            Identifier.parse("example.com"),
            issuers=(),
            account_url=None,
            method="dns-01",
        )
        assert nameless.allowed
        assert server.asked == []
