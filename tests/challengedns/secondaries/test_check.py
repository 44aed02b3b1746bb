"""``zoneproof challenge serve --check`` of secondaries, before and while the service runs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from tests.challengedns.checking import CONFIG, check
from tests.support.challenge_service import Service
from tests.support.fake_dns import FakeDns
from tests.support.secondaries import SECRET
from zoneproof.testing.ports import free_port

SECONDARY = """
[[secondaries]]
address = "127.0.0.1:{port}"
key = "some-key"
secret = "{secret}"
zones = ["auth.example.org"]
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "zoneproof.toml"
    path.write_text(CONFIG.format(port=free_port(), api=""))
    return path


async def test_a_secondary_without_the_zone_is_a_problem_once_the_service_runs(
    config: Path,
) -> None:
    def serve_fail(question: dns.message.Message) -> dns.message.Message:
        reply = dns.message.make_response(question)
        reply.set_rcode(dns.rcode.SERVFAIL)
        return reply

    def secondaries() -> tuple[int, list[str]]:
        code, findings = check(config, "--no-dns")
        texts = [f"{each['level']}: {each['text']}" for each in findings]
        return code, [text for text in texts if " secondary " in text]

    def before_and_while_it_runs(server: str) -> None:
        beginning = f"secondary {server} for auth.example.org: {server} answers SERVFAIL"
        code, (found,) = secondaries()
        assert code == 0
        assert found.startswith(f"note: {beginning}; if it never had the zone")
        with Service(config):
            code, (found,) = secondaries()
            assert code == 1
            assert found == f"problem: {beginning}: see the service's log"

    async with FakeDns(serve_fail) as fake:
        text = config.read_text() + SECONDARY.format(port=fake.port, secret=SECRET)
        config.write_text(text)
        await asyncio.to_thread(before_and_while_it_runs, f"127.0.0.1:{fake.port}")


async def test_a_secondary_that_is_behind_the_running_service_is_noted(config: Path) -> None:
    def old(question: dns.message.Message) -> dns.message.Message:
        reply = dns.message.make_response(question)
        reply.flags |= dns.flags.AA
        soa = "ns.example.org. host.example.org. 1 1 1 1 1"
        reply.answer.append(dns.rrset.from_text(question.question[0].name, 60, "IN", "SOA", soa))
        return reply

    def level() -> list[str]:
        _, findings = check(config, "--no-dns")
        found = [each for each in findings if " has the serial 1" in each["text"]]
        return [each["level"] for each in found]

    def before_and_while_it_runs() -> None:
        assert level() == ["ok"]
        with Service(config):
            assert level() == ["note"]

    async with FakeDns(old) as fake:
        section = SECONDARY.format(port=fake.port, secret=SECRET)
        config.write_text(config.read_text() + section)
        await asyncio.to_thread(before_and_while_it_runs)
