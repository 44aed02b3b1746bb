"""Questions that are signed with a secondary's key (TSIG, RFC 8945), and their answers."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.tsig

from zoneproof.challengedns.dns import wire
from zoneproof.challengedns.dns.question import (
    FormatError,
    is_response,
    read_question,
    signature_start,
)
from zoneproof.challengedns.dns.reply import write_error, write_header_only
from zoneproof.challengedns.dns.secondary import SecondaryData

_BADSIG, _BADKEY, _BADTIME = 16, 17, 18
_MARK = wire.TSIG.to_bytes(2, "big") + b"\0\xff\0\0\0\0"  # TSIG, ANY, a TTL of 0
_FUDGE = 300  # seconds, as RFC 8945 section 10 recommends


class AnswerSigner:
    """Signs the messages that answer a signed one; of several each the next (section 5.3.1)."""

    def __init__(
        self, key: dns.tsig.Key, request: Any, clock: Callable[[], float] = time.time
    ) -> None:
        """``request`` is the TSIG record's data in the message that is answered."""
        self._key = key
        self._request = request
        self._clock = clock
        self._context: Any = None

    def sign(self, message: bytes, *, is_one_of_several: bool = False) -> bytes:
        """Return the message with a signature."""
        unsigned = _unsigned(self._request, message, self._clock())
        signature, self._context = dns.tsig.sign(  # type: ignore[no-untyped-call]
            message,
            self._key,
            unsigned,
            int(self._clock()),
            self._request.mac,
            self._context,
            is_one_of_several,
        )
        return _append(message, self._key.name, signature)


@dataclass(frozen=True)
class SignedQuestion:
    """A message whose signature is right. ``packet`` is the message without it."""

    packet: bytes
    key: str
    signer: AnswerSigner


class SecondaryKeys:
    """The keys of the secondaries, and what may be transferred with each."""

    def __init__(
        self, secondaries: Sequence[SecondaryData], clock: Callable[[], float] = time.time
    ) -> None:
        self._secondaries = [
            (each, [ipaddress.ip_network(network) for network in each.networks])
            for each in secondaries
        ]
        self._keys = {
            key.name: key
            for key in (
                dns.tsig.Key(dns.name.from_text(each.key), each.secret, each.algorithm)
                for each in secondaries
            )
        }
        self._clock = clock

    def open(self, packet: bytes) -> SignedQuestion | bytes | None:
        """Return a signed message, or what to answer to a wrong signature; None if it has none.

        A message that cannot be read counts as one without.
        """
        if _MARK not in packet or len(packet) < wire.HEADER_LENGTH or is_response(packet):
            return None
        try:
            start = signature_start(packet)
            if start is None:
                return None
            owner, rdata = _read_signature(packet, start)
        except (FormatError, dns.exception.DNSException, ValueError):
            return write_header_only(packet, wire.FORMERR)
        rdata = rdata.replace(other=b"")  # which a question has none of
        message = _without(packet, start)
        key = self._keys.get(owner)
        if key is None or key.algorithm != rdata.algorithm:
            return self._refusal(message, owner, rdata, _BADKEY)
        try:
            dns.tsig.validate(  # type: ignore[no-untyped-call]
                packet, key, owner, rdata, int(self._clock()), b"", start
            )
        except dns.tsig.BadTime:
            now = int(self._clock())
            late = rdata.replace(error=_BADTIME, other=now.to_bytes(6, "big"))
            return AnswerSigner(key, late, lambda: rdata.time_signed).sign(_refused(message))
        except dns.exception.DNSException:
            return self._refusal(message, owner, rdata, _BADSIG)
        return SignedQuestion(
            message, key.name.to_text(True), AnswerSigner(key, rdata, self._clock)
        )

    def permitted(self, key: str, address: str, zone: bytes) -> SecondaryData | None:
        """Return the secondary that transfers a zone with a key from an address, if one may."""
        found = ipaddress.ip_address(address)
        for secondary, networks in self._secondaries:
            if (
                secondary.key == key
                and zone in secondary.zones
                and any(found in network for network in networks)
            ):
                return secondary
        return None

    def _refusal(self, message: bytes, owner: dns.name.Name, rdata: Any, error: int) -> bytes:
        # Unsigned: whoever asks has not shown that they have a key of ours (section 5.3.2).
        reply = _refused(message)
        return _append(reply, owner, _unsigned(rdata.replace(error=error), reply, self._clock()))


def _unsigned(request: Any, message: bytes, now: float) -> Any:
    return request.replace(
        time_signed=int(now),
        fudge=_FUDGE,
        mac=b"",
        original_id=int.from_bytes(message[:2], "big"),
    )


def _refused(message: bytes) -> bytes:
    try:
        return write_error(read_question(message), wire.NOTAUTH)
    except FormatError:
        return write_header_only(message, wire.FORMERR)


def _read_signature(packet: bytes, start: int) -> tuple[dns.name.Name, Any]:
    owner, length = dns.name.from_wire(packet, start)
    at = start + length + 10
    rdata = dns.rdata.from_wire(
        dns.rdataclass.ANY, dns.rdatatype.TSIG, packet, at, len(packet) - at
    )
    return owner.canonicalize(), rdata


def _without(packet: bytes, start: int) -> bytes:
    count = int.from_bytes(packet[10:12], "big") - 1
    return packet[:10] + count.to_bytes(2, "big") + packet[12:start]


def _append(message: bytes, owner: dns.name.Name, signature: Any) -> bytes:
    name, data = owner.to_wire(), signature.to_wire()
    assert name is not None
    count = int.from_bytes(message[10:12], "big") + 1
    return b"".join(
        (
            message[:10],
            count.to_bytes(2, "big"),
            message[12:],
            name,
            _MARK,
            len(data).to_bytes(2, "big"),
            data,
        )
    )
