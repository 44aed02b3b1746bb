"""The vault of a state folder: finds its keys, makes the first one, and notices when they are gone.

The keys are base64 of 32 bytes each, separated by white space, the newest last. They come from the
first of these that exists:

1. ``$ZONEPROOF_VAULT_KEY``
2. the file that ``$ZONEPROOF_VAULT_KEY_FILE`` names
3. ``$CREDENTIALS_DIRECTORY/zoneproof-vault-key`` (systemd's ``LoadCredential=``)
4. ``vault.key`` in the state folder, made when the first secret is sealed

``vault.key-id`` in the state folder holds the id of the key that sealed last. With it, a key that
is lost or was not handed to this process is an error, and never quietly another key.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from zoneproof.core import files
from zoneproof.core.errors import VaultError
from zoneproof.vault.keyring import Key, Keyring, key_id_of

_VARIABLE = "ZONEPROOF_VAULT_KEY"
_FILE_VARIABLE = "ZONEPROOF_VAULT_KEY_FILE"
_FOLDER_VARIABLE = "CREDENTIALS_DIRECTORY"
_CREDENTIAL = "zoneproof-vault-key"
_MAKE_KEY = "`openssl rand -base64 32`"


class SealedColumn(msgspec.Struct, frozen=True):
    """A column with what :meth:`Vault.seal` returned, in a table whose key is ``id``.

    Whoever stores secrets declares its columns, so that a rotation of the key reaches them all.
    ``what`` says what is sealed there, of what the column ``named_by`` names. With
    ``can_be_lost``, readers and a rotation of the key do without a secret that does not open.
    """

    table: str
    column: str
    what: str
    named_by: str = "name"
    can_be_lost: bool = False

    def context(self, key: str) -> str:
        """Return the context for the row whose ``id`` is ``key``."""
        return f"{self.table}|{key}|{self.column}"


class Vault:
    """Seals and opens secrets with the keys of a state folder, which are read at the first use.

    A ``context`` says where a secret is kept, as ``table|id|column``: what was sealed with one
    context opens with no other. Whoever seals does so in the transaction that stores it, so that a
    key is not dropped between the two. Every method raises VaultError, which never shows a secret.
    """

    def __init__(self, home: Path) -> None:
        self._key_file = home / "vault.key"
        self._note = home / "vault.key-id"
        self._keyring: Keyring | None = None  # read when they are needed first

    def seal(self, plaintext: bytes, context: str) -> str:
        """Encrypt with the newest key, which is made and kept if there is none yet, to base64."""
        return _encoded(self._sealing_keys().seal(plaintext, context))

    def open(self, sealed: str, context: str) -> bytes:
        """Decrypt what :meth:`seal` returned."""
        data = _decoded(sealed, context)
        key_id = key_id_of(data)
        keyring = self._keys_with(key_id)
        if keyring is None:
            raise self._missing(key_id)
        return keyring.open(data, context)

    def reseal(self, sealed: str, context: str) -> str | None:
        """Return the secret sealed with the newest key, or None if that sealed it already."""
        keyring = self._sealing_keys()
        if key_id_of(_decoded(sealed, context)) == keyring.newest.id:
            return None
        return _encoded(keyring.seal(self.open(sealed, context), context))

    def rotate(self) -> str:
        """Let a new key seal from now on, and return its id. Older ones still open what is theirs.

        ``vault.key`` gets one more key. Keys from elsewhere are for their owner to change: where
        there are two already, the newest is taken as the new one; else the error says how to add
        it. Afterwards the caller passes every stored secret through :meth:`reseal`.
        """
        keyring = self._sealing_keys()
        if keyring.source == str(self._key_file):
            files.append(self._key_file, f"{Key.new().to_text()}\n")
            self._keyring = _find_keys(self._key_file)
        elif len(keyring.keys) < 2:
            raise VaultError(
                f"the vault key comes from {keyring.source}, which you manage: add a new"
                f" key from {_MAKE_KEY} after the present one there, separated by a space or a"
                " line end, and run this again"
            )
        return self._sealing_keys().newest.id

    @property
    def elsewhere(self) -> str:
        """Where the keys are that their owner manages, empty for those in ``vault.key``."""
        keyring = self._sealing_keys()
        return "" if keyring.source == str(self._key_file) else keyring.source

    def drop_older(self) -> int:
        """Forget every key but the newest, and return how many those were.

        Only for when nothing is sealed by them. Keys from elsewhere than ``vault.key``
        are for their owner to remove, as the error says.
        """
        keyring = self._sealing_keys()
        older = len(keyring.keys) - 1
        if older and keyring.source != str(self._key_file):
            raise VaultError(
                f"the vault key comes from {keyring.source}, which you manage: nothing is"
                f" sealed by older keys now, so remove all but the last of the"
                f" {older + 1} keys there"
            )
        if older:
            files.replace(self._key_file, f"{keyring.newest.to_text()}\n")
            self._keyring = _find_keys(self._key_file)
        return older

    def check(self) -> None:
        """Raise VaultError if secrets were sealed here and the key that sealed last is not here."""
        used = self._last_used()
        self._require(used, self._keys_with(used))

    def _require(self, used: str | None, keyring: Keyring | None) -> None:
        if used is None:
            return
        if keyring is None:
            raise self._missing(used, f" (or, if it is lost for good, {self._give_up})")
        if used not in keyring.ids:
            raise VaultError(
                f"the secrets in {self._note.parent} were sealed with the vault key {used}, but"
                f" {keyring.source} holds {', '.join(keyring.ids)}: add the key {used} before it"
                f" (or, if it is lost for good, {self._give_up})"
            )

    @property
    def _give_up(self) -> str:
        return f"remove {self._note}, and whatever needs a secret says how to store it anew"

    def _sealing_keys(self) -> Keyring:
        # As they are now: what is sealed with a key that is gone from its place would be lost.
        used, keyring = self._last_used(), _find_keys(self._key_file)
        self._require(used, keyring)
        if keyring is None:
            files.create(self._key_file, f"{Key.new().to_text()}\n")
            keyring = _find_keys(self._key_file)
            assert keyring is not None
        known = self._keyring.keys if self._keyring else ()
        # What was read before another process dropped its key is still to be opened.
        earlier = tuple(key for key in known if key not in keyring.keys)
        self._keyring = Keyring((*earlier, *keyring.keys), keyring.source)
        if used != keyring.newest.id:
            files.replace(self._note, f"{keyring.newest.id}\n")
        return keyring

    def _last_used(self) -> str | None:
        return (files.read(self._note, secret=False) or "").strip() or None

    def _keys_with(self, key_id: str | None) -> Keyring | None:
        # Another process may have made the first key, or rotated, since the keys were read.
        if self._keyring is None or key_id not in self._keyring.ids:
            self._keyring = _find_keys(self._key_file)
        return self._keyring

    def _missing(self, key_id: str, otherwise: str = "") -> VaultError:
        return VaultError(
            f"the vault key {key_id} is missing: there is neither ${_VARIABLE} nor"
            f" ${_FILE_VARIABLE} nor ${_FOLDER_VARIABLE}/{_CREDENTIAL} nor {self._key_file}:"
            f" restore the key in one of these places{otherwise}"
        )


@contextmanager
def naming(what: str, way_out: str) -> Iterator[None]:
    """Let a VaultError say what cannot be opened, and what helps if the key is lost for good."""
    try:
        yield
    except VaultError as error:
        raise VaultError(
            f"{what} cannot be opened: {error.message}; if that cannot be had, {way_out}"
        ) from error


def open_vault(home: Path) -> Vault:
    """Open the vault of a state folder, which may be empty. Nothing is written yet.

    Raises VaultError if a key cannot be read, is none, can be read by others, or is not the one
    that sealed what is stored.
    """
    vault = Vault(home)
    vault.check()
    return vault


def _encoded(sealed: bytes) -> str:
    return base64.b64encode(sealed).decode("ascii")


def _decoded(sealed: str, context: str) -> bytes:
    try:
        return base64.b64decode(sealed, validate=True)
    except ValueError as error:
        raise VaultError(
            f"the secret {context} is damaged: restore the database from a backup, or set this"
            " secret again"
        ) from error


def _find_keys(key_file: Path) -> Keyring | None:
    text = os.environ.get(_VARIABLE)
    if text:
        return _parse(text, f"${_VARIABLE}")
    named = os.environ.get(_FILE_VARIABLE)
    if named:
        text = files.read(Path(named), secret=True)
        if text is None:
            raise VaultError(
                f"${_FILE_VARIABLE} names {named}, which does not exist: put the"
                " vault key there, or unset the variable"
            )
        return _parse(text, named)
    folder = os.environ.get(_FOLDER_VARIABLE)
    places = [Path(folder) / _CREDENTIAL] if folder else []
    for path in (*places, key_file):
        text = files.read(path, secret=True)
        if text is not None:
            return _parse(text, str(path))
    return None


def _parse(text: str, source: str) -> Keyring:
    keys = []
    for number, word in enumerate(text.split(), 1):
        try:
            keys.append(Key.from_text(word))
        except ValueError as error:
            raise VaultError(
                f"{source}: key {number} is not base64 of 32 bytes, which {_MAKE_KEY} prints:"
                " correct it, or restore it from a backup"
            ) from error
    if not keys:
        raise VaultError(
            f"{source} is empty: restore the vault key there from a backup, or"
            f" put a new one from {_MAKE_KEY}"
        )
    return Keyring(tuple(keys), source)
