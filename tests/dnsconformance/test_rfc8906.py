"""The tests that RFC 8906 section 8 gives for an authoritative server, with its dig commands."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.dnsconformance.dig import Answer, Edns, dig
from tests.support.challenge_service import ZONE, Service, register, txt, update, write_config


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with Service(write_config(tmp_path_factory.mktemp("service"))) as service:
        yield service.dns_port


@pytest.fixture(scope="module")
def full_registration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, str]]:
    """A port, and a name there whose answer takes more than 512 bytes."""
    with Service(write_config(tmp_path_factory.mktemp("full"))) as service:
        account = register(service.url)
        for letter in "abcdefghijklmnop":
            assert update(service.url, account, txt(letter)).status == 200
        yield service.dns_port, account.fulldomain


def check_soa(answer: Answer) -> None:
    """Check an answer that holds the SOA record as the RFC expects it."""
    assert answer.status == "NOERROR"
    assert answer.answer_types == ["SOA"]
    assert "aa" in answer.flags
    assert not answer.flags & {"ad", "ra", "tc"}
    assert not answer.reserved


def check_version_0(answer: Answer) -> Edns:
    """Check that there is an OPT record of version 0 without options and unknown flags."""
    assert answer.edns is not None
    assert answer.edns.version == 0
    assert not answer.edns.reserved
    assert not answer.edns.options
    return answer.edns


def check_bad_version(answer: Answer) -> Edns:
    """Check an answer to a question of an unknown EDNS version."""
    assert answer.status == "BADVERS"
    assert not answer.answer
    assert not answer.flags & {"aa", "ad"}
    return check_version_0(answer)


def test_8_1_1_the_server_is_configured_for_the_zone(port: int) -> None:
    answer = dig(port, "+noedns", "+noad", "+norec", "soa", ZONE)
    check_soa(answer)
    assert "rd" not in answer.flags
    assert answer.edns is None


def test_8_1_2_an_unknown_type_is_empty(port: int) -> None:
    answer = dig(port, "+noedns", "+noad", "+norec", "type1000", ZONE)
    assert answer.status == "NOERROR"
    assert not answer.answer
    assert answer.flags == {"qr", "aa"}


def test_8_1_3_1_cd_in_a_query_is_no_obstacle(port: int) -> None:
    answer = dig(port, "+noedns", "+noad", "+norec", "+cd", "soa", ZONE)
    check_soa(answer)
    assert "rd" not in answer.flags


def test_8_1_3_2_ad_in_a_query_is_no_obstacle(port: int) -> None:
    answer = dig(port, "+noedns", "+norec", "+ad", "soa", ZONE)
    check_soa(answer)
    assert "rd" not in answer.flags


def test_8_1_3_3_the_reserved_bit_is_not_copied(port: int) -> None:
    answer = dig(port, "+noedns", "+noad", "+norec", "+zflag", "soa", ZONE)
    check_soa(answer)
    assert "rd" not in answer.flags


def test_8_1_3_4_a_recursive_query_gets_rd_back(port: int) -> None:
    answer = dig(port, "+noedns", "+noad", "+rec", "soa", ZONE)
    check_soa(answer)
    assert "rd" in answer.flags


@pytest.mark.parametrize("form", [["+header-only"], ["soa", ZONE]])
def test_8_1_4_an_unknown_opcode_is_not_implemented(port: int, form: list[str]) -> None:
    answer = dig(port, "+noedns", "+noad", "+opcode=15", "+norec", *form)
    assert answer.status == "NOTIMP"
    assert answer.opcode == "RESERVED15"
    assert not answer.answer + answer.authority + answer.additional
    assert answer.flags == {"qr"}


def test_8_1_5_tcp_works(port: int) -> None:
    check_soa(dig(port, "+noedns", "+noad", "+norec", "+tcp", "soa", ZONE))


def test_8_2_1_minimal_edns(port: int) -> None:
    answer = dig(port, "+nocookie", "+edns=0", "+noad", "+norec", "soa", ZONE)
    check_soa(answer)
    assert not check_version_0(answer).flags


def test_8_2_2_version_negotiation(port: int) -> None:
    check_bad_version(
        dig(port, "+nocookie", "+edns=1", "+noednsneg", "+noad", "+norec", "soa", ZONE)
    )


def test_8_2_3_an_unknown_option_is_ignored(port: int) -> None:
    answer = dig(port, "+nocookie", "+edns=0", "+noad", "+norec", "+ednsopt=100", "soa", ZONE)
    check_soa(answer)
    check_version_0(answer)


def test_8_2_4_an_unknown_flag_is_ignored(port: int) -> None:
    answer = dig(port, "+nocookie", "+edns=0", "+noad", "+norec", "+ednsflags=0x40", "soa", ZONE)
    check_soa(answer)
    check_version_0(answer)


@pytest.mark.parametrize("unknown", ["+ednsflags=0x40", "+ednsopt=100"], ids=["8_2_5", "8_2_6"])
def test_version_negotiation_with_something_unknown(port: int, unknown: str) -> None:
    check_bad_version(
        dig(port, "+nocookie", "+edns=1", "+noednsneg", "+noad", "+norec", unknown, "soa", ZONE)
    )


def test_8_2_7_a_truncated_answer_keeps_its_opt_record(full_registration: tuple[int, str]) -> None:
    port, name = full_registration
    answer = dig(port, "+norec", "+dnssec", "+bufsize=512", "+ignore", "txt", name)
    assert answer.status == "NOERROR"
    assert "tc" in answer.flags
    check_version_0(answer)


def test_8_2_8_and_9_do_comes_back_with_every_version(port: int) -> None:
    # RFC 3225 section 3 copies the flag; RFC 8906 asks for it in both answers or in none.
    known = dig(port, "+nocookie", "+edns=0", "+noad", "+norec", "+dnssec", "soa", ZONE)
    check_soa(known)
    assert check_version_0(known).flags == {"do"}
    unknown = dig(
        port, "+nocookie", "+edns=1", "+noednsneg", "+noad", "+norec", "+dnssec", "soa", ZONE
    )
    assert check_bad_version(unknown).flags == {"do"}


def test_8_2_10_several_known_options_at_once(port: int) -> None:
    options = ["+cookie", "+nsid", "+expire", "+subnet=0.0.0.0/0"]
    answer = dig(port, "+edns=0", "+noad", "+norec", *options, "soa", ZONE)
    check_soa(answer)
    check_version_0(answer)


def test_dig_as_people_type_it_shows_every_value(full_registration: tuple[int, str]) -> None:
    port, name = full_registration
    answer = dig(port, "txt", name)
    assert answer.status == "NOERROR"
    assert sorted(line.split() for line in answer.answer) == [
        [f"{name}.", "1", "IN", "TXT", f'"{txt(letter)}"'] for letter in "abcdefghijklmnop"
    ]
