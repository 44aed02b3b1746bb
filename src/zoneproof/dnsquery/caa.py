"""Whether CAA records let a CA issue: the rules of RFC 8659 and RFC 8657, and the lookup."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Iterable, Sequence

import msgspec
from dns.rdtypes.ANY.CAA import CAA
from msgspec.structs import replace

from zoneproof.core.errors import DnsError, DnsUnreachableError
from zoneproof.core.names import DomainName, Identifier
from zoneproof.dnsquery.resolver import Resolver

_ISSUE = "issue"
_ISSUE_WILD = "issuewild"
# What CAs for TLS certificates know, to judge from Let's Encrypt's Boulder.
_KNOWN_TAGS = {_ISSUE, _ISSUE_WILD, "iodef", "issuemail"}

# Long enough for a resolver's own tries; nobody need wait for more: it may continue anyway.
_DEADLINE = 3.0

_LABEL = r"[A-Za-z0-9](?:-*[A-Za-z0-9])*"
_ISSUER = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_PARAMETER = re.compile(rf"({_LABEL})[ \t]*=[ \t]*([\x21-\x3a\x3c-\x7e]*)")
_SPACE = " \t"


class CaaRecord(msgspec.Struct, frozen=True):
    """One CAA record; ``value`` has ``\\xNN`` for bytes that are not UTF-8."""

    flags: int
    tag: str
    value: str

    @property
    def critical(self) -> bool:
        """Whether a CA that does not know the tag must refuse.

        RFC 8659 gives it bit 128; CAs also take 1, which many people set by mistake.
        """
        return bool(self.flags & (128 | 1))

    def __str__(self) -> str:
        return f'{self.flags} {_shown(self.tag)} "{_shown(self.value)}"'


class IssueValue(msgspec.Struct, frozen=True):
    """The value of an ``issue`` or ``issuewild`` property (RFC 8659 section 4.2).

    ``issuer`` is lower-case, and empty where nobody is allowed.
    """

    issuer: str
    parameters: tuple[tuple[str, str], ...] = ()

    def parameter(self, tag: str) -> str | None:
        """Return the parameter's value, None without one."""
        return dict(self.parameters).get(tag)


class CaaRequest(msgspec.Struct, frozen=True):
    """Who wants to issue what, how.

    ``issuers`` are the CA's own domains (``caaIdentities`` of its directory), ``account_url`` is
    None while there is no account, ``method`` is ``dns-01`` or ``http-01``.
    """

    issuers: Collection[str]
    account_url: str | None
    method: str
    wildcard: bool = False


class CaaVerdict(msgspec.Struct, frozen=True):
    """Whether the CA may issue, and why, in one line.

    ``record`` decided, where one record did; ``found_at`` is the name whose record set counts,
    None without any; ``failed`` tells that the DNS could not be asked. A CA takes that as a no, but
    its resolvers may see more than ours, as for names that are known only inside a network.
    """

    allowed: bool
    reason: str
    record: CaaRecord | None = None
    found_at: DomainName | None = None
    failed: bool = False


def parse_issue_value(value: str) -> IssueValue:
    """Read a property value; one that breaks the grammar allows nobody (RFC 8659 section 4.2)."""
    issuer, *rest = (part.strip(_SPACE) for part in value.split(";"))
    if issuer and not _ISSUER.fullmatch(issuer):
        return IssueValue("")
    if rest in ([], [""]):
        return IssueValue(issuer.lower())
    parameters = []
    for text in rest:
        match = _PARAMETER.fullmatch(text)
        if not match:
            return IssueValue("")
        parameters.append((match[1].lower(), match[2]))
    if len(dict(parameters)) < len(parameters):
        # Which of the two values counts is said nowhere, so no CA can satisfy the record.
        return IssueValue("")
    return IssueValue(issuer.lower(), tuple(parameters))


def evaluate(records: Sequence[CaaRecord], request: CaaRequest) -> CaaVerdict:
    """Apply the relevant record set (RFC 8659 section 3) to the request. No I/O."""
    for record in records:
        if record.critical and record.tag.lower() not in _KNOWN_TAGS:
            reason = f"the CAA record {record} is critical and its tag is not known"
            return CaaVerdict(False, reason, record)
    relevant = _with_tag(records, _ISSUE_WILD) if request.wildcard else []
    relevant = relevant or _with_tag(records, _ISSUE)
    if not relevant:
        return CaaVerdict(True, "no CAA record restricts who may issue")
    refusals = []
    for record in relevant:
        refusal = _refusal(parse_issue_value(record.value), request)
        if refusal is None:
            return CaaVerdict(True, f"the CAA record {record} allows it", record)
        refusals.append((record, refusal))
    # The record that names this CA says the most about what is wrong.
    record, refusal = max(refusals, key=lambda pair: pair[1].rank)
    return CaaVerdict(False, f"the CAA record {record} {refusal.text}", record)


class RelevantCaa(msgspec.Struct, frozen=True):
    """The record set that counts for a name (RFC 8659 section 3), or why it cannot be known.

    ``found_at`` is the name that has the records, or whose lookup failed; None without any.
    """

    domain: DomainName
    records: tuple[CaaRecord, ...] = ()
    found_at: DomainName | None = None
    error: DnsError | None = None


