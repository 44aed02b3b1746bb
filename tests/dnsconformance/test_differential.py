"""Knot, asked the same questions about the same zones, answers the same but for listed reasons."""

from __future__ import annotations

import random
from collections.abc import Iterator

import dns.flags
import dns.message
import dns.opcode
import dns.rdataclass
import pytest

from tests.dnsconformance.asking import Asker
from tests.dnsconformance.comparison import DIFFERENCES
from tests.dnsconformance.differential import Comparer, findings
from tests.dnsconformance.questions import Question
from tests.dnsconformance.twins import Twins, open_twins

QUESTIONS = 3000


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twins]:
    with open_twins(tmp_path_factory.mktemp("twins")) as opened:
        yield opened


def test_random_questions_get_the_same_answers(twins: Twins) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"python -m tests.dnsconformance.differential {QUESTIONS} {seed}")
    for finding in findings(twins, QUESTIONS, seed):
        assert not finding.unexpected, str(finding)


def question(
    name: str,
    rdtype: str = "TXT",
    *,
    rdclass: str = "IN",
    opcode: int = 0,
    flags: int = 0,
    payload: int | None = None,
) -> Question:
    """Return a question by UDP, with EDNS if it has a payload size."""
    message = dns.message.make_query(name, rdtype, rdclass, flags=flags)
    message.set_opcode(dns.opcode.Opcode(opcode))
    if payload is not None:
        message.use_edns(payload=payload, request_payload=payload)
    return Question(message, message.to_wire(), tcp=False)


EXAMPLES = {
    "extended error": question("elsewhere.net", payload=1232),
    "any": question("www.auth.example.org", "ANY"),
    "addresses for NS only": question("auth.example.org", "MX"),
    "transfer": question("auth.example.org", "AXFR"),
    "type 0": question("auth.example.org", "TYPE0"),
    "class ANY": question("auth.example.org", rdclass="ANY"),
    "opcode": question("auth.example.org", opcode=2),
    "size 1": question("auth.example.org", payload=1),
    "compression": question("link5.auth.example.org"),
    "cut any": question("long.auth.example.org", "ANY"),
}


@pytest.mark.parametrize("name", DIFFERENCES)
def test_a_listed_difference_is_really_there(twins: Twins, name: str) -> None:
    with Asker(twins.service.dns_port) as ours, Asker(twins.knot.port) as knots:
        finding = Comparer(ours, knots).ask(EXAMPLES[name])
    assert name in finding.reasons, str(finding)
    assert not finding.unexpected, str(finding)
