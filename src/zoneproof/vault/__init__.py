"""Secrets at rest: sealed with AES-256-GCM under a key that lies outside the database.

:func:`open_vault` gives the :class:`Vault` of a state folder; what it seals is base64, for a
text column.
"""

from zoneproof.vault.keyring import Key, Keyring, key_id_of
from zoneproof.vault.vault import SealedColumn, Vault, naming, open_vault

__all__ = ["Key", "Keyring", "SealedColumn", "Vault", "key_id_of", "naming", "open_vault"]
