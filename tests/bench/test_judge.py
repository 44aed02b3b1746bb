"""What the endurance runs judge answers by would notice a wrong one."""

from __future__ import annotations

import dns.message
import dns.rrset
import pytest

from bench._message import name_on_wire, read_message, write_question
from bench._paced import quantile
from bench.soak.hostile import Hostile, deserves_answer, judge

NAME = "a.example.org"
QUESTION = write_question(name_on_wire(NAME), 7)


def answer(*, values: int = 1, rcode: int = 0) -> bytes:
    """Return the answer that dnspython writes."""
    reply = dns.message.make_response(dns.message.from_wire(QUESTION), our_payload=1232)
    reply.set_rcode(dns.rcode.Rcode(rcode))
    texts = [f'"{number:043}"' for number in range(values)]
    if texts:
        reply.answer.append(dns.rrset.from_text(f"{NAME}.", 1, "IN", "TXT", *texts))
    return reply.to_wire(max_size=65535)


def changed(packet: bytes, offset: int, byte: int) -> bytes:
    return packet[:offset] + bytes([byte]) + packet[offset + 1 :]


def test_a_right_answer_passes_and_is_read() -> None:
    judge(QUESTION, answer(), tcp=False)
    message = read_message(answer(values=2))
    assert sorted(message.texts) == [f"{number:043}" for number in range(2)]
    assert message.question == QUESTION[12 : 12 + len(message.question)]


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        pytest.param(None, "no answer", id="none"),
        pytest.param(answer() + b"\0", "bytes too many", id="longer"),
        pytest.param(answer()[:-1], "cut off", id="shorter"),
        pytest.param(changed(answer(), 1, 8), "another id", id="id"),
        pytest.param(changed(answer(), 2, 1), "QR", id="no response"),
        pytest.param(changed(answer(), 13, 0x62), "the question", id="question"),
        pytest.param(answer(rcode=2), "SERVFAIL", id="failure"),
        pytest.param(answer(values=0, rcode=3), "without SOA", id="negative"),
        pytest.param(answer(values=30), "where 1232 may be", id="too large"),
    ],
)
def test_a_wrong_answer_does_not_pass(reply: bytes | None, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        judge(QUESTION, reply, tcp=False)


def test_a_pointer_that_leads_nowhere_is_not_read() -> None:
    header = bytes((0, 7, 0x84, 0, 0, 1, 0, 0, 0, 0, 0, 0))
    for target in (12, 13, 40):
        with pytest.raises(ValueError, match="backwards"):
            read_message(header + bytes((0xC0, target)) + b"\0\x10\0\1")


def test_hostile_packets_follow_from_the_seed() -> None:
    first, again, other = (Hostile(seed, [NAME, ""]) for seed in ("1", "1", "2"))
    packets = [first.packet() for _ in range(500)]
    assert packets == [again.packet() for _ in range(500)]
    assert packets != [other.packet() for _ in range(500)]
    assert {deserves_answer(packet) for packet in packets} == {True, False}


def test_an_answer_that_never_came_counts_as_the_slowest() -> None:
    assert quantile([0.1] * 98, 0.99, missing=2) == float("inf")
    assert quantile([0.1] * 99 + [0.2], 0.99) == 0.2
