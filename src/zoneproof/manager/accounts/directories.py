"""The directories of CAs, each fetched once, without signing in."""

from __future__ import annotations

from collections import defaultdict

from zoneproof.acme import Directory, SharedCall
from zoneproof.manager.accounts.stored import StoredAccount


class Directories:
    """Fetches a CA's directory once for each way to reach it."""

    def __init__(self) -> None:
        self._known: dict[str, Directory] = {}
        self._fetching: defaultdict[str, SharedCall[Directory]] = defaultdict(SharedCall)

    async def get(self, account: StoredAccount) -> Directory:
        """Return the directory of the account's CA. Raises AcmeError, InvalidInputError."""
        key = f"{account.directory_url} {account.ca_bundle}"
        if key not in self._known:
            self._known[key] = await self._fetching[key](_fetch(account))
        return self._known[key]


async def _fetch(account: StoredAccount) -> Directory:
    async with account.client() as client:
        return await client.directory()
