"""The provider for name servers with dynamic updates (RFC 2136) signed with TSIG (RFC 8945)."""

from __future__ import annotations

import asyncio
import binascii
import ipaddress
import socket
from collections.abc import Callable, Sequence
from typing import ClassVar

import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.tsig
import dns.update
from dns.rdtypes.ANY.TXT import TXT

from zoneproof.core.errors import (
    InvalidInputError,
    InvalidNameError,
    ProviderError,
    ProviderUnavailableError,
    ProviderZoneError,
)
from zoneproof.core.names import DomainName
from zoneproof.core.text import sanitize
from zoneproof.providers.batches import in_parts
from zoneproof.providers.contract import (
    Alias,
    ProviderContext,
    ProviderInfo,
    TxtRecord,
    Zone,
    split_txt,
)
from zoneproof.providers.dns_exchange import over_tcp, over_udp
from zoneproof.providers.fields import CredentialField
from zoneproof.providers.rfc2136_errors import no_answer, refusal, unusable_answer

_ALGORITHMS = {
    "hmac-md5": dns.tsig.HMAC_MD5,
    "hmac-sha1": dns.tsig.HMAC_SHA1,
    "hmac-sha224": dns.tsig.HMAC_SHA224,
    "hmac-sha256": dns.tsig.HMAC_SHA256,
    "hmac-sha384": dns.tsig.HMAC_SHA384,
    "hmac-sha512": dns.tsig.HMAC_SHA512,
}
_ATTEMPTS = 3
_AT_ONCE = 10
_LARGEST_UDP = 512  # bytes; RFC 2136 gives no way to agree on more
_LARGEST_TCP = 16 * 1024  # bytes; names further on would not be compressed

_Make = Callable[[Zone, Sequence[TxtRecord]], dns.update.UpdateMessage]


def _server(text: str) -> DomainName | ipaddress.IPv4Address | ipaddress.IPv6Address:
    text = text.strip()
    try:
        return ipaddress.ip_address(text.removeprefix("[").removesuffix("]"))
    except ValueError:
        pass
    try:
        name = DomainName.parse(text)
    except InvalidNameError as error:
        raise InvalidInputError(
            f"rfc2136: server '{sanitize(text)}' is neither an IP address nor a host name; the "
            "port has its own field"
        ) from error
    if not name.text or name.is_wildcard or name.labels[-1].isdigit():
        raise InvalidInputError(
            f"rfc2136: server '{sanitize(text)}' is neither an IP address nor a host name"
        )
    return name


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) < 65536):
        raise InvalidInputError(
            f"rfc2136: port '{sanitize(text)}' is not a valid port: give a number from 1 to 65535;"
            " it is usually 53"
        )
    return int(text)


def _key_name(text: str) -> dns.name.Name:
    try:
        return dns.name.from_text(text)
    except (dns.exception.DNSException, UnicodeError) as error:
        raise InvalidInputError(
            f"rfc2136: key_name '{sanitize(text)}' is not a domain name, as the names of"
            " TSIG keys are"
        ) from error


