"""The dns-persist-01 challenge (draft-ietf-acme-dns-persist): a TXT record that stays.

It stands at ``_validation-persist`` below the name and says which account of which CA may obtain
certificates, so it is created once, by a person or a provider, and no renewal touches the DNS.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Collection, Iterable
from typing import ClassVar

import msgspec

from zoneproof.acme import AccountKey, Directory
from zoneproof.acme.keys import base64url
from zoneproof.challenges.dns01 import DnsMethod
from zoneproof.core.errors import InvalidInputError, InvalidNameError
from zoneproof.core.names import DomainName
from zoneproof.core.text import sanitize
from zoneproof.providers import DelegatedProvider

TYPE = "dns-persist-01"
LABEL = "_validation-persist"
_MOST_ISSUERS = 10
_ANY_DOMAIN = "*"
_TTL_BY_HAND = 3600  # seconds
_BLANK = " \t"
_FOREVER = 253_402_300_800  # the year 10000
_SECONDS = re.compile(r"-?[0-9]{1,18}")
_ENDED = "its persistUntil has passed"


class Applicant(msgspec.Struct, frozen=True):
    """The CA's account that asks, as far as records name it.

    ``issuers`` are the names of the CA that a record may have, the one to use first. CAs that
    follow the second draft have a ``hash_prefix``, and records then have the hash of the account's
    URL and of its key's RFC 7638 ``thumbprint`` in place of the URL.
    """

    issuers: tuple[str, ...]
    account_url: str
    thumbprint: str = ""
    hash_prefix: str = ""

    @classmethod
    def of(cls, directory: Directory, account_url: str, key: AccountKey) -> Applicant:
        """Return the account with the URL and the key at the CA of the directory."""
        issuers = directory.issuer_domain_names or directory.caa_identities
        return cls(issuers, account_url, key.thumbprint, directory.account_hash_prefix)

    def account_uris(self, domain: DomainName) -> tuple[str, ...]:
        """Return what a record of the domain may name the account by, the one to use first."""
        if not self.hash_prefix:
            return (self.account_url,)
        return (self._hashed(domain.text), self._hashed(_ANY_DOMAIN))

    def _hashed(self, domain: str) -> str:
        """Return the hashed URI (draft-ietf-acme-dns-persist-02 section 4.1)."""
        hashed = f"{chr(len(domain))}{domain}{self.thumbprint}{self.account_url}".encode("latin-1")
        return f"{self.hash_prefix}sha-256/{base64url(hashlib.sha256(hashed).digest())}"


class PersistentRecord(msgspec.Struct, frozen=True):
    """What has to be in a TXT record of ``domain``, so that the CA validates its names.

    ``wildcard`` tells that a wildcard is among them.
    """

    domain: DomainName
    applicant: Applicant
    wildcard: bool

    @property
    def is_possible(self) -> bool:
        """Whether the CA's names are as the draft wants them (section 3.1), and can be told."""
        issuers = self.applicant.issuers
        named = 0 < len(issuers) <= _MOST_ISSUERS and all(map(_is_issuer, issuers))
        return named and self.fault(self.value) == "" and '"' not in self.value

    @property
    def value(self) -> str:
        """The value to publish, an issue-value (RFC 8659 section 4.2)."""
        uri = self.applicant.account_uris(self.domain)[0]
        policy = "; policy=wildcard" if self.wildcard else ""
        return f"{self.applicant.issuers[0]}; accounturi={uri}{policy}"

    def fault(self, text: str, now: float | None = None) -> str | None:
        """Return what keeps a record from being enough, empty for nothing.

        None is for a text that is not a record of this CA. ``now`` is in seconds since 1970.
        """
        issuer, found = _read(text)
        uris = self.applicant.account_uris(self.domain)
        if issuer not in self.applicant.issuers:
            is_ours = any(uri in text for uri in uris)
            return f"it does not begin with {self.applicant.issuers[0]};" if is_ours else None
        if isinstance(found, str):
            return found
        account = found.get("accounturi")
        if account is None:
            return "it names no account (accounturi=)"
        if account == self.applicant.account_url not in uris:
            return "it has the account's URL, and this CA wants its hash"
        if account not in uris:
            of_hash = ", or an older key of this one" if self.applicant.hash_prefix else ""
            return f"it names another account{of_hash}"
        if self.wildcard and found.get("policy", "").lower() != "wildcard":
            return "it lacks policy=wildcard"
        until = found.get("persistuntil")
        if until is None:
            return ""
        if not _SECONDS.fullmatch(until):
            return "its persistUntil is not a number"
        if int(until) < (time.time() if now is None else now):
            return _ENDED
        return ""

    def has_ended(self, texts: Iterable[str]) -> bool:
        """Tell whether one of the texts was enough until its end came, which somebody wanted."""
        return any(self.fault(text) == _ENDED for text in texts)

    def is_in(self, texts: Iterable[str]) -> bool:
        """Tell whether one of the texts is enough for the CA."""
        return any(self.fault(text) == "" for text in texts)

    def ends_at(self, texts: Iterable[str]) -> int | None:
        """Return until when the texts that are enough stay so, in seconds since 1970, if not for
        good.
        """
        ends = []
        for text in texts:
            if self.fault(text) == "":
                found = _read(text)[1]
                assert isinstance(found, dict)
                ends.append(int(found.get("persistuntil", _FOREVER)))
        last = max(ends, default=_FOREVER)
        return last if last < _FOREVER else None

    def faults(self, texts: Iterable[str]) -> str:
        """Return what is wrong with the CA's records among the texts, for people; or nothing."""
        found = sorted({fault for text in texts if (fault := self.fault(text))})
        return f" (one is there, but {' and '.join(found)})" if found else ""


