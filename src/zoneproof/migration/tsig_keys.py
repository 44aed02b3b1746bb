"""Reads TSIG keys in the forms that BIND's tools take: what follows ``nsupdate -k`` and ``-y``.

A key file is a ``key`` statement as in ``named.conf``, with its comments, or one of the two files
of ``dnssec-keygen``: a KEY record (RFC 2930, RFC 3445), or ``Private-key-format`` lines, whose key
has its name from the record beside it or from the file's own, ``K<name>.+<algorithm>+<id>``. What
Knot's ``keymgr -t`` prints is read, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from zoneproof.core.errors import InvalidInputError
from zoneproof.core.text import printable
from zoneproof.migration.reading import exists, read_text, unusable

_USUAL = "hmac-sha256"  # what nsupdate takes for a key without one
# The numbers that dnssec-keygen gives them, which are BIND's own.
_BY_NUMBER = {
    "157": "hmac-md5",
    "161": "hmac-sha1",
    "162": "hmac-sha224",
    "163": "hmac-sha256",
    "164": "hmac-sha384",
    "165": "hmac-sha512",
}
_ALGORITHM = re.compile(r"(?:hmac[-_]?)?(md5|sha[-_]?(?:1|224|256|384|512))(-\d+)?")
_MD5_NAME = ".sig-alg.reg.int"  # RFC 8945 section 6
_TOKEN = re.compile(
    r"""\s+ | \#[^\n]* | //[^\n]* | /\*.*?\*/
    | "(?P<quoted>(?:\\.|[^"\\])*)" | (?P<mark>[{};]) | (?P<bare>[^\s{};"]+)""",
    re.VERBOSE | re.DOTALL,
)
_PRIVATE_LINE = re.compile(r"(Algorithm|Key):\s*(\S+)")
_KNOT_LINE = re.compile(r"""^\s*(?:-\s*)?(id|algorithm|secret):\s*["']?([^\s"'#]+)""", re.MULTILINE)
_FILE_NAME = re.compile(r"K(.+)\.\+\d+\+\d+")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class TsigKey:
    """A key; ``secret`` is base64, and ``algorithm`` one of the provider rfc2136's."""

    name: str
    algorithm: str
    secret: str = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def fields(self) -> dict[str, str]:
        """The fields of the provider rfc2136."""
        return {"key_name": self.name, "secret": self.secret, "algorithm": self.algorithm}


def read_key_file(path: Path) -> TsigKey:
    """Return the first key of a file. Raises InvalidInputError, which repeats nothing of it."""
    text = read_text(path)
    try:
        if text.lstrip().startswith("Private-key-format:"):
            return _private_file(path, text)
        return _key_record(text) or _key_of_knot(text) or _key_statement(text)
    except InvalidInputError as error:
        raise unusable(path, error.message) from error


def read_key_text(text: str) -> TsigKey | None:
    """Return the key that ``[algorithm:]name:secret`` says, None for what is not of that form."""
    *before, name, secret = text.split(":") if ":" in text else ("", "")
    if not _NAME.fullmatch(name) or not secret or len(before) > 1:
        return None
    try:
        return TsigKey(name, algorithm_name(before[0]) if before else _USUAL, secret)
    except InvalidInputError:
        return None


def algorithm_name(text: str) -> str:
    """Return a TSIG algorithm as the provider rfc2136 calls it, from any spelling.

    Raises InvalidInputError for others, also for signatures that are cut short.
    """
    bare = text.strip().lower().rstrip(".").removesuffix(_MD5_NAME)
    found = _ALGORITHM.fullmatch(bare)
    if not found:
        raise InvalidInputError(f"'{printable(text[:40])}' is not a TSIG algorithm")
    if found[2]:
        raise InvalidInputError(
            f"its signatures are cut short ({printable(text[:40])}), which Zoneproof does not "
            "support: make a key without that"
        )
    return f"hmac-{re.sub('[-_]', '', found[1])}"


# --- named.conf --------------------------------------------------------------------------------


def _key_statement(text: str) -> TsigKey:
    statements = list(_statements(_tokens(text)))
    keys = [one for one in statements if one[0] == "key" and len(one) > 2 and one[2] == "{"]
    if not keys:
        raise InvalidInputError("there is no TSIG key in it")
    _, name, _, *body = keys[0]
    entries: dict[str, str] = {}
    for entry in _statements(iter(body)):
        if len(entry) == 2:
            entries.setdefault(entry[0].lower(), entry[1])
    if not entries.get("secret"):
        raise InvalidInputError("its TSIG key has no secret")
    if not entries.get("algorithm"):
        raise InvalidInputError("its TSIG key has no algorithm")
    notes: tuple[str, ...] = ()
    if len(keys) > 1:
        notes = (f"its key file holds {len(keys)} keys, and the first is used: {name}",)
    return TsigKey(name, algorithm_name(entries["algorithm"]), entries["secret"], notes)


def _tokens(text: str) -> Iterator[str]:
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if not found:
            raise InvalidInputError("a quote in it is not closed")
        position = found.end()
        if found["quoted"] is not None:
            yield re.sub(r"\\(.)", r"\1", found["quoted"])
        elif found["mark"] or found["bare"]:
            yield found["mark"] or found["bare"]


def _statements(tokens: Iterator[str]) -> Iterator[list[str]]:
    """Give what stands between semicolons, with what is in braces."""
    depth, statement = 0, list[str]()
    for word in tokens:
        depth += {"{": 1, "}": -1}.get(word, 0)
        if depth < 0:  # the end of the block whose words these are
            break
        if word == ";" and not depth:
            if statement:
                yield statement
            statement = []
        else:
            statement.append(word)
    if statement and not depth:
        yield statement


# --- dnssec-keygen -----------------------------------------------------------------------------


def _key_record(text: str) -> TsigKey | None:
    """Return the key of a zone-file record ``name [TTL] [IN] KEY flags protocol number secret``."""
    for record in _records(text):
        words = record.split()
        upper = [word.upper() for word in words[:4]]
        if "KEY" not in upper[1:] or "{" in record:
            continue
        at = upper.index("KEY", 1)
        numbers, secret = words[at + 1 : at + 4], "".join(words[at + 4 :])
        if secret:
            return TsigKey(words[0], _by_number(numbers[2]), secret)
    return None


def _records(text: str) -> Iterator[str]:
    """Give the records of a zone file; parentheses hold lines together (RFC 1035 section 5.1)."""
    record, depth = "", 0
    for line in text.splitlines():
        bare = line.partition(";")[0]
        depth += bare.count("(") - bare.count(")")
        record += f" {bare.replace('(', ' ').replace(')', ' ')}"
        if depth <= 0:
            yield record
            record, depth = "", 0
    yield record


def _key_of_knot(text: str) -> TsigKey | None:
    """Return the first key of a ``key:`` section of knot.conf."""
    if not re.search(r"^key:\s*$", text, re.MULTILINE):
        return None
    found: dict[str, str] = {}
    for name, value in _KNOT_LINE.findall(text):
        found.setdefault(name, value)
    if not {"id", "secret"} <= found.keys():
        return None
    return TsigKey(found["id"], algorithm_name(found.get("algorithm", _USUAL)), found["secret"])


def _private_file(path: Path, text: str) -> TsigKey:
    lines = dict(_PRIVATE_LINE.findall(text))
    if not lines.get("Key") or not lines.get("Algorithm"):
        raise InvalidInputError("it is not the private file of a TSIG key")
    beside = path.with_suffix(".key")
    record = _key_record(read_text(beside)) if beside != path and exists(beside) else None
    named = _FILE_NAME.fullmatch(path.stem)
    if record is None and named is None:
        raise InvalidInputError(
            "it does not hold the TSIG key's name, which is in the file .key that dnssec-keygen"
            " wrote beside it, or in this file's own name (K<name>.+<algorithm>+<id>.private)"
        )
    name = record.name if record else named[1] if named else ""
    return TsigKey(name, _by_number(lines["Algorithm"]), lines["Key"])


def _by_number(text: str) -> str:
    known = _BY_NUMBER.get(text)
    if known is None:
        raise InvalidInputError("its key is not for TSIG")
    return known
