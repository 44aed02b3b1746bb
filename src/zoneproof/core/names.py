"""Domain names, certificate identifiers and e-mail addresses: what they are, and what is none."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from functools import total_ordering

from zoneproof.core.errors import InvalidInputError, InvalidNameError
from zoneproof.core.text import printable

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_HOST_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_BRACKETED = re.compile(r"\[([^\[\]]*:[^\[\]]*)\]")
_MAILBOX = re.compile(
    r"(?=.{1,64}$)[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*", re.ASCII
)
_HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*")
_DOTS = re.compile("[.\u3002\uff0e\uff61]")
_MISTAKES = (  # what people type in place of a name, and what to do
    (re.compile("://"), "it is a web address: give its host name alone"),
    (re.compile(r":\d+$"), "it has a port: omit that"),
    (re.compile(r"\.[^.,;\s]+[,;\s]+[^.,;\s]+\."), "it is more than one name: give each by itself"),
)
_MAX_TEXT = 253
_MAX_INPUT = 1000


@total_ordering
@dataclass(frozen=True, slots=True)
class DomainName:
    """A domain name: ``text`` is lower-case A-labels without a trailing dot.

    The leftmost label may be ``*``; labels may start with ``_``. The root is the empty text.
    Make one with :meth:`parse`.
    """

    text: str

    @classmethod
    def parse(cls, text: str) -> DomainName:
        """Read a name in any usual spelling: mixed case, U-labels (IDNA 2008), trailing dot.

        Raises InvalidNameError, which says what is wrong with which label.
        """
        shown = _shown(text)
        stripped = text.strip()
        if stripped == ".":
            return cls("")
        if len(stripped) > _MAX_INPUT:  # before any work is spent on it
            raise _too_long(shown)
        labels = _DOTS.split(stripped)
        if len(labels) > 1 and not labels[-1]:
            labels.pop()
        parsed = [_parse_label(label, shown, first=i == 0) for i, label in enumerate(labels)]
        result = ".".join(parsed)
        if len(result) > _MAX_TEXT:
            raise _too_long(shown)
        return cls(result)

    def __str__(self) -> str:
        return self.text

    def __lt__(self, other: DomainName) -> bool:
        return self.labels[::-1] < other.labels[::-1]

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels from left to right; none for the root."""
        return tuple(self.text.split(".")) if self.text else ()

    @property
    def fqdn(self) -> str:
        """The name with its trailing dot, as zone files write it."""
        return self.text + "."

    @property
    def is_wildcard(self) -> bool:
        """Whether the leftmost label is ``*``."""
        return self.labels[:1] == ("*",)

    @property
    def base(self) -> DomainName:
        """The name without a leading ``*.``."""
        return DomainName(self.text[2:]) if self.is_wildcard else self

    @property
    def parent(self) -> DomainName:
        """The name without its leftmost label; the root is its own parent."""
        return DomainName(self.text.partition(".")[2])

    def is_below(self, other: DomainName) -> bool:
        """Tell whether this name is ``other`` or a name under it, at a label boundary."""
        return not other.text or self.text == other.text or self.text.endswith("." + other.text)

    def relative_to(self, zone: DomainName) -> str:
        """Return the part left of ``zone``, empty for the zone's own name.

        Raises ValueError if the name is not below ``zone``.
        """
        if not self.is_below(zone):
            raise ValueError(f"{self} is not below {zone}")
        if not zone.text:
            return self.text
        return self.text[: -len(zone.text)].removesuffix(".")

    def child(self, left: str) -> DomainName:
        """Return the name with ``left`` (one or more labels) put before it."""
        return DomainName.parse(f"{left}.{self.text}" if self.text else left)


def _parse_label(label: str, whole: str, *, first: bool) -> str:
    if not label:
        raise InvalidNameError(f"'{whole}' is not a domain name: it has an empty label")
    if label == "*":
        if first:
            return label
        raise InvalidNameError(
            f"'{whole}' is not a domain name: '*' can only stand alone as the leftmost label"
        )
    result = label.lower() if label.isascii() else _to_a_label(label, whole)
    if not _LABEL.fullmatch(result):
        if len(result) > 63:
            reason = f"the label '{result[:20]}...' is longer than 63 characters"
        else:
            reason = next((said for sign, said in _MISTAKES if sign.search(whole)), "") or (
                f"the label '{_shown(label)}' may only hold letters, digits, '-' and '_', and"
                " neither begin nor end with '-'"
            )
        raise InvalidNameError(f"'{whole}' is not a domain name: {reason}")
    return result