def _read(text: str) -> tuple[str, dict[str, str] | str]:
    """Return the issuer and its parameters by their tags in lower case.

    In place of the parameters it is what keeps a CA from reading them.
    """
    issuer, *parameters = (part.strip(_BLANK) for part in text.split(";"))
    found: dict[str, str] = {}
    for parameter in parameters:
        tag, separator, value = (part.strip(_BLANK) for part in parameter.partition("="))
        tag = tag.lower()
        if not parameter:
            return issuer, "it has a ';' too many"
        if not (separator and tag):
            return issuer, f"'{sanitize(parameter, limit=40)}' in it is not NAME=VALUE"
        if tag in found:
            return issuer, f"it has {sanitize(tag, limit=40)} twice"
        if not _is_value(value):
            return issuer, f"the value of {sanitize(tag, limit=40)} has a blank or the like in it"
        found[tag] = value
    return issuer, found


def _is_issuer(name: str) -> bool:
    try:
        return DomainName.parse(name).text == name
    except InvalidNameError:
        return False


def _is_value(text: str) -> bool:
    return all("!" <= letter <= "~" and letter != ";" for letter in text)


def does_for(text: str, wanted: str) -> bool:
    """Tell whether a CA that takes the record ``wanted`` takes the text, too."""
    issuer, found = _read(wanted)
    if isinstance(found, str):
        return False
    applicant = Applicant((issuer,), found.get("accounturi", ""))
    record = PersistentRecord(DomainName(""), applicant, "policy" in found)
    return record.fault(text) == ""


def choose_issuers(known: Collection[str], offered: Collection[str]) -> tuple[str, ...]:
    """Return the CA's names in a challenge, those first that its directory has, too."""
    return (
        *(one for one in known if one in offered),
        *(one for one in offered if one not in known),
    )


class PersistMethod(DnsMethod, frozen=True, eq=False):
    """Validation by a TXT record that stays, created by the provider or by a person.

    Making one raises InvalidInputError for a provider that publishes at names of its own, which
    are for the values of dns-01 only.
    """

    type: ClassVar[str] = TYPE
    stays: ClassVar[bool] = True
    longest_label: ClassVar[str] = LABEL

    def __post_init__(self) -> None:
        if isinstance(self.provider, DelegatedProvider):
            raise InvalidInputError(
                f"{self.provider.info.title} can hold values of dns-01 only: for {TYPE}, give the"
                " provider of the names' own zone, or none to create the record yourself"
            )

    @property
    def record_ttl(self) -> int:
        """The TTL for new records, in seconds."""
        info = self.provider.info
        return self.ttl or (_TTL_BY_HAND if info.manual else info.default_ttl)

    async def require_usable(self) -> None:
        """Do nothing: what the provider needs is seen once the record is missing."""
