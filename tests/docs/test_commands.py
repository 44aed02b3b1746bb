"""Every ``zoneproof`` command line in the documentation has a command and options that exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from tests.docs.page import DOCS, ROOT, blocks
from tests.support.command_tree import check
from zoneproof.core.errors import ZoneproofError

PAGES = [ROOT / "README.md", *DOCS.glob("*.md")]
_SPAN = re.compile(r"(?<!`)`(zoneproof [^`\n]+)`(?!`)")
_END = {"&&", "||", "|", ";", ">", ">>", "&"}
_LINE = re.compile(r"""(?:^|[\s/])zoneproof ([a-z-]+(?: .*)?)$""")


def command_lines(page: Path) -> Iterator[str]:
    """Yield what follows ``zoneproof`` on each command line of blocks and of code in prose."""
    text = page.read_text("utf-8")
    for _, content in blocks(text):
        for line in content.replace("\\\n", " ").splitlines():
            yield from (found.removesuffix('",') for found in _LINE.findall(line))
    for span in _SPAN.findall(text):
        yield span.removeprefix("zoneproof ")


def words_of(line: str) -> list[str]:
    """Return the words up to the command's end."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="&|;>")
    lexer.whitespace_split = True
    lexer.commenters = "#"
    words = []
    for word in lexer:
        if word in _END:
            break
        words.append(word)
    return words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_options_exist(page: Path) -> None:
    for line in command_lines(page):
        try:
            check(words_of(line))
        except click.UsageError as error:
            raise AssertionError(f"zoneproof {line}: {error.format_message()}") from error


def test_the_exit_codes_are_those_of_the_errors() -> None:
    def codes(error: type[ZoneproofError]) -> set[int]:
        return {error.exit_code}.union(*map(codes, error.__subclasses__()))

    page = (DOCS / "manager.md").read_text("utf-8")
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)}
    assert told == codes(ZoneproofError) | {0, 130}


def test_the_check_finds_what_is_wrong() -> None:
    for line in ("isue example.com", "issue example.com --provder x", "credential tst dns"):
        with pytest.raises(click.UsageError):
            check(words_of(line))
