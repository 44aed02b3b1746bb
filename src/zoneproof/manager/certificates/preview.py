"""What would happen if certificates were issued now, and what would go wrong. Changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime

import msgspec
from msgspec.structs import replace

from zoneproof.acme import Directory, find_ca
from zoneproof.challenges import dns_persist01
from zoneproof.challenges.dns_persist01 import Applicant
from zoneproof.challenges.preflight import Finding, left_over
from zoneproof.challenges.records import look_for_records, record_parts
from zoneproof.core.aio import settle
from zoneproof.core.errors import AcmeError, InvalidInputError, ZoneproofError
from zoneproof.dnsquery import CaaVerdict
from zoneproof.issuance import PreflightReport, RecordAwaited, check_identifiers, preflight
from zoneproof.issuance.preflight_texts import finding_fields, preflight_fields
from zoneproof.manager.accounts.account import StoredAccount
from zoneproof.manager.accounts.clients import registering
from zoneproof.manager.accounts.store import new_account
from zoneproof.manager.certificates.checks import key_access
from zoneproof.manager.certificates.defined_tasks import task_problems
from zoneproof.manager.certificates.definition import CertificateDefinition
from zoneproof.manager.certificates.state import state_of
from zoneproof.manager.certificates.store import ManagedCertificate
from zoneproof.manager.certificates.written_files import WrittenFiles
from zoneproof.manager.credentials.expiry import expiry_in_words, reminder
from zoneproof.manager.credentials.store import Credential
from zoneproof.manager.manager import Manager


class Preview(msgspec.Struct, frozen=True):
    """What :func:`preview` found for a definition: of each identifier, and of the order as a whole.

    ``account`` is None for one that would be registered first; ``directory_url`` is the CA's, empty
    where it did not come to asking it.
    ``awaited`` are the records that a person creates: those that are missing, and those that an
    earlier run of the certificate waits for. ``deployment`` is what would make its tasks fail.
    ``terms_url`` is where the terms of service are to which an account agrees that would be
    registered, empty for none.
    """

    definition: CertificateDefinition
    directory_url: str
    account: StoredAccount | None
    examinations: tuple[PreflightReport, ...]
    findings: tuple[Finding, ...]
    awaited: tuple[RecordAwaited, ...]
    deployment: tuple[Finding, ...] = ()
    terms_url: str = ""

    @property
    def has_problem(self) -> bool:
        """Whether a problem was found that records to create do not solve."""
        found = [*self.findings, *(each for one in self.examinations for each in one.findings)]
        return any(finding.is_problem and not finding.record for finding in found)

    @property
    def would_fail(self) -> bool:
        """Whether issuing would fail, or stop for records that were asked for and are missing."""
        awaits = any(record.status == "missing" for record in self.awaited)
        return self.has_problem or awaits or any(one.would_fail for one in self.examinations)

    @property
    def would_pause(self) -> bool:
        """Whether the order would pause for TXT records that a person creates."""
        is_known = bool(self.account and self.account.account_url)
        methods = (one.choice.method for one in self.examinations if one.choice)
        return any(
            method.provider.info.manual
            for method in methods
            # A record that stays is told before, unless it is to name an account that is not known.
            if method.provider and not (is_known and method.type == dns_persist01.TYPE)
        )

    @property
    def records(self) -> tuple[str, ...]:
        """The records to create first, in zone-file form."""
        return _missing(self.examinations)

    def as_fields(self) -> dict[str, object]:
        """Return the preview for programs."""
        return {
            "certificate": self.definition.name,
            "definition": msgspec.to_builtins(self.definition),
            "directory_url": self.directory_url,
            "account_url": self.account.account_url if self.account else "",
            "identifiers": [preflight_fields(one) for one in self.examinations],
            "findings": finding_fields(self.findings),
            "records": self.records,
            "awaited": msgspec.to_builtins(self.awaited),
            "deployment": finding_fields(self.deployment),
            "would_fail": self.would_fail,
        }

    def rows(self) -> dict[str, str]:
        """Return what is to be told of the order as a whole, by its name."""
        definition = self.definition
        if not self.directory_url:
            return {}
        key = "that of the CSR, which its owner keeps"
        if not definition.csr:
            key = f"{definition.key_type}, {'kept' if definition.reuse_key else 'a new one'}"
        rows = {
            "CA": self.directory_url,
            "account": (self.account.account_url if self.account else "") or "registered first",
            "key": key,
            "profile": definition.profile,
            "preferred profile": definition.preferred_profile,
            "fallback": ", ".join(definition.fallback_accounts),
            "then": ", ".join(task.name for task in definition.deploy),
        }
        return {name: text for name, text in rows.items() if text}


def _missing(examinations: Iterable[PreflightReport]) -> tuple[str, ...]:
    found = (finding.record for one in examinations for finding in one.findings)
    return tuple(dict.fromkeys(record for record in found if record))


async def preview(
    manager: Manager,
    definitions: Sequence[CertificateDefinition],
    *,
    unsaved: Mapping[str, Credential] | None = None,
) -> list[Preview]:
    """Examine everything that issuing the definitions depends on, without changing anything.

    CAs are asked for their directories only. What definitions have in common is looked up once;
    ``unsaved`` credentials win over stored ones. What is wrong is in the result; raises
    InvalidInputError for an account and methods that cannot be used at all, StorageError.
    """
    found = []
    for one in await _examine(manager, definitions, unsaved or {}):
        if isinstance(one, BaseException):
            raise one
        found.append(one)
    return found


async def preview_all(manager: Manager) -> list[Preview]:
    """Examine all managed certificates as :func:`preview` does.

    What cannot be read or opened is the problem of one certificate. Raises StorageError.
    """
    stored = await manager.certificates.each()
    readable = [one.definition for one in stored if isinstance(one, ManagedCertificate)]
    examined = iter(await _examine(manager, readable, {}))
    return [
        _or_impossible(one.definition, next(examined))
        if isinstance(one, ManagedCertificate)
        else _impossible(CertificateDefinition(name=one.name, identifiers=()), one.error)
        for one in stored
    ]


def _or_impossible(definition: CertificateDefinition, found: Preview | BaseException) -> Preview:
    if isinstance(found, ZoneproofError):
        return _impossible(definition, found)
    if isinstance(found, BaseException):
        raise found
    return found


def _impossible(definition: CertificateDefinition, error: ZoneproofError) -> Preview:
    return Preview(definition, "", None, (), (Finding(error.message),), ())


async def _examine(
    manager: Manager,
    definitions: Sequence[CertificateDefinition],
    unsaved: Mapping[str, Credential],
) -> list[Preview | BaseException]:
    accounts = [one.account or manager.settings.account for one in definitions]
    different = sorted(set(accounts))
    asked = await settle(_authority(manager, account) for account in different)
    authorities = dict(zip(different, asked, strict=True))
    credentials = {**await _stored_credentials(manager, definitions), **unsaved}
    stored = await manager.certificates.readable()
    by_name = {one.name: one for one in (*(one.definition for one in stored), *definitions)}
    written = WrittenFiles(by_name.values())
    return await settle(
        _preview(manager, definition, authorities[account], credentials, written)
        for definition, account in zip(definitions, accounts, strict=True)
    )


class _Authority(msgspec.Struct, frozen=True):
    """A CA as an account sees it; ``directory`` is None for one that cannot be reached."""

    url: str
    account: StoredAccount | None
    directory: Directory | None
    findings: tuple[Finding, ...] = ()


async def _authority(manager: Manager, text: str) -> _Authority:
    account = await manager.accounts.find(text)
    url = account.directory_url if account else find_ca(text).directory_url
    asked = account or new_account("preview", url, manager.run.terms)
    try:
        directory = await manager.directories.get(asked.reached_by(manager.run.terms))
    except (AcmeError, InvalidInputError) as error:
        return _Authority(url, account, None, (Finding(error.message),))
    return _Authority(url, account, directory)


def _applicant(
    definition: CertificateDefinition, directory: Directory | None, account: StoredAccount | None
) -> Applicant | None:
    """Return the account that would ask, where records are to name it and it is registered."""
    if all(method.challenge != dns_persist01.TYPE for method in definition.method):
        return None
    if directory is None or account is None or not account.account_url:
        return None
    return Applicant.of(directory, account.account_url, account.key)


async def _stored_credentials(
    manager: Manager, definitions: Sequence[CertificateDefinition]
) -> dict[str, Credential | BaseException | None]:
    names = sorted({name for one in definitions for name in one.credentials})
    found = await settle(manager.credentials.find(name) for name in names)
    return dict(zip(names, found, strict=True))


def _own_credentials(
    definition: CertificateDefinition, known: Mapping[str, Credential | BaseException | None]
) -> dict[str, Credential]:
    own = {}
    for name in sorted(definition.credentials):
        found = known[name]
        if isinstance(found, BaseException):
            raise found
        if found:
            own[name] = found
    return own


async def _preview(
    manager: Manager,
    definition: CertificateDefinition,
    authority: _Authority | BaseException,
    known: Mapping[str, Credential | BaseException | None],
    written: WrittenFiles,
) -> Preview:
    if isinstance(authority, BaseException):
        raise authority
    credentials = _own_credentials(definition, known)
    directory, account = authority.directory, authority.account
    findings = list(authority.findings)
    if directory and definition.profile:
        findings += _problems(lambda: directory.check_profile(definition.profile))
    identifiers = definition.parsed_identifiers
    findings += _problems(
        lambda: check_identifiers(
            identifiers, directory_url=authority.url, profile=definition.wanted_profile
        )
    )
    findings += _problems(lambda: key_access(definition, manager.settings))
    for fallback in definition.fallback_accounts:
        try:
            await manager.accounts.find(fallback)
        except InvalidInputError as error:
            findings.append(Finding(error.message))
        if standing := definition.standing_records:
            text = (
                f"the fallback account {fallback} needs a TXT record of its own at"
                f" {', '.join(map(str, standing))}: 'zoneproof preview' shows it with --account"
                f" {fallback}"
            )
            findings.append(Finding(text, is_problem=False))
    terms_url = ""
    stored = await manager.certificates.find(definition.name)
    if not account or not account.account_url:
        terms_url = directory.terms_of_service if directory else ""
        agree = "" if manager.run.terms.agree_to_terms else terms_url
        findings.append(_registration(authority.url, agree, is_stored=stored is not None))
    findings += _expiring_keys(definition, credentials)
    if stored and stored.has_pending:
        tries = f"'zoneproof resume {definition.name}' tries it"
        findings.append(Finding(f"a change of it is pending: {tries}", is_problem=False))
    methods = await manager.open_methods(definition, credentials)
    examinations = await preflight(
        identifiers,
        methods.choose,
        methods.resolver,
        issuers=directory.caa_identities if directory and not definition.ignore_caa else (),
        account_url=account.account_url if account and account.account_url else None,
        applicant=_applicant(definition, directory, account),
    )
    why = "it is ignored, as configured" if definition.ignore_caa else ""
    why = why or ("" if directory else "the CA's directory is not known")
    if why:
        examinations = [_without_caa(one, why) for one in examinations]
    waited_for = [
        record
        for record in (state_of(stored).awaiting if stored else ())
        # Those that stay were looked at; what an order asked for before may be what nobody wants.
        if not record.startswith(f"{dns_persist01.LABEL}.")
    ]
    awaited = await look_for_records(methods.resolver, (*_missing(examinations), *waited_for))
    # What a person has created for the order that waits is no leftover.
    parts = [record_parts(one.record) for one in awaited]
    own = [left_over(one["Name"], one["Value"]) for one in parts if "Value" in one]
    examinations = [
        replace(one, findings=tuple(found for found in one.findings if found not in own))
        for one in examinations
    ]
    return Preview(
        definition,
        authority.url,
        account,
        tuple(examinations),
        tuple(findings),
        tuple(awaited),
        tuple(
            [
                Finding(f"the task {task.name} would fail: {problem}")
                for task in definition.deploy
                for problem in await task_problems(
                    manager.home.path, manager.credentials, definition, task, credentials
                )
            ]
            + [Finding(one.message) for one in written.clashes(definition) if one.other]
        ),
        terms_url,
    )


def _without_caa(examination: PreflightReport, why: str) -> PreflightReport:
    if examination.caa is None or examination.identifier.type != "dns":
        return examination
    return replace(examination, caa=CaaVerdict(True, f"not checked: {why}"))


def _registration(url: str, terms: str, *, is_stored: bool) -> Finding:
    """Return what comes before the first order; ``terms`` are those to be agreed to, if any."""
    if terms and is_stored:  # whoever renews it is not asked
        return Finding(
            f"there is no account at the CA yet: read its terms of service, {terms}, then run"
            f" '{registering(url)}'"
        )
    agreed = f", which needs --agree-tos for its terms of service, {terms}" if terms else ""
    return Finding(f"an account would be registered at the CA first{agreed}", is_problem=False)


def _expiring_keys(
    definition: CertificateDefinition, credentials: Mapping[str, Credential]
) -> list[Finding]:
    today = datetime.now(UTC).date()
    used = dict.fromkeys(method.credential for method in definition.method)
    found = [credentials[name] for name in used if name in credentials]
    return [
        Finding(
            f"the key of the credential {one.name} {expiry_in_words(one.expires, today)}",
            is_problem=False,
        )
        for one in found
        if one.expires and reminder(one.expires, today)
    ]


def _problems(check: Callable[[], object]) -> list[Finding]:
    try:
        check()
    except ZoneproofError as error:
        return [Finding(error.message)]
    return []
