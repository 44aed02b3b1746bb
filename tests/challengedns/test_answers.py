"""The table of answers, asked of a running service through real sockets."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator

import dns.edns
import dns.flags
import dns.message
import dns.opcode
import dns.query
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import pytest

from tests.support.challenge_service import (
    ZONE,
    Account,
    Service,
    register,
    texts,
    txt,
    update,
    write_config,
)
from tests.support.peers import dns_tool, dns_tool_environment

NOERROR, NXDOMAIN, REFUSED = dns.rcode.NOERROR, dns.rcode.NXDOMAIN, dns.rcode.REFUSED


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(write_config(tmp_path_factory.mktemp("service"))) as running:
        yield running


@pytest.fixture(scope="module")
def account(service: Service) -> Account:
    """A registration with two values."""
    made = register(service.url)
    assert update(service.url, made, txt("a")).status == 200
    assert update(service.url, made, txt("b")).status == 200
    return made


@pytest.fixture(scope="module")
def empty(service: Service) -> Account:
    """A registration without values."""
    return register(service.url)


def soa_of(message: dns.message.Message) -> str:
    """Return whose SOA stands in authority, and check that it may be cached for a minute only."""
    (rrset,) = message.authority
    assert rrset.rdtype == dns.rdatatype.SOA
    assert min(rrset.ttl, rrset[0].minimum) <= 60  # RFC 2308 section 5
    return str(rrset.name).lower()


def test_the_numbers_of_the_soa_are_those_that_zonemaster_accepts(service: Service) -> None:
    (rrset,) = service.ask(ZONE, "SOA").answer
    soa = rrset[0]
    assert soa.refresh >= 14_400
    assert soa.refresh > soa.retry >= 3_600
    assert soa.expire >= max(604_800, 7 * soa.refresh)
    assert 300 <= soa.minimum <= 86_400


def check_negative(message: dns.message.Message, rcode: dns.rcode.Rcode, zone: str) -> None:
    assert message.rcode() == rcode
    assert message.flags & dns.flags.AA
    assert not message.answer
    assert soa_of(message) == f"{zone}."


def records(message: dns.message.Message) -> list[str]:
    return [line for rrset in message.answer for line in rrset.to_text().splitlines()]


def test_txt_at_a_registration_has_all_values_with_ttl_1(
    service: Service, account: Account
) -> None:
    for tcp in (False, True):
        reply = service.ask(account.fulldomain, tcp=tcp)
        assert reply.rcode() == NOERROR
        assert reply.flags & dns.flags.AA
        assert not reply.flags & dns.flags.RA
        assert texts(reply) == [txt("a"), txt("b")]
        assert reply.answer[0].ttl == 1
        assert not reply.authority


def test_a_registration_without_values_exists_and_is_empty(
    service: Service, empty: Account
) -> None:
    check_negative(service.ask(empty.fulldomain), NOERROR, ZONE)


@pytest.mark.parametrize("rdtype", ["A", "AAAA", "CNAME", "CAA", "NS", "SOA", "HTTPS", "TYPE65280"])
def test_other_types_at_a_registration_are_empty(
    service: Service, account: Account, rdtype: str
) -> None:
    check_negative(service.ask(account.fulldomain, rdtype), NOERROR, ZONE)


@pytest.mark.parametrize(
    "name",
    [
        "nope.auth.example.org",
        "00000000-0000-4000-8000-000000000000.auth.example.org",
        "0.auth.example.org",
        "_acme-challenge.auth.example.org",
    ],
)
@pytest.mark.parametrize("rdtype", ["TXT", "A", "ANY", "NS"])
def test_a_name_that_does_not_exist_is_nxdomain(service: Service, name: str, rdtype: str) -> None:
    check_negative(service.ask(name, rdtype), NXDOMAIN, ZONE)


def test_only_names_directly_below_the_zone_are_registrations(
    service: Service, account: Account
) -> None:
    for name in (
        f"{account.subdomain}.evil.{ZONE}",
        f"evil.{account.subdomain}.{ZONE}",
        f"{account.subdomain}x.{ZONE}",
        f"{account.subdomain}.here.wild.{ZONE}",
    ):
        check_negative(service.ask(name), NXDOMAIN, ZONE)
    check_negative(service.ask(f"{account.subdomain}.example.com"), NXDOMAIN, "example.com")


@pytest.mark.parametrize("name", ["b.c.auth.example.org", "c.auth.example.org"])
def test_an_empty_non_terminal_exists(service: Service, name: str) -> None:
    for rdtype in ("TXT", "A", "ANY"):
        check_negative(service.ask(name, rdtype), NOERROR, ZONE)
    check_negative(service.ask(f"x.{name}"), NXDOMAIN, ZONE)


def test_the_apex_answers_as_configured(service: Service) -> None:
    assert records(service.ask(ZONE, "A")) == [f"{ZONE}. 300 IN A 192.0.2.1"]
    assert records(service.ask(ZONE, "AAAA")) == [f"{ZONE}. 300 IN AAAA 2001:db8::1"]
    assert records(service.ask(ZONE, "CAA")) == [f'{ZONE}. 300 IN CAA 0 issue "ca.example"']
    (soa,) = service.ask(ZONE, "SOA").answer
    assert str(soa[0].mname) == f"ns1.{ZONE}."
    assert str(soa[0].rname) == "host\\.master.example.org."
    check_negative(service.ask(ZONE, "TXT"), NOERROR, ZONE)


def test_ns_brings_the_addresses_that_we_know(service: Service) -> None:
    reply = service.ask(ZONE, "NS")
    assert {str(rdata) for rdata in reply.answer[0]} == {f"ns1.{ZONE}.", "ns.elsewhere.net."}
    assert {line for rrset in reply.additional for line in rrset.to_text().splitlines()} == {
        f"ns1.{ZONE}. 300 IN A 192.0.2.53",
        f"ns1.{ZONE}. 300 IN AAAA 2001:db8::53",
    }
    other = service.ask("example.com", "NS")
    assert [str(rrset.name) for rrset in other.additional] == [f"ns1.{ZONE}."] * 2


def test_static_names_match_without_case_and_echo_it(service: Service) -> None:
    reply = service.ask("wWw.AUTH.eXample.org")
    assert texts(reply) == ["statictext"]
    assert str(reply.question[0].name) == "wWw.AUTH.eXample.org."
    assert str(reply.answer[0].name) == "wWw.AUTH.eXample.org."


def test_a_wildcard_answers_for_names_that_do_not_exist(service: Service) -> None:
    reply = service.ask("any.thing.wild.auth.example.org")
    assert texts(reply) == ["from the wildcard"]
    assert str(reply.answer[0].name) == "any.thing.wild.auth.example.org."
    check_negative(service.ask("here.wild.auth.example.org"), NOERROR, ZONE)
    check_negative(service.ask("x.here.wild.auth.example.org"), NXDOMAIN, ZONE)
    check_negative(service.ask("any.wild.auth.example.org", "A"), NOERROR, ZONE)


def test_a_cname_brings_what_its_target_has(service: Service) -> None:
    reply = service.ask("alias.example.com", "A")
    assert records(reply) == [
        "alias.example.com. 300 IN CNAME target.example.com.".replace("300", "3600"),
        "target.example.com. 3600 IN A 192.0.2.4",
    ]
    assert len(records(service.ask("alias.example.com", "CNAME"))) == 1
    empty_target = service.ask("alias.example.com", "TXT")
    assert empty_target.rcode() == NOERROR
    assert len(empty_target.answer) == 1
    assert soa_of(empty_target) == "example.com."


def test_a_cname_that_leads_outside_is_answered_alone(service: Service) -> None:
    reply = service.ask("outside.example.com", "A")
    assert reply.rcode() == NOERROR
    assert records(reply) == ["outside.example.com. 3600 IN CNAME www.elsewhere.net."]
    assert not reply.authority


def test_a_cname_to_a_missing_name_is_nxdomain(service: Service) -> None:
    reply = service.ask("nowhere.example.com", "A")
    assert reply.rcode() == NXDOMAIN
    assert len(reply.answer) == 1
    assert soa_of(reply) == "example.com."


def test_a_cname_loop_ends(service: Service) -> None:
    reply = service.ask("loop1.example.com", "A")
    assert reply.rcode() == NOERROR
    assert len(reply.answer) == 2


def test_any_is_answered_with_hinfo(service: Service, account: Account) -> None:
    for name in (ZONE, account.fulldomain, "www.auth.example.org", "any.wild.auth.example.org"):
        (rrset,) = service.ask(name, "ANY").answer
        assert rrset.rdtype == dns.rdatatype.HINFO
        assert rrset[0].cpu == b"RFC8482"
    assert records(service.ask("alias.example.com", "ANY")) == [
        "alias.example.com. 3600 IN CNAME target.example.com."
    ]


@pytest.mark.parametrize("name", ["example.org", "elsewhere.net", ".", "xauth.example.org", "org"])
def test_a_name_outside_the_zones_is_refused(service: Service, name: str) -> None:
    reply = service.ask(name, "A")
    assert reply.rcode() == REFUSED
    assert not reply.flags & dns.flags.AA


@pytest.mark.parametrize("rdtype", ["AXFR", "IXFR"])
def test_a_zone_transfer_is_refused(service: Service, rdtype: str) -> None:
    question = dns.message.make_query(ZONE, rdtype)
    reply = dns.query.udp(question, "127.0.0.1", port=service.dns_port, timeout=10)
    assert reply.rcode() == REFUSED


@pytest.mark.parametrize("rdclass", ["CH", "HS", "ANY", "NONE"])
def test_another_class_is_refused(service: Service, rdclass: str) -> None:
    question = dns.message.make_query(ZONE, "A", rdclass)
    reply = dns.query.udp(question, "127.0.0.1", port=service.dns_port, timeout=10)
    assert reply.rcode() == REFUSED


@pytest.mark.parametrize("opcode", ["IQUERY", "STATUS", "NOTIFY", "UPDATE"])
def test_another_opcode_is_not_implemented(service: Service, opcode: str) -> None:
    question = dns.message.make_query(ZONE, "SOA")
    question.set_opcode(dns.opcode.from_text(opcode))
    reply = exchange(service, question.to_wire())
    assert reply[2:4] == bytes([0x80 | question.opcode() << 3 | 1, dns.rcode.NOTIMP])


def test_a_later_edns_version_is_badvers(service: Service, account: Account) -> None:
    question = dns.message.make_query(account.fulldomain, "TXT", use_edns=1)
    reply = dns.query.udp(question, "127.0.0.1", port=service.dns_port, timeout=10)
    assert reply.rcode() == dns.rcode.BADVERS
    assert reply.edns == 0
    assert not reply.answer


def test_unknown_edns_options_and_flags_are_ignored(service: Service, account: Account) -> None:
    question = dns.message.make_query(account.fulldomain, "TXT")
    option = dns.edns.GenericOption(dns.edns.OptionType.make(65001), b"what is this")
    question.use_edns(0, ednsflags=0x4001, payload=1232, options=[option])
    reply = dns.query.udp(question, "127.0.0.1", port=service.dns_port, timeout=10)
    assert texts(reply) == [txt("a"), txt("b")]
    assert not reply.options


def test_without_edns_the_answer_has_none(service: Service, account: Account) -> None:
    question = dns.message.make_query(account.fulldomain, "TXT", use_edns=False)
    reply = dns.query.udp(question, "127.0.0.1", port=service.dns_port, timeout=10)
    assert texts(reply) == [txt("a"), txt("b")]
    assert reply.edns == -1


def test_ds_of_a_zone_is_asked_of_the_zone_above(service: Service) -> None:
    check_negative(service.ask("inner.deep.example.com", "DS"), NOERROR, "example.com")
    check_negative(service.ask("inner.deep.example.com", "A"), NOERROR, "inner.deep.example.com")
    check_negative(service.ask("x.inner.deep.example.com"), NXDOMAIN, "inner.deep.example.com")
    check_negative(service.ask("deep.example.com"), NOERROR, "example.com")


def test_the_serial_rises_with_every_change(service: Service) -> None:
    account = register(service.url)
    serials = []
    for change in (
        lambda: None,
        lambda: update(service.url, account, txt("x")),
        lambda: update(service.url, account, txt("y")),
        lambda: update(service.url, account, txt("x"), method="DELETE"),
    ):
        change()
        serials.append(service.ask(ZONE, "SOA").answer[0][0].serial)
    assert serials == sorted(set(serials))


def test_what_does_not_fit_is_truncated_and_comes_by_tcp(service: Service) -> None:
    account = register(service.url)
    values = sorted(txt(letter) for letter in "abcdefghijklmnop")
    for value in values:
        update(service.url, account, value)
    small = dns.message.make_query(account.fulldomain, "TXT", use_edns=False)
    reply = dns.query.udp(small, "127.0.0.1", port=service.dns_port, timeout=10)
    assert reply.flags & dns.flags.TC
    assert not reply.answer
    assert not reply.authority
    assert service.texts(account.fulldomain, tcp=True) == values
    assert service.texts(account.fulldomain) == values


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["+noedns"], "NOERROR"),
        (["+edns=0", "+cookie"], "NOERROR"),
        (["+edns=1", "+noednsneg"], "BADVERS"),
        (["+tcp", "+keepopen"], "NOERROR"),
        (["+bufsize=4096", "+dnssec", "+cdflag", "+adflag"], "NOERROR"),
        (["+nsid", "+subnet=192.0.2.0/24", "+padding=128"], "NOERROR"),
        (["+zflag"], "NOERROR"),
    ],
)
def test_dig_is_content(
    service: Service, account: Account, options: list[str], expected: str
) -> None:
    done = subprocess.run(
        [
            dns_tool("dig"),
            "@127.0.0.1",
            *("-p", str(service.dns_port), "+tries=1", "+time=5", "+norecurse"),
            *(*options, account.fulldomain, "TXT"),
        ],
        env={**os.environ, **dns_tool_environment()},
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"status: {expected}" in done.stdout
    assert (txt("a") in done.stdout) == (expected == "NOERROR")
    assert "WARNING" not in done.stdout
    assert not done.stderr


def exchange(service: Service, packet: bytes) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(10)
        sock.connect(("127.0.0.1", service.dns_port))
        sock.send(packet)
        return sock.recv(65535)


def test_a_packet_that_gets_no_answer_does_not_stop_the_next(
    service: Service, account: Account
) -> None:
    question = dns.message.make_query(account.fulldomain, "TXT").to_wire()
    response = bytearray(question)
    response[2] |= 0x80
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(10)
        sock.connect(("127.0.0.1", service.dns_port))
        for packet in (b"", b"\0" * 11, bytes(response), question):
            sock.send(packet)
        assert sock.recv(65535)[:2] == question[:2]