async def find_caa(resolver: Resolver, domain: DomainName) -> RelevantCaa:
    """Look up the relevant record set of a name without ``*.``; never raises DnsError.

    The name and all its parents are asked at once; the first that has records, or whose lookup
    fails or is not over after three seconds, decides.
    """
    lookups = {name: asyncio.ensure_future(_look_up(resolver, name)) for name in _climb(domain)}
    at = domain
    try:
        async with asyncio.timeout(_DEADLINE):
            for at, lookup in lookups.items():
                found = await lookup
                if isinstance(found, DnsError):
                    return RelevantCaa(domain, found_at=at, error=found)
                if found:
                    return RelevantCaa(domain, tuple(found), at)
    except TimeoutError:
        late = DnsUnreachableError(f"no answer within {_DEADLINE:g} s")
        return RelevantCaa(domain, found_at=at, error=late)
    finally:
        for lookup in lookups.values():
            lookup.cancel()
    return RelevantCaa(domain)


def judge_caa(
    found: RelevantCaa,
    identifier: Identifier,
    *,
    issuers: Collection[str],
    account_url: str | None,
    method: str,
) -> CaaVerdict:
    """Tell whether what was found lets the CA issue. No I/O.

    A CA without ``issuers`` does not take part in CAA as far as we can know.
    """
    if not issuers:
        return CaaVerdict(True, "the CA does not say which names it uses in CAA records")
    if found.error:
        reason = (
            f"CAA of {found.found_at} cannot be looked up here, and a CA that cannot either will"
            f" refuse: {found.error.message}"
        )
        return CaaVerdict(False, reason, found_at=found.found_at, failed=True)
    if found.found_at is None:
        return CaaVerdict(True, f"no CAA record at {found.domain} or above")
    request = CaaRequest(issuers, account_url, method, identifier.is_wildcard)
    verdict = evaluate(found.records, request)
    return replace(
        verdict, reason=f"{verdict.reason} (at {found.found_at})", found_at=found.found_at
    )


async def check_caa(
    resolver: Resolver,
    identifier: Identifier,
    *,
    issuers: Collection[str],
    account_url: str | None,
    method: str,
) -> CaaVerdict:
    """Look up the identifier's relevant CAA records and evaluate them; never raises DnsError.

    IP addresses have no CAA, and for a CA without ``issuers`` nothing is asked.
    """
    if identifier.type != "dns":
        return CaaVerdict(True, "CAA does not apply to IP addresses")
    domain = identifier.domain
    found = await find_caa(resolver, domain) if issuers else RelevantCaa(domain)
    return judge_caa(found, identifier, issuers=issuers, account_url=account_url, method=method)


def binding_records(
    name: DomainName, *, issuer: str, account_url: str, method: str = "dns-01"
) -> tuple[str, str]:
    """Return zone-file lines that bind issuance below ``name`` to one account and method.

    ``method`` may be several, separated by commas.
    """
    value = f"{issuer}; accounturi={account_url}; validationmethods={method}"
    return (
        f'{name.fqdn} IN CAA 0 {_ISSUE} "{value}"',
        f'{name.fqdn} IN CAA 0 {_ISSUE_WILD} "{value}"',
    )


class _Refusal(msgspec.Struct, frozen=True):
    rank: int
    text: str


def _refusal(value: IssueValue, request: CaaRequest) -> _Refusal | None:
    if not value.issuer:
        return _Refusal(0, "allows nobody")
    names = sorted(issuer.lower() for issuer in request.issuers)
    if value.issuer not in names:
        return _Refusal(1, f"allows another CA, not {_shown(' or '.join(names))}")
    account = value.parameter("accounturi")
    if account is not None and account != request.account_url:
        ours = _shown(request.account_url or "that is still to be registered")
        return _Refusal(2, f"allows another account, not {ours}")
    methods = value.parameter("validationmethods")
    if methods is not None and request.method not in methods.split(","):
        return _Refusal(3, f"does not allow {request.method}")
    return None


def _shown(text: str) -> str:
    """Return text from the DNS or a CA without what could harm a terminal."""
    return "".join(c if c.isprintable() else "?" for c in text[:200])


def _with_tag(records: Iterable[CaaRecord], tag: str) -> list[CaaRecord]:
    return [record for record in records if record.tag.lower() == tag]


def _climb(name: DomainName) -> Iterable[DomainName]:
    while name.text:
        yield name
        name = name.parent


async def _look_up(resolver: Resolver, name: DomainName) -> list[CaaRecord] | DnsError:
    try:
        answer = await resolver.shared(("CAA", name), lambda: resolver.query(name, "CAA"))
    except DnsError as error:
        return error
    return [_read(record) for record in answer.records if isinstance(record, CAA)]


def _read(record: CAA) -> CaaRecord:
    return CaaRecord(
        record.flags,
        record.tag.decode("ascii", "backslashreplace"),
        record.value.decode("utf-8", "backslashreplace"),
    )
