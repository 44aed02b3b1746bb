"""Tests a credential: a random TXT value is written, seen and removed, or zones are listed.

It need not be stored.

What a test writes is journaled as an order's values are, so that after a crash the next test of the
credential, or the next order of any certificate, removes it.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import partial

import msgspec
from msgspec.structs import replace

from zoneproof.challenges.dns01 import ChallengeRecord, DnsMethod
from zoneproof.challenges.dns01_solver import publish_records, tell_progress
from zoneproof.challenges.solver import Scope
from zoneproof.core.errors import (
    InvalidInputError,
    ProviderError,
    ProviderZoneError,
    ZoneproofError,
)
from zoneproof.core.names import DomainName
from zoneproof.dnsquery import PropagationReport, Resolver, wait_until_visible
from zoneproof.issuance import (
    Emit,
    Event,
    PublishedRecord,
    RecordsVisible,
    Warned,
)
from zoneproof.issuance.publish import OrderLedger, remove_values
from zoneproof.manager.certificates.definition import MethodDefinition
from zoneproof.manager.credentials.expiry import expiry_in_words
from zoneproof.manager.credentials.store import Credential, Credentials
from zoneproof.manager.manager import Manager
from zoneproof.manager.methods import ProviderPool
from zoneproof.providers import DelegatedProvider, ExpiringKeyProvider, Provider, Zone

LABEL = "_zoneproof-test"
_CHALLENGE = "_acme-challenge.zoneproof-test"  # at a service that takes challenges only
_SHOWN_ZONES = 10


class Step(msgspec.Struct, frozen=True):
    """One step of a test: ``zones``, ``write``, ``see``, ``remove`` or ``key`` (when it expires).

    ``message`` says what came of it.
    """

    step: str
    ok: bool
    message: str


class CredentialTest(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a test; without steps, ``note`` says why there was nothing to do."""

    credential: str
    provider: str
    zone: str = ""
    name: str = ""
    steps: tuple[Step, ...] = ()
    note: str = ""

    @property
    def ok(self) -> bool:
        """Whether every step went well."""
        return all(step.ok for step in self.steps)

    def as_fields(self) -> dict[str, object]:
        """Return what came of it for programs."""
        return {"ok": self.ok, **msgspec.structs.asdict(self)}


async def list_zones(
    providers: ProviderPool, credentials: Credentials, credential: Credential
) -> CredentialTest:
    """List the zones that the credential can manage; nothing is written to them.

    Raises InvalidInputError if the provider cannot list them, StorageError.
    """
    provider = providers.open(credential.provider, credential.fields)
    trial = CredentialTest(credential=credential.name, provider=credential.provider)
    try:
        zones = sorted(str(zone.name) for zone in await provider.zones())
    except ProviderError as error:
        return replace(trial, steps=(Step("zones", False, error.message),))
    if not zones:
        raise InvalidInputError(
            f"{provider.info.title} ({credential.provider}) does not list zones: test the"
            " credential without --read-only"
        )
    key = await _note_expiry(credentials, credential, provider)
    return replace(trial, steps=(Step("zones", True, ", ".join(zones)), *key))


class KeyTrial(msgspec.Struct, frozen=True):
    """What a key that is not stored yet can do: its zones, and when it expires if the API tells.

    ``needs_zone`` tells that the provider lists no zones, and only a record written to one shows
    whether the key works.
    """

    zones: tuple[str, ...] = ()
    expires: date | None = None
    needs_zone: bool = False


async def try_key(providers: ProviderPool, credential: Credential) -> KeyTrial:
    """Try a key without writing anything. Raises InvalidInputError, and ProviderError for none."""
    provider = providers.open(credential.provider, credential.fields)
    zones = tuple(sorted(str(zone.name) for zone in await provider.zones()))
    elsewhere = provider.info.manual or isinstance(provider, DelegatedProvider)
    _, expires = await _expiry_of(provider)
    return KeyTrial(zones, expires, not zones and not elsewhere)


async def _expiry_of(provider: Provider) -> tuple[bool, date | None]:
    """Return whether the API tells when the key expires, and the day, None for never."""
    if not isinstance(provider, ExpiringKeyProvider):
        return False, None
    try:
        return True, await provider.key_expires()
    except ProviderError:  # which may need a right that is good for nothing else
        return False, None


async def _note_expiry(
    credentials: Credentials, credential: Credential, provider: Provider
) -> list[Step]:
    """Store what the API tells; a day that a person gave stays where it tells nothing."""
    is_told, expires = await _expiry_of(provider)
    if not is_told or (expires is None and credential.expires is None):
        return []
    await credentials.set_expiry(credential.name, expires)
    if expires is None:
        return [Step("key", True, f"does not expire; the stored day was {credential.expires}")]
    return [Step("key", True, expiry_in_words(expires, datetime.now(UTC).date()))]


