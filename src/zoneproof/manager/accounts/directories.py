"""The directories of CAs, each fetched once, without signing in."""

from __future__ import annotations

from zoneproof.acme import Directory
from zoneproof.manager.accounts.stored import StoredAccount
from zoneproof.providers.locks import KeyedLocks


class Directories:
    """Fetches a CA's directory once for each way to reach it."""

    def __init__(self) -> None:
        self._known: dict[str, Directory] = {}
        self._locks = KeyedLocks()

    async def get(self, account: StoredAccount) -> Directory:
        """Return the directory of the account's CA. Raises AcmeError, InvalidInputError."""
        key = f"{account.directory_url} {account.ca_bundle}"
        async with self._locks(key):
            if key not in self._known:
                async with account.client() as client:
                    self._known[key] = await client.directory()
            return self._known[key]
