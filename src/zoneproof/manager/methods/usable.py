"""Whether a definition can be used with what is stored: checked before any command saves one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from zoneproof.acme import directory_url
from zoneproof.errors import InvalidInputError
from zoneproof.issuance import check_identifiers, check_method
from zoneproof.manager.accounts.stored import Accounts
from zoneproof.manager.certificates.definition import CertificateDefinition
from zoneproof.manager.credentials.stored import Credential
from zoneproof.manager.methods.maker import MethodMaker
from zoneproof.manager.settings import FILE, Settings


class DefinitionChecks:
    """Finds what keeps every order of a definition from working, without asking anybody."""

    def __init__(self, methods: MethodMaker, accounts: Accounts, settings: Settings) -> None:
        self._methods = methods
        self._accounts = accounts
        self._settings = settings

    async def problems(
        self,
        definition: CertificateDefinition,
        *,
        credentials: Mapping[str, Credential] | None = None,
        accounts: Mapping[str, str] | None = None,
    ) -> list[str]:
        """Return a line for everything that is wrong, without the certificate's name.

        ``credentials`` are to be stored together with the definition, and so are ``accounts``,
        directory URLs by name. Raises StorageError and VaultError.
        """
        problems = []
        url = ""
        for account in (*definition.fallback_accounts, definition.account):
            try:
                url = await self._directory_url(account, accounts or {})
            except InvalidInputError as error:
                url = ""
                problems.append(error.message)
        try:
            check_identifiers(
                definition.parsed_identifiers,
                directory_url=url,
                profile=definition.wanted_profile,
            )
        except InvalidInputError as error:
            problems.append(error.message)
        try:
            methods = await self._methods.make(definition, credentials)
            for identifier in definition.parsed_identifiers:
                check_method(identifier, methods.choose(identifier).method)
        except InvalidInputError as error:
            problems.append(error.message)
        return list(dict.fromkeys(problems))

    async def all_problems(self, definitions: Iterable[CertificateDefinition]) -> list[str]:
        """Return a line for everything that is wrong with any of them, with its name."""
        return [
            f"{definition.name}: {problem}"
            for definition in definitions
            for problem in await self.problems(definition)
        ]

    async def require_usable(
        self,
        definition: CertificateDefinition,
        credentials: Mapping[str, Credential] | None = None,
    ) -> None:
        """Raise InvalidInputError, with all that is wrong, for what cannot be used."""
        problems = await self.problems(definition, credentials=credentials)
        if problems:
            raise InvalidInputError("; ".join(problems))

    async def _directory_url(self, account: str, unsaved: Mapping[str, str]) -> str:
        if account in unsaved:
            return unsaved[account]
        name = account or self._settings.account
        try:
            found = await self._accounts.find(name)
        except InvalidInputError as error:
            where = "" if account else f"{FILE} names an account that cannot be used: "
            raise InvalidInputError(f"{where}{error.message}") from error
        return found.directory_url if found else directory_url(name)
