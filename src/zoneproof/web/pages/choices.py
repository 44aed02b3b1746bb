"""What forms offer to choose from."""

from __future__ import annotations

from typing import get_args

from zoneproof.acme import KNOWN, CertificateKeyKind
from zoneproof.manager import Manager
from zoneproof.manager.credentials.use import credential_summaries
from zoneproof.providers import exists


async def account_choices(manager: Manager, chosen: str = "") -> dict[str, str]:
    """Return the accounts and CAs that a certificate can have, in words, by what names them."""
    stored = {one.name: one for one in await manager.accounts.reaches()}
    found = {"": f"that of the settings ({manager.settings.account})"}
    for name, account in stored.items():
        state = "" if account.account_url else ", not registered yet"
        found[name] = f"{name} (stored{state})" if name in KNOWN else f"{name} (stored account)"
    for name, ca in KNOWN.items():
        if name not in found:
            found[name] = f"{ca.title} (registers an account)"
    if chosen and chosen not in found:
        found[chosen] = chosen
    return found


async def credential_choices(manager: Manager) -> dict[str, str]:
    """Return the stored credentials of DNS providers, in words, by their names."""
    found = await credential_summaries(manager.store)
    return {one.name: f"{one.name} ({one.provider})" for one in found if exists(one.provider)}


def key_types() -> dict[str, str]:
    """Return the kinds of keys, in words, by their names."""
    words = {"ec": "elliptic curve", "rsa": "RSA"}
    kinds = get_args(CertificateKeyKind)
    return {kind: f"{kind} ({words[kind.rstrip('0123456789')]})" for kind in kinds}
