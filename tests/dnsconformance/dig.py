"""Asks with the real dig, and reads what it prints."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass

from tests.support.peers import dns_tool, dns_tool_environment

_HEADER = re.compile(r"opcode: (\S+), status: (\S+), id: ")
_FLAGS = re.compile(r"^;; flags:([^;]*);(?: MBZ: (\S+);)? QUERY: (.*)$", re.MULTILINE)
_EDNS = re.compile(r"^; EDNS: version: (\d+), flags:([^;]*);(?: MBZ: (\S+),)? udp: (\d+)$")
_SECTION = re.compile(r"^;; (\w+) (?:PSEUDO)?SECTION:$")


@dataclass(frozen=True)
class Edns:
    """An OPT record; ``reserved`` tells whether a flag without meaning is set in it."""

    version: int
    flags: frozenset[str]
    reserved: bool
    size: int
    options: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """An answer as dig shows it; ``reserved`` tells whether the header's reserved bit is set."""

    opcode: str
    status: str
    flags: frozenset[str]
    reserved: bool
    answer: tuple[str, ...]
    authority: tuple[str, ...]
    additional: tuple[str, ...]
    edns: Edns | None

    @property
    def answer_types(self) -> list[str]:
        """The types of the records in the answer section."""
        return [line.split()[3] for line in self.answer]


def dig(port: int, *arguments: str) -> Answer:
    """Ask the server at the port once."""
    done = subprocess.run(
        [dns_tool("dig"), "@127.0.0.1", "-p", str(port), "+tries=1", "+time=10", *arguments],
        env=dns_tool_environment(),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    warnings = set(re.findall(r"^;; WARNING: (.*)$", done.stdout, re.MULTILINE))
    assert warnings <= {"recursion requested but not available"}, done.stdout
    return read(done.stdout)


def read(text: str) -> Answer:
    """Return the answer in dig's output."""
    header = _HEADER.search(text)
    flags = _FLAGS.search(text)
    assert header, text
    assert flags, text
    sections = _sections(text)
    answer = Answer(
        opcode=header[1],
        status=header[2],
        flags=frozenset(flags[1].split()),
        reserved=flags[2] is not None,
        answer=sections.get("ANSWER", ()),
        authority=sections.get("AUTHORITY", ()),
        additional=sections.get("ADDITIONAL", ()),
        edns=_edns(sections.get("OPT", ())),
    )
    counts = [int(count) for count in re.findall(r"\d+", flags[3])]
    shown = [len(answer.answer), len(answer.authority), len(answer.additional) + bool(answer.edns)]
    assert counts[1:] == shown, text
    return answer


def _sections(text: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        title = _SECTION.match(line)
        if title:
            lines = found.setdefault(title[1], [])
        elif line.startswith(";; "):
            lines = []
        elif line:
            lines.append(line)
    return {title: tuple(lines) for title, lines in found.items()}


def _edns(lines: tuple[str, ...]) -> Edns | None:
    if not lines:
        return None
    match = _EDNS.match(lines[0])
    assert match, lines
    return Edns(
        version=int(match[1]),
        flags=frozenset(match[2].split()),
        reserved=match[3] is not None,
        size=int(match[4]),
        options=lines[1:],
    )