def _secret(text: str) -> bytes:
    try:
        return binascii.a2b_base64("".join(text.split()), strict_mode=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInputError(
            "rfc2136: secret is not base64: copy the text between the quotes of the server's key"
        ) from error


def _of_lego(prefix: str) -> dict[str, str]:
    return {
        f"{prefix}_NAMESERVER": "server",
        f"{prefix}_TSIG_KEY": "key_name",
        f"{prefix}_TSIG_SECRET": "secret",
        f"{prefix}_TSIG_ALGORITHM": "algorithm",
    }


class Rfc2136:
    """Adds and deletes exact TXT values by UPDATE, a batch in one message if it is short enough.

    At most ten messages are sent at once.
    """

    info: ClassVar[ProviderInfo] = ProviderInfo(
        slug="rfc2136",
        title="RFC 2136 dynamic update",
        homepage="https://www.rfc-editor.org/rfc/rfc2136",
        fields=(
            CredentialField(
                "server", "IP address or host name of the zone's primary server", check=_server
            ),
            CredentialField("port", "its port", default="53", check=_port),
            CredentialField(
                "key_name",
                "name of the TSIG key; empty where the server lets this machine update without one",
                default="",
                needed_with="secret",
                check=_key_name,
            ),
            CredentialField(
                "secret",
                "the TSIG key's secret, in base64",
                secret=True,
                default="",
                needed_with="key_name",
                check=_secret,
            ),
            CredentialField(
                "algorithm",
                "the TSIG key's algorithm",
                default="hmac-sha256",
                choices=tuple(_ALGORITHMS),
            ),
            CredentialField(
                "transport",
                "transport of messages; udp only where tcp does not work",
                default="tcp",
                choices=("tcp", "udp"),
            ),
        ),
        notes="For BIND, Knot, PowerDNS, Windows DNS with unsigned updates, and every other server "
        "that accepts RFC 2136 updates. Windows DNS's secure updates (GSS-TSIG) are"
        " not supported. All values at a name share one TTL in the DNS, so values that others put"
        " there may get ours.",
        least_privilege="A separate TSIG key, with the right to add and delete TXT records at the"
        " challenge names and nothing else. BIND: `update-policy { grant the-key name"
        " _acme-challenge.example.com. TXT; };` in the zone. Knot: an `acl` with `key: the-key`,"
        " `action: update`, `update-type: TXT`, `update-owner: name`, `update-owner-match: equal`"
        " and `update-owner-name: _acme-challenge`.",
        aliases=(
            Alias(
                "certbot",
                "dns-rfc2136",
                {
                    "server": "server",
                    "port": "port",
                    "name": "key_name",
                    "secret": "secret",
                    "algorithm": "algorithm",
                },
            ),
            Alias("lego", "dnsupdate", _of_lego("DNSUPDATE")),
            Alias("lego", "rfc2136", _of_lego("RFC2136")),
            Alias(
                "acme.sh",
                "dns_nsupdate",
                {"NSUPDATE_SERVER": "server", "NSUPDATE_SERVER_PORT": "port"},
            ),
        ),
    )

    def __init__(self, context: ProviderContext) -> None:
        fields = context.fields
        self._server = _server(fields["server"])
        self._port = _port(fields["port"])
        self._key = _key(fields["key_name"], fields["secret"], fields["algorithm"])
        self._udp = fields["transport"] == "udp"
        self._attempt_timeout = context.timeout / _ATTEMPTS
        self._sleep = context.sleep
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def zones(self) -> list[Zone]:
        """Return nothing: the protocol cannot list zones."""
        return []

    async def add(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        """Add the exact values; one that already exists stays one (RFC 2136 section 3.4.2.2)."""
        await self._change(zone, records, self._addition)

    async def remove(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        """Delete the exact values, as far as they are there (RFC 2136 section 2.5.4)."""
        await self._change(zone, records, self._deletion)

    async def close(self) -> None:
        """Release nothing: a connection carries one message."""

    def _addition(self, zone: Zone, records: Sequence[TxtRecord]) -> dns.update.UpdateMessage:
        update = self._update(zone)
        owners = {record.name: _owner(zone, record) for record in records}
        for owner in owners.values():
            # Without this a server says NOERROR and ignores a TXT record beside a CNAME.
            update.absent(owner, "CNAME")
        for record in records:
            update.add(owners[record.name], record.ttl, _rdata(record.value))
        return update

    def _deletion(self, zone: Zone, records: Sequence[TxtRecord]) -> dns.update.UpdateMessage:
        update = self._update(zone)
        for record in records:
            update.delete(_owner(zone, record), _rdata(record.value))
        return update

    def _update(self, zone: Zone) -> dns.update.UpdateMessage:
        return dns.update.UpdateMessage(zone.name.fqdn, keyring=self._key)

    async def _change(self, zone: Zone, records: Sequence[TxtRecord], make: _Make) -> None:
        once = list(dict.fromkeys(records))
        messages = self._messages(zone, once, make) if once else []
        await in_parts(
            (part, self._send_part(update, zone, part, make)) for part, update in messages
        )

    def _messages(
        self, zone: Zone, records: list[TxtRecord], make: _Make
    ) -> list[tuple[list[TxtRecord], dns.update.UpdateMessage]]:
        """Return the updates that do it, each with its records, and as long as it may be."""
        update = make(zone, records)
        if len(records) < 2 or self._fits(update):
            return [(records, update)]
        half = len(records) // 2
        halves = (records[:half], records[half:])
        return [message for part in halves for message in self._messages(zone, part, make)]

    def _fits(self, update: dns.update.UpdateMessage) -> bool:
        try:
            return len(update.to_wire()) <= (_LARGEST_UDP if self._udp else _LARGEST_TCP)
        except dns.exception.TooBig:
            return False

    async def _send_part(
        self, update: dns.update.UpdateMessage, zone: Zone, part: Sequence[TxtRecord], make: _Make
    ) -> None:
        try:
            await self._send(update, zone, part)
        except ProviderError as error:
            about_all = isinstance(error, (ProviderUnavailableError, ProviderZoneError))
            if len(part) == 1 or about_all or not error.changed_nothing:
                raise
            # An update is done as a whole or not at all, and no answer says which of its names it
            # failed for, not even BADKEY, which for Knot is also a key that may not change one of
            # them. One by one the others are done, and the error names its own.
            await in_parts(([one], self._send(make(zone, [one]), zone, [one])) for one in part)

    async def _send(
        self, update: dns.update.UpdateMessage, zone: Zone, records: Sequence[TxtRecord]
    ) -> None:
        names = list(dict.fromkeys(zone.record(record.name) for record in records))
        others = f" and {len(names) - 1} more" if len(names) > 1 else ""
        where = (
            f"rfc2136 server {self._server} port {self._port}, zone {zone.name},"
            f" name {names[0]}{others}"
        )
        async with self._slots:
            addresses = await self._addresses(where)
            trouble, unchanged = "", True  # as far as the attempts so far can tell
            for attempt in range(_ATTEMPTS):
                if attempt:
                    await self._sleep(0.25 * 2.0**attempt)
                try:
                    answer = await self._ask(update, addresses[attempt % len(addresses)])
                except (OSError, EOFError) as error:
                    trouble = no_answer(error, _ATTEMPTS, self._attempt_timeout)
                    unchanged &= isinstance(error, ConnectionRefusedError)
                    continue
                try:
                    if self._is_done(where, update, answer):
                        return
                except ProviderError as error:
                    error.changed_nothing &= unchanged
                    raise
                trouble = "it failed (SERVFAIL): read its log; it may be unable to write the zone"
                unchanged = False
        raise ProviderUnavailableError(f"{where}: {trouble}", changed_nothing=unchanged)

    async def _ask(self, update: dns.update.UpdateMessage, address: str) -> bytes:
        wire = update.to_wire()  # signs anew, with the time that it is now
        small = len(wire) <= _LARGEST_UDP
        exchange = over_udp if self._udp and small else over_tcp
        async with asyncio.timeout(self._attempt_timeout):
            return await exchange(wire, address, self._port)

    def _is_done(self, where: str, update: dns.update.UpdateMessage, answer: bytes) -> bool:
        """Tell whether the answer says so; not for SERVFAIL. Raises ProviderError for a refusal."""
        try:
            reply = self._read(update, answer)
        except dns.exception.DNSException as error:
            raise unusable_answer(where, error) from error
        if reply.rcode() == dns.rcode.SERVFAIL:
            return False
        self._check(where, reply)
        return True

    def _read(self, update: dns.update.UpdateMessage, answer: bytes) -> dns.message.Message:
        try:
            reply = dns.message.from_wire(answer, keyring=self._key, request_mac=update.mac)
        except dns.exception.FormError:
            # Perhaps it is only not signed. Then it can be read without the key.
            reply = dns.message.from_wire(answer)
        if not update.is_response(reply):
            raise dns.exception.FormError
        return reply

    def _check(self, where: str, reply: dns.message.Message) -> None:
        if reply.rcode() != dns.rcode.NOERROR:
            raise refusal(
                where, reply.rcode(), signed=self._key is not None, answer_signed=reply.had_tsig
            )
        if self._key is not None and not reply.had_tsig:
            raise ProviderError(
                f"{where}: its answer is not signed, so it is not believed: check what is in "
                "between, and that server is a name server that knows TSIG"
            )

    async def _addresses(self, where: str) -> list[str]:
        if isinstance(self._server, DomainName):
            try:
                async with asyncio.timeout(self._attempt_timeout):
                    found = await asyncio.get_running_loop().getaddrinfo(
                        self._server.text, self._port, type=socket.SOCK_STREAM
                    )
            except (OSError, TimeoutError) as error:
                raise ProviderUnavailableError(
                    f"{where}: no address was found for the server's name: check the field server",
                    changed_nothing=True,
                ) from error
            return [str(address[0]) for *_, address in found]
        return [self._server.compressed]


def _key(name: str, secret: str, algorithm: str) -> dns.tsig.Key | None:
    if bool(name) != bool(secret):
        missing, given = ("secret", "key_name") if name else ("key_name", "secret")
        raise InvalidInputError(
            f"rfc2136: {given} is set and {missing} is empty; set both, or none for updates without"
            " TSIG"
        )
    if not name:
        return None
    return dns.tsig.Key(_key_name(name), _secret(secret), _ALGORITHMS[algorithm])


def _owner(zone: Zone, record: TxtRecord) -> dns.name.Name:
    return dns.name.from_text(zone.record(record.name).fqdn)


def _rdata(value: str) -> TXT:
    return TXT(dns.rdataclass.IN, dns.rdatatype.TXT, split_txt(value))