def _to_a_label(label: str, whole: str) -> str:
    import idna

    try:
        return idna.encode(label, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise InvalidNameError(f"'{whole}' is not a domain name: {_shown(str(error))}") from error


def readable(name: str) -> str:
    """Return a name as people write it, with the letters that ``xn--`` stands for.

    It is for people alone: two names can look the same in it.
    """
    if "xn--" not in name:
        return name
    return ".".join(map(_to_u_label, name.split(".")))


def with_readable(name: str) -> str:
    """Return a name, and beside it what its ``xn--`` stands for, if it has any."""
    text = readable(name)
    return name if text == name else f"{name} ({text})"


def _to_u_label(label: str) -> str:
    import idna

    try:
        return idna.decode(label) if label.startswith("xn--") else label
    except idna.IDNAError:
        return label


def _shown(text: str) -> str:
    return printable(text if len(text) <= 80 else text[:77] + "...")


def _too_long(shown: str) -> InvalidNameError:
    return InvalidNameError(
        f"'{shown}' is not a domain name: it is longer than {_MAX_TEXT} characters"
    )


@total_ordering
@dataclass(frozen=True, slots=True)
class Identifier:
    """A name that goes on a certificate: a host name, a wildcard of one, or an IP address.

    ``value`` is the text that ACME sends (RFC 8555 section 7.1.4, RFC 8738); ``type`` is ``dns``
    or ``ip``. Make one with :meth:`parse`.
    """

    type: str
    value: str

    @classmethod
    def parse(cls, text: str) -> Identifier:
        """Read a host name (U-labels allowed), ``*.`` and a host name, or an IP address.

        Raises InvalidNameError.
        """
        stripped = text.strip()
        shown = _shown(stripped)
        address = _parse_address(stripped)
        if address is not None:
            return cls("ip", address)
        name = DomainName.parse(stripped)
        labels = name.base.labels
        if len(labels) < 2:
            raise InvalidNameError(
                f"'{shown}' cannot be in a certificate: give a full name such as example.com"
            )
        for label in labels:
            if not _HOST_LABEL.fullmatch(label):
                raise InvalidNameError(
                    f"'{shown}' cannot be in a certificate: the label '{label}' may only hold"
                    " letters, digits and '-'"
                )
        if labels[-1].isdigit():
            raise InvalidNameError(
                f"'{shown}' cannot be in a certificate: it is neither a host name nor an IP address"
            )
        return cls("dns", name.text)

    def __str__(self) -> str:
        return self.value

    def __lt__(self, other: Identifier) -> bool:
        return (self.type, self._sort_name()) < (other.type, other._sort_name())

    def _sort_name(self) -> tuple[str, ...]:
        return tuple(reversed(self.value.split("."))) if self.type == "dns" else (self.value,)

    @property
    def is_wildcard(self) -> bool:
        """Whether this is ``*.`` and a host name."""
        return self.value.startswith("*.")

    @property
    def domain(self) -> DomainName:
        """The host name without ``*.``. Raises ValueError for an IP address."""
        if self.type != "dns":
            raise ValueError(f"{self.value} is an IP address, not a domain name")
        return DomainName(self.value).base


def _parse_address(text: str) -> str | None:
    bracketed = _BRACKETED.fullmatch(text)
    address = _ip_address(bracketed[1] if bracketed else text)
    if address is None:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id:
        raise InvalidNameError(
            f"'{_shown(text)}' cannot be in a certificate: give the address without"
            f" '%{_shown(address.scope_id)}'"
        )
    return str(address)


def is_host(text: str) -> bool:
    """Tell whether it is a host name, with any of the letters that URLs may have, or an address."""
    return bool(_HOST.fullmatch(text)) or _ip_address(text) is not None


def is_loopback(host: str) -> bool:
    """Tell whether the host is this machine."""
    address = _ip_address(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def _ip_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def is_email(text: str) -> bool:
    """Tell whether this is an e-mail address: ASCII, without quotes (RFC 5321 section 4.1.2)."""
    mailbox, _, host = text.rpartition("@")
    return bool(_MAILBOX.fullmatch(mailbox) and _HOST.fullmatch(host))


def require_email(text: str) -> str:
    """Return an e-mail address as it is. Raises InvalidInputError for what is none."""
    if is_email(text):
        return text
    raise InvalidInputError(
        f"'{_shown(text)}' is not an e-mail address: write it as ops@example.org"
    )
