"""The provider that runs a person's own program for each record; no shell is between."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

from zoneproof.core.aio import KeyedLocks
from zoneproof.core.errors import InvalidInputError, ProviderError
from zoneproof.core.files import absolute_path
from zoneproof.core.programs import Ended, ProgramError, read_seconds, require_program, run_program
from zoneproof.providers.batches import one_by_one
from zoneproof.providers.contract import ProviderContext, ProviderInfo, TxtRecord, Zone
from zoneproof.providers.fields import CredentialField

_AT_ONCE = 20  # programs, each for a zone of its own
_CHALLENGE_LABEL = "_acme-challenge."


class Script:
    """Runs ``create`` or ``delete`` with the arguments domain, record name, value and zone id."""

    info: ClassVar[ProviderInfo] = ProviderInfo(
        slug="script",
        title="Own script",
        homepage="",
        fields=(
            CredentialField(
                "create",
                "absolute path of the program that adds a TXT value",
                check=partial(absolute_path, "script: create"),
                file=partial(require_program, "script: create"),
            ),
            CredentialField(
                "delete",
                "absolute path of the program that removes a TXT value; may be the same program,"
                " which finds create or delete in ZONEPROOF_ACTION",
                check=partial(absolute_path, "script: delete"),
                file=partial(require_program, "script: delete"),
            ),
            CredentialField("zone_id", "handed to the program as its fourth argument", default=""),
            CredentialField(
                "timeout",
                "seconds that the program may take",
                default="120",
                check=partial(read_seconds, "script: timeout"),
            ),
        ),
        notes="The program gets four arguments: the domain that is validated, the full name of the"
        " TXT record, its value, and the zone id (empty if there is none), none with a trailing"
        " dot. The same values are in `ZONEPROOF_DOMAIN`, `ZONEPROOF_RECORD`, `ZONEPROOF_VALUE` and"
        " `ZONEPROOF_ZONE_ID`; `ZONEPROOF_ZONE` is the zone's name and `ZONEPROOF_ACTION` is"
        " `create` or `delete`. The rest of its environment is the usual minimum (`PATH`, `HOME`,"
        " language, time zone, temporary folder), never Zoneproof's own. A value may begin with"
        " `-`. It is run once at a time for each zone, must keep other values at the name, and must"
        " succeed when there is nothing to do. Any exit status but 0 is a failure whose"
        " message is the last line of stderr; at the timeout it is killed with everything that it"
        " started.",
    )

    programs: ClassVar[tuple[str, str]] = ("create", "delete")  # their fields

    def __init__(self, context: ProviderContext) -> None:
        self.fields = fields = context.fields
        slug = self.info.slug
        create, delete = self.programs
        self._create = absolute_path(f"{slug}: {create}", fields[create])
        self._delete = absolute_path(f"{slug}: {delete}", fields[delete])
        self._zone_id = fields.get("zone_id", "")
        self._timeout = read_seconds(f"{slug}: timeout", fields["timeout"])
        self._locks = KeyedLocks()
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def zones(self) -> list[Zone]:
        """Return nothing: the zone is found by asking the DNS."""
        return []

    async def add(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        """Run ``create`` for each record; it sets a TTL of its own."""
        await self._run("create", self._create, zone, records)

    async def remove(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        """Run ``delete`` for each record."""
        await self._run("delete", self._delete, zone, records)

    async def close(self) -> None:
        """Release nothing."""

    def arguments(self, variables: Mapping[str, str]) -> list[str]:
        """Return the program's arguments; ``variables`` are those that it finds as well."""
        names = ("DOMAIN", "RECORD", "VALUE", "ZONE_ID")
        return [variables[f"ZONEPROOF_{name}"] for name in names]

    def failed(self, ended: Ended) -> ProviderError:
        """Return what to raise for a program that failed; its message continues a sentence."""
        return ProviderError(ended.failure)

    async def _run(
        self, action: str, program: Path, zone: Zone, records: Sequence[TxtRecord]
    ) -> None:
        slug, zone_id = self.info.slug, self._zone_id or zone.id
        for record in records:
            if action == "create":
                self.info.limits.check(record.value)
            if "\0" in record.value + zone_id:
                raise InvalidInputError(f"{slug} {program}: a value cannot hold a NUL character")

        async def run(zone: Zone, record: TxtRecord) -> None:
            name = zone.record(record.name).text
            domain = name.removeprefix(_CHALLENGE_LABEL)
            variables = {
                "ZONEPROOF_ACTION": action,
                "ZONEPROOF_DOMAIN": domain,
                "ZONEPROOF_RECORD": name,
                "ZONEPROOF_VALUE": record.value,
                "ZONEPROOF_ZONE": zone.name.text,
                "ZONEPROOF_ZONE_ID": zone_id,
            }
            await self._run_one(
                f"{slug} {program} ({action}, zone {zone.name})",
                [str(program), *self.arguments(variables)],
                variables,
            )

        await one_by_one(run, zone, records)

    async def _run_one(
        self, where: str, command: Sequence[str], variables: Mapping[str, str]
    ) -> None:
        # People's scripts read, edit and write; few of them expect a second run meanwhile.
        async with self._locks(variables["ZONEPROOF_ZONE"]), self._slots:
            try:
                ended = await run_program(command, seconds=self._timeout, variables=variables)
            except ProgramError as error:
                unknown = (
                    "; it is not known whether the record was changed: make the program faster or"
                    " raise the field timeout"
                )
                raise ProviderError(
                    f"{where} {error.message}{unknown if error.started else ''}",
                    changed_nothing=not error.started,
                ) from error
        if ended.failure:
            failure = self.failed(ended)
            failure.message = f"{where} {failure.message}"
            failure.args = (failure.message,)
            raise failure
