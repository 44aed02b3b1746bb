"""Finds what keeps a definition from working, without asking anybody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from zoneproof.acme import directory_url
from zoneproof.challenges.method import Method
from zoneproof.core.access import Access, read_access
from zoneproof.core.errors import HttpResponderError, InvalidInputError
from zoneproof.issuance import check_identifiers
from zoneproof.manager.accounts.clients import registering
from zoneproof.manager.accounts.store import Accounts
from zoneproof.manager.certificates.defined_tasks import open_defined_task
from zoneproof.manager.certificates.definition import CertificateDefinition
from zoneproof.manager.certificates.store import Certificates
from zoneproof.manager.certificates.written_files import WrittenFiles, home_problems
from zoneproof.manager.credentials.store import Credential, Credentials
from zoneproof.manager.methods import MethodMaker
from zoneproof.manager.settings import FILE, Settings


def key_access(definition: CertificateDefinition, settings: Settings) -> Access:
    """Return who may read a certificate's key. Raises InvalidInputError for an unknown group."""
    group, mode = definition.key_group, definition.key_mode
    if not definition.csr:
        group, mode = group or settings.key_group, mode or settings.key_mode
    return read_access("", group, mode)


class DefinitionChecks(msgspec.Struct, frozen=True):
    """Finds what keeps every order of a definition from working, without asking anybody."""

    home: Path
    methods: MethodMaker
    accounts: Accounts
    credentials: Credentials
    certificates: Certificates
    settings: Settings

    async def problems(
        self,
        definition: CertificateDefinition,
        *,
        before: CertificateDefinition | None = None,
        credentials: Mapping[str, Credential] | None = None,
        accounts: Mapping[str, str] | None = None,
        written: WrittenFiles | None = None,
    ) -> list[str]:
        """Return a line for everything that is wrong, without the certificate's name.

        For methods that ``before`` has, too, this machine is not looked at: what was there once may
        be there again. ``credentials`` are to be stored together with the definition, and so are
        ``accounts``, directory URLs by name. ``written`` are the files of this and of others that
        are to be stored; without it, of those that are. Raises StorageError and VaultError.
        """
        url, problems = await self.account_problems(definition, accounts or {})
        try:
            check_identifiers(
                definition.parsed_identifiers,
                directory_url=url,
                profile=definition.wanted_profile,
            )
        except InvalidInputError as error:
            problems.append(error.message)
        try:
            methods = await self.methods.make(definition, credentials)
            for identifier in definition.parsed_identifiers:
                methods.choose(identifier).method.check(identifier)
            known = before.method if before else ()
            for defined, method in zip(definition.method, methods.made, strict=True):
                if defined not in known or credentials:
                    await _require_present(method)
        except InvalidInputError as error:
            problems.append(error.message)
        try:
            key_access(definition, self.settings)
        except InvalidInputError as error:
            problems.append(error.message)
        for task in definition.deploy:
            try:
                await open_defined_task(self.credentials, task, credentials)
                problems += home_problems(self.home, definition, task)
            except InvalidInputError as error:
                problems.append(error.message)
        if definition.deploy:
            if written is None:
                stored = {one.name: one.definition for one in await self.certificates.readable()}
                before = stored.get(definition.name)
                written = WrittenFiles({**stored, definition.name: definition}.values())
            problems += [one.message for one in written.clashes(definition, before)]
        return list(dict.fromkeys(problems))

    async def account_problems(
        self, definition: CertificateDefinition, unsaved: Mapping[str, str]
    ) -> tuple[str, list[str]]:
        """Return the directory URL of its account, and a line for each of them that there is not.

        ``unsaved`` are directory URLs by name. Raises StorageError.
        """
        url, problems = "", []
        for account in (*definition.fallback_accounts, definition.account):
            try:
                url = await self._directory_url(account, unsaved)
            except InvalidInputError as error:
                url = ""
                problems.append(error.message)
        return url, problems

    async def unregistered(self, definitions: Iterable[CertificateDefinition]) -> Mapping[str, str]:
        """Return the commands that register the accounts that definitions lack, by account.

        Those that :meth:`account_problems` finds wrong are left out. Raises StorageError.
        """
        commands = {}
        for definition in definitions:
            for account in (definition.account, *definition.fallback_accounts):
                name = account or self.settings.account
                with suppress(InvalidInputError):
                    found = await self.accounts.reach(name)
                    if found is None:
                        commands[name] = registering(directory_url(name))
                    elif not found.account_url:
                        commands[name] = registering(found.directory_url, found.name)
        return commands

    async def all_problems(
        self,
        definitions: Iterable[CertificateDefinition],
        stored: Mapping[str, CertificateDefinition],
    ) -> list[str]:
        """Return a line for everything that is wrong with any of them, with its name.

        ``stored`` are those that stay beside them, and that they replace, by name.
        """
        wanted = list(definitions)
        written = WrittenFiles({**stored, **{one.name: one for one in wanted}}.values())
        return [
            f"{one.name}: {problem}"
            for one in wanted
            for problem in await self.problems(one, before=stored.get(one.name), written=written)
        ]

    async def require_usable(
        self,
        definition: CertificateDefinition,
        credentials: Mapping[str, Credential] | None = None,
        *,
        before: CertificateDefinition | None = None,
    ) -> None:
        """Raise InvalidInputError, with all that is wrong, for what cannot be used."""
        problems = await self.problems(definition, before=before, credentials=credentials)
        if problems:
            raise InvalidInputError("; ".join(problems))

    async def _directory_url(self, account: str, unsaved: Mapping[str, str]) -> str:
        if account in unsaved:
            return unsaved[account]
        name = account or self.settings.account
        try:
            found = await self.accounts.find(name)
        except InvalidInputError as error:
            where = "" if account else f"{FILE} names an account that cannot be used: "
            raise InvalidInputError(f"{where}{error.message}") from error
        return found.directory_url if found else directory_url(name)


async def _require_present(method: Method) -> None:
    with suppress(HttpResponderError):  # whoever renews later may use the folder or the port
        await method.require_usable()
