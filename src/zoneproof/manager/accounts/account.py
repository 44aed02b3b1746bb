"""A CA account as it is stored, and what is told of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from zoneproof.acme import AccountKey, AcmeClient, ExternalAccountBinding, KeyKind, find_ca
from zoneproof.core import times
from zoneproof.core.errors import VaultError
from zoneproof.core.secretive import Secretive
from zoneproof.vault import Vault, naming


class AccountFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What may be shown of an account. ``ca`` is the CA's short name, or its directory URL.

    ``key_type`` is empty if the key cannot be opened.
    """

    name: str
    ca: str
    directory_url: str
    account_url: str
    registered: bool
    contact: tuple[str, ...]
    key_type: str
    rollover_pending: bool
    ca_bundle: str
    created_at: str

    def as_fields(self) -> dict[str, Any]:
        """Return the facts by name."""
        return msgspec.structs.asdict(self)

    def rows(self) -> dict[str, str]:
        """Return what people are told of it, by what each is."""
        rows = {
            "CA": self.ca,
            "directory": self.directory_url if self.ca != self.directory_url else "",
            "account URL": self.account_url or "not registered",
            "contact": self.contact_text,
            "key": self.key_type or "cannot be opened",
            "rollover": "was interrupted; its next use continues it"
            if self.rollover_pending
            else "",
            "CA bundle": self.ca_bundle,
            "stored": times.at(self.created_at),
        }
        return {name: text for name, text in rows.items() if text}

    @property
    def contact_text(self) -> str:
        """The mail addresses, or other URLs, that the CA has."""
        return ", ".join(text.removeprefix("mailto:") for text in self.contact)


class SealedKey(Secretive, frozen=True):
    """A key as it is stored, which is opened when it is used: who looks needs no vault key."""

    account: str
    sealed: str
    context: str
    vault: Vault

    def open(self) -> AccountKey:
        """Return the key. Raises VaultError."""
        way_out = (
            f"'zoneproof account remove {self.account} --force' and then 'zoneproof account"
            " register' make a new account"
        )
        with naming(f"the key of the account {self.account}", way_out):
            return AccountKey.from_pem(self.vault.open(self.sealed, self.context))


class StoredAccount(msgspec.Struct, frozen=True):
    """An account key, and its URL at the CA (empty until the CA has confirmed it).

    Stored keys are opened when they are used, which raises VaultError. ``next_key`` is there while
    a rollover may have been done. ``ca_bundle`` are the only roots to trust for the CA,
    ``allow_http`` lets a CA without TLS on this machine through.
    """

    id: str
    name: str
    directory_url: str
    account_url: str
    kept_key: AccountKey | SealedKey
    contact: tuple[str, ...] = ()
    kept_next_key: AccountKey | SealedKey | None = None
    ca_bundle: Path | None = None
    allow_http: bool = False
    created_at: str = ""

    @property
    def key(self) -> AccountKey:
        """The key by which the CA knows the account."""
        kept = self.kept_key
        return kept.open() if isinstance(kept, SealedKey) else kept

    @property
    def next_key(self) -> AccountKey | None:
        """The key that a rollover is about to bring in."""
        kept = self.kept_next_key
        return kept.open() if isinstance(kept, SealedKey) else kept

    @property
    def facts(self) -> AccountFacts:
        """What may be shown of it: everything but the keys."""
        try:
            key_type = self.key.algorithm.lower()
        except VaultError:
            key_type = ""
        return AccountFacts(
            name=self.name,
            ca=find_ca(self.directory_url).name,
            directory_url=self.directory_url,
            account_url=self.account_url,
            registered=bool(self.account_url),
            contact=self.contact,
            key_type=key_type,
            rollover_pending=self.kept_next_key is not None,
            ca_bundle=str(self.ca_bundle or ""),
            created_at=self.created_at,
        )

    def reached_by(self, terms: AccountTerms) -> StoredAccount:
        """Return the account with the CA bundle, and the CA without TLS, that the terms give."""
        bundle = terms.ca_bundle.absolute() if terms.ca_bundle else self.ca_bundle
        return replace(self, ca_bundle=bundle, allow_http=self.allow_http or terms.allow_http)

    def client(self, key: AccountKey | None = None) -> AcmeClient:
        """Return a client for the account's CA and a key of it; the account is not in use yet."""
        return AcmeClient(
            self.directory_url,
            key or self.key,
            ca_bundle=self.ca_bundle,
            allow_http=self.allow_http,
        )


class AccountReach(msgspec.Struct, frozen=True):
    """Where an account is and how its CA is reached: what takes no secret to know.

    ``account_url`` is empty until the CA has confirmed the account.
    """

    name: str
    directory_url: str
    account_url: str
    ca_bundle: Path | None
    allow_http: bool


class AccountTerms(msgspec.Struct, frozen=True):
    """What a new account needs from a person, and how to reach its CA.

    ``ca_bundle`` and ``allow_http`` also change an account that is there, if they are given; one
    that is registered, once its CA has answered to them.
    """

    email: str = ""
    agree_to_terms: bool = False
    eab: ExternalAccountBinding | None = None
    key_kind: KeyKind = "ES256"
    ca_bundle: Path | None = None
    allow_http: bool = False
