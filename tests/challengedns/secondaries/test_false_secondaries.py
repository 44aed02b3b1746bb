"""Secondaries that answer wrongly are left out, and the log says what is wrong."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rrset
import pytest

from tests.support.challenge_service import challenge_command, register, txt, update
from tests.support.fake_dns import FakeDns
from tests.support.hidden_primary import HiddenPrimary
from tests.support.secondaries import SECRET

SECTION = """
[[secondaries]]
address = "127.0.0.1:{port}"
key = "some-key"
secret = "{secret}"
zones = ["auth.example.org"]
wait = "1s"
"""


def soa(question: dns.message.Message, serial: int, *, aa: bool = True) -> dns.message.Message:
    reply = dns.message.make_response(question)
    reply.flags |= dns.flags.AA if aa else 0
    text = f"ns.example.org. host.example.org. {serial} 1 1 1 1"
    reply.answer.append(dns.rrset.from_text(question.question[0].name, 60, "IN", "SOA", text))
    return reply


def ahead(question: dns.message.Message) -> dns.message.Message:
    return soa(question, 3_900_000_000)


def without_authority(question: dns.message.Message) -> dns.message.Message:
    return soa(question, 3_900_000_000, aa=False)


def refusing(question: dns.message.Message) -> dns.message.Message:
    reply = dns.message.make_response(question)
    reply.set_rcode(dns.rcode.REFUSED)
    return reply


def nonsense(question: dns.message.Message) -> bytes:
    return question.to_wire()[:2] + b"\x84"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (ahead, "has serial 3900000000, which is ahead of .*: remove its copy"),
        (without_authority, "answers without authority"),
        (refusing, "answers REFUSED"),
        (nonsense, "does not answer"),
    ],
)
async def test_it_is_left_out(
    answer: Callable[[dns.message.Message], dns.message.Message | bytes],
    said: str,
    tmp_path: Path,
) -> None:
    def reply(question: dns.message.Message) -> dns.message.Message | bytes | None:
        return None if question.opcode() == dns.opcode.NOTIFY else answer(question)

    async with FakeDns(reply) as fake:
        more = SECTION.format(port=fake.port, secret=SECRET)
        primary = HiddenPrimary(tmp_path, more=more)

        def work() -> None:
            with primary:
                account = register(primary.service.url)
                assert update(primary.service.url, account, txt("a")).status == 200
                line = f"secondary 127.0.0.1:{fake.port} is left out: 127.0.0.1 port .* {said}"
                primary.service.wait_for_line(line)
                assert update(primary.service.url, account, txt("b")).status == 200
                listed = challenge_command(primary.config, "secondary", "list").stdout
                (line,) = listed.splitlines()[1:]
                assert re.search(said, line), line
                checked = challenge_command(primary.config, "serve", "--check", "--no-dns").stdout
                (line,) = (one for one in checked.splitlines() if f":{fake.port} for" in one)
                assert re.match(f"PROBLEM .*{said}", line), line
                disabled = challenge_command(
                    primary.config, "registration", "disable", account.subdomain
                )
                assert f"not yet answered by secondary 127.0.0.1:{fake.port}" in disabled.stderr

        await asyncio.to_thread(work)
