"""Which of the records that a person creates are there, and which name servers show them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from zoneproof.challenges.dns_persist01 import does_for
from zoneproof.challenges.events import RecordAwaited
from zoneproof.core.errors import InvalidNameError
from zoneproof.core.names import DomainName
from zoneproof.dnsquery import NameReport, Resolver, ServerReport, ServerStatus, check_visible

_TXT = re.compile(r'(\S+) \d+ IN TXT "((?:[^"]|" ")*)"')
_LONGEST = 255  # of a string in a TXT record
_CNAME = re.compile(r"(\S+) IN CNAME (\S+)")
_ANSWERING = (ServerStatus.VISIBLE, ServerStatus.MISSING)


def txt_record(name: DomainName, ttl: int, value: str) -> str:
    """Return a TXT record in zone-file form."""
    strings = [value[at : at + _LONGEST] for at in range(0, len(value) or 1, _LONGEST)]
    return f"{name.fqdn} {ttl} IN TXT " + " ".join(f'"{one}"' for one in strings)


def cname_record(name: DomainName, target: DomainName) -> str:
    """Return a CNAME record in zone-file form."""
    return f"{name.fqdn} IN CNAME {target.fqdn}"


def is_txt(record: str) -> bool:
    """Tell whether the record is one that :func:`txt_record` wrote."""
    return bool(_TXT.fullmatch(record))


def record_parts(record: str) -> dict[str, str]:
    """Return a record's parts as the forms of DNS providers ask for them; empty for another one."""
    if match := _TXT.fullmatch(record):
        ttl = record.split()[1]
        return {
            "Type": "TXT",
            "Name": match[1].rstrip("."),
            "Value": _joined(match),
            "TTL": f"{ttl} s",
        }
    if match := _CNAME.fullmatch(record):
        return {"Type": "CNAME", "Name": match[1].rstrip("."), "Target": match[2].rstrip(".")}
    return {}


async def look_for_records(resolver: Resolver, records: Iterable[str]) -> list[RecordAwaited]:
    """Ask every authoritative server once for each of the records, in zone-file form.

    What is not a TXT or CNAME record as written here is left out.
    """
    wanted: dict[str, tuple[DomainName, str | DomainName]] = {}
    for record in dict.fromkeys(records):
        found = _read(record)
        if found is not None:
            wanted[record] = found
    values: dict[DomainName, set[str]] = {}
    for name, value in wanted.values():
        values.setdefault(name, set()).update([value] if isinstance(value, str) else [])
    expected = {name: frozenset(found) for name, found in values.items()}
    reports = {report.name: report for report in (await check_visible(resolver, expected)).names}
    return [_sighting(record, reports[name], value) for record, (name, value) in wanted.items()]


def _read(record: str) -> tuple[DomainName, str | DomainName] | None:
    """Return the record's name and its value, a text or the target of a CNAME."""
    try:
        if match := _TXT.fullmatch(record):
            return DomainName.parse(match[1]), _joined(match)
        if match := _CNAME.fullmatch(record):
            return DomainName.parse(match[1]), DomainName.parse(match[2])
    except InvalidNameError:
        pass
    return None


def _sighting(record: str, report: NameReport, value: str | DomainName) -> RecordAwaited:
    answering = [server for server in report.servers if server.status in _ANSWERING]
    missing = [server for server in answering if not _has(server, value)]
    if missing:
        return RecordAwaited(record, "missing", _named(missing), _instead(missing))
    if answering:
        return RecordAwaited(record, "seen", _named(answering))
    note = report.note or f"no name server of {report.zone} answers"
    return RecordAwaited(record, "unknown", (), note)


def _joined(txt: re.Match[str]) -> str:
    return txt[2].replace('" "', "")


def _has(server: ServerReport, value: str | DomainName) -> bool:
    if isinstance(value, DomainName):
        return server.cname == value
    return value not in server.missing or any(does_for(text, value) for text in server.texts)


def _named(servers: Sequence[ServerReport]) -> tuple[str, ...]:
    return tuple(f"{server.server} ({server.address})" for server in servers)


def _instead(servers: Sequence[ServerReport]) -> str:
    """Say what stands there that should not, if it is a CNAME."""
    targets = sorted({str(server.cname) for server in servers if server.cname})
    return f"a CNAME to {' and '.join(targets)} is there" if targets else ""
