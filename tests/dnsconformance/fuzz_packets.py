"""Lets atheris look for packets to which the service's answer breaks a rule.

``python -m tests.dnsconformance.fuzz_packets [libFuzzer's options]``
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris  # type: ignore[import-untyped]

from tests.dnsconformance.questions import make_question
from tests.dnsconformance.rules import check

with atheris.instrument_imports(include=["zoneproof.challengedns"]):
    from tests.support.challenge_service import make_responder, sample


_SEEDS = 500
_NAMES = [
    "auth.example.org",
    "www.auth.example.org",
    "b.c.auth.example.org",
    "x.wild.auth.example.org",
    "alias.example.com",
    "loop1.example.com",
    "inner.deep.example.com",
]


def _tester(folder: Path) -> Callable[[bytes], None]:
    config, fulldomain = asyncio.run(sample(folder, values=16))
    responder = make_responder(config)
    corpus = folder / "corpus"
    corpus.mkdir()
    random_ = random.Random(0)
    for number in range(_SEEDS):
        question = make_question(random_, [*_NAMES, fulldomain])
        (corpus / str(number)).write_bytes(bytes([question.tcp]) + question.wire)

    def test(data: bytes) -> None:
        tcp, packet = data[:1] == b"\1", data[1:]
        reply = responder.respond(packet, tcp=tcp)
        check(packet, reply, tcp=tcp)
        assert reply == responder._respond_unusual(packet, tcp), "the two paths differ"
        check(packet, responder.truncated(packet), tcp=False)

    return test


def main() -> None:
    """Fuzz until an option of libFuzzer ends it, or something is found."""
    with tempfile.TemporaryDirectory() as folder:
        test = _tester(Path(folder))
        atheris.Setup([*sys.argv, f"{folder}/corpus"], test)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
