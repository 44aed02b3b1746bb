"""Opened providers, one for each set of fields, closed together."""

from __future__ import annotations

from collections.abc import Mapping

from zoneproof.errors import InvalidInputError, VaultError
from zoneproof.issuance import Publication
from zoneproof.manager.credentials.stored import Credentials
from zoneproof.providers import Provider, ProviderContext, RegistrationStore, open_provider


class ProviderPool:
    """Opens a provider once for the same fields."""

    def __init__(self, registrations: RegistrationStore, credentials: Credentials) -> None:
        self._registrations = registrations
        self._credentials = credentials
        self._opened: dict[tuple[str, frozenset[tuple[str, str]]], Provider] = {}

    def open(self, slug: str, fields: Mapping[str, str]) -> Provider:
        """Return the provider. Raises InvalidInputError for an unknown slug or field."""
        key = (slug, frozenset(fields.items()))
        if key not in self._opened:
            self._opened[key] = open_provider(
                slug, ProviderContext(fields, registrations=self._registrations)
            )
        return self._opened[key]

    async def for_publication(self, publication: Publication) -> list[Provider]:
        """Return the providers that may remove a journaled value, that of its own fields first.

        The stored credential may have other fields by now: a new secret for the same server, or
        another server, which does not have the value. Raises InvalidInputError, and VaultError if
        neither can be read.
        """
        fields = [] if publication.fields is None else [publication.fields]
        if publication.credential:
            credential = await self._credentials.find(publication.credential)
            if credential and credential.provider == publication.provider:
                fields += [] if credential.fields in fields else [credential.fields]
        if not fields:
            raise VaultError(
                "what it was published with does not open with the vault's keys: remove it by hand"
            )
        providers, problem = [], None
        for one in fields:
            try:
                providers.append(self.open(publication.provider, one))
            except InvalidInputError as error:
                problem = error
        if problem and not providers:
            raise problem
        return providers

    async def close(self) -> None:
        """Release all connections."""
        while self._opened:
            _, provider = self._opened.popitem()
            await provider.close()