async def run_credential_test(
    manager: Manager, credential: Credential, emit: Emit, *, zone: str = ""
) -> CredentialTest:
    """Write, see and remove a random TXT value at ``_zoneproof-test`` in a zone of the account.

    Where values can be written only for challenges, it is ``_acme-challenge.zoneproof-test``.
    ``zone`` names the zone where the provider cannot list its zones; for a provider that publishes
    at names of its own, the domain whose registration is used. Raises InvalidInputError if it is
    needed or wrong, BusyError while another test of the credential runs, StorageError, VaultError.
    """
    method = await manager.methods.dns(
        MethodDefinition(credential=credential.name), {credential.name: credential}
    )
    trial = CredentialTest(credential=credential.name, provider=credential.provider)
    if method.provider.info.manual:
        note = "a person creates the records, so there is nothing to test"
        return replace(trial, note=note)
    label = f"credential test {credential.name}"
    with manager.home.lock(label):
        run = _Run(manager, method, label, emit)
        await run.remove_leftovers()
        try:
            place = await _place(manager, method.provider, zone)
        except ProviderError as error:
            return replace(trial, steps=(Step("zones", False, error.message),))
        await run.write_see_remove(place)
        if all(step.ok for step in run.steps):
            run.steps += await _note_expiry(manager.credentials, credential, method.provider)
    return replace(
        trial,
        zone=str(place.zone.name),
        name=str(place.zone.record(place.name)),
        steps=tuple(run.steps),
    )


class _Place(msgspec.Struct, frozen=True):
    """Where to write: a zone, and a name relative to it."""

    zone: Zone
    name: str


async def _place(manager: Manager, provider: Provider, wanted: str) -> _Place:
    if isinstance(provider, DelegatedProvider):
        return _Place(Zone(await _registered_name(manager, provider, wanted)), "")
    label = LABEL if provider.info.limits.takes_name(LABEL) else _CHALLENGE
    zones = sorted(await provider.zones(), key=lambda zone: zone.name)
    if not wanted:
        if not zones:
            raise InvalidInputError(
                f"{provider.info.title} ({provider.info.slug}) does not list zones: name the zone "
                "to write to, such as example.com (--zone)"
            )
        return _Place(zones[0], label)
    name = DomainName.parse(wanted)
    if not zones:
        return _Place(Zone(name), label)
    found = [zone for zone in zones if zone.name == name]
    if not found:
        shown = ", ".join(str(zone.name) for zone in zones[:_SHOWN_ZONES])
        raise InvalidInputError(f"{provider.info.title} has no zone {name}; it has {shown}")
    return _Place(found[0], label)


async def _registered_name(
    manager: Manager, provider: DelegatedProvider, wanted: str
) -> DomainName:
    domains = [DomainName.parse(wanted)] if wanted else await manager.registrations.domains()
    for domain in domains:
        found = await provider.target(domain, create=False)
        if found is not None:
            return found
    what = f"registration for {domains[0]}" if wanted else "registration"
    raise ProviderZoneError(
        f"there is no {what} at the service yet, so there is no name to write to: 'zoneproof "
        "issue' with"
        " this credential makes one"
    )


class _Run(msgspec.Struct):
    manager: Manager
    method: DnsMethod
    label: str
    emit: Emit
    steps: list[Step] = msgspec.field(default_factory=list)

    async def remove_leftovers(self) -> None:
        await self.manager.leftovers.remove(self.label, self.emit, insist=True)
        await self.manager.journal.close_trials(self.label)

    async def write_see_remove(self, place: _Place) -> None:
        journal = self.manager.journal
        order_id = await journal.open_trial(self.label)
        ledger = OrderLedger(journal, order_id)
        record = ChallengeRecord(self.method, place.zone, place.name, secrets.token_urlsafe(32))
        try:
            if await self._write(record, Scope(ledger, self._resolver, self.emit)):
                await self._see(record)
        finally:
            if written := await journal.publications(order_id, ledger.published):
                await self._remove(written)
            await journal.close_trials(self.label)

    @property
    def _resolver(self) -> Resolver:
        return self.method.resolver or self.manager.resolvers.get(())

    async def _write(self, record: ChallengeRecord, scope: Scope) -> bool:
        try:
            await publish_records([record], scope)
        except ProviderError as error:
            return self._add("write", error.message, ok=False)
        return self._add("write", f"TXT {record.full_name} in the zone {record.zone.name}")

    async def _see(self, record: ChallengeRecord) -> None:
        try:
            report = await wait_until_visible(
                self._resolver,
                {record.full_name: frozenset({record.value})},
                self.method.propagation,
                deadline=self.method.propagation_seconds,
                on_progress=partial(tell_progress, emit=self.emit),
            )
        except ZoneproofError as error:
            self._add("see", error.message, ok=False)
            return
        if report.visible:
            self.emit(RecordsVisible(report.seen, report.elapsed, report.remarks))
            self._add("see", _seen(report))
        else:
            problems = "; ".join(report.problems)
            advice = "if port 53 is blocked here, set --propagation 60 for the credential"
            self._add("see", f"{problems}; {advice}", ok=False)

    async def _remove(self, written: Sequence[PublishedRecord]) -> None:
        warnings: list[str] = []

        def told(event: Event) -> None:
            if isinstance(event, Warned):
                warnings.append(event.message)
            self.emit(event)

        providers_for = self.manager.providers.for_publication
        await remove_values(self.manager.journal, written, providers_for, told)
        self._add("remove", "; ".join(warnings) or "removed again", ok=not warnings)

    def _add(self, step: str, message: str, *, ok: bool = True) -> bool:
        self.steps.append(Step(step, ok, message))
        return ok


def _seen(report: PropagationReport) -> str:
    servers = sum(len(name.servers) for name in report.names)
    if not servers:
        return f"waited {report.waited:g} s without asking, as the settings say"
    plural = "" if servers == 1 else "s"
    return "; ".join([f"{servers} name server{plural} asked", *report.remarks])
