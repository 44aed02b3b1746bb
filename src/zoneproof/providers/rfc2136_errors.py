"""Turns what a server answered to a dynamic update into our errors, with advice for people."""

from __future__ import annotations

import dns.exception
import dns.message
import dns.rcode
import dns.tsig

from zoneproof.core.errors import (
    ProviderCredentialsError,
    ProviderError,
    ProviderPermissionError,
    ProviderUnavailableError,
    ProviderZoneError,
)
from zoneproof.core.text import sanitize

_Trouble = tuple[type[ProviderError], str]
_TSIG_TROUBLE: dict[type[dns.exception.DNSException], _Trouble] = {
    dns.tsig.PeerBadKey: (
        ProviderCredentialsError,
        "it does not know the TSIG key, or the key may not update this zone (BADKEY): check"
        " key_name and algorithm, and that the server lets that key update the zone",
    ),
    dns.tsig.PeerBadSignature: (
        ProviderCredentialsError,
        "the signature is wrong (BADSIG): check secret and algorithm, which must be those that the"
        " server has for this key",
    ),
    dns.tsig.PeerBadTime: (
        ProviderCredentialsError,
        "its clock and this machine's differ by more than 5 minutes (BADTIME): set both by NTP",
    ),
    dns.tsig.PeerBadTruncation: (
        ProviderCredentialsError,
        "it wants a longer signature (BADTRUNC): choose another algorithm",
    ),
    dns.tsig.PeerError: (
        ProviderCredentialsError,
        "it refuses the signature for a reason that RFC 8945 does not know: read its log",
    ),
    dns.tsig.BadTime: (
        ProviderError,
        "its answer was signed at another time than this machine's clock says: set both by NTP",
    ),
    dns.tsig.BadKey: (ProviderError, "its answer was signed with another key: it is not believed"),
    dns.tsig.BadAlgorithm: (
        ProviderError,
        "its answer was signed with another algorithm: it is not believed",
    ),
    dns.tsig.BadSignature: (
        ProviderError,
        "the signature of its answer is wrong: it is not believed; check secret and algorithm, and "
        "what is in between",
    ),
    dns.message.UnknownTSIGKey: (
        ProviderError,
        "its answer is signed, though the request was not: set key_name and secret",
    ),
}
_RCODE_TROUBLE: dict[dns.rcode.Rcode, _Trouble] = {
    dns.rcode.REFUSED: (
        ProviderPermissionError,
        "it refuses the update (REFUSED): allow this key, or this machine, to update TXT records"
        " there",
    ),
    dns.rcode.NOTAUTH: (
        ProviderZoneError,
        "it is not the primary server of that zone (NOTAUTH): set server to the one that is, or"
        " check the zone's name",
    ),
    dns.rcode.NOTZONE: (
        ProviderZoneError,
        "it says that the name is not in that zone (NOTZONE): check the zone's name",
    ),
    dns.rcode.NXDOMAIN: (ProviderZoneError, "it does not know that zone (NXDOMAIN)"),
    dns.rcode.NOTIMP: (
        ProviderPermissionError,
        "it accepts no updates (NOTIMP): turn on dynamic updates there, or set server to the zone's"
        " primary server",
    ),
    dns.rcode.YXRRSET: (
        ProviderError,
        "that name has a CNAME record, beside which no TXT record can exist (YXRRSET): delete it,"
        " or publish where it leads",
    ),
    dns.rcode.FORMERR: (ProviderError, "it cannot read the update (FORMERR): read its log"),
}


def refusal(
    where: str, rcode: dns.rcode.Rcode, *, signed: bool, answer_signed: bool
) -> ProviderError:
    """Return the error for an rcode that is neither NOERROR nor SERVFAIL (RFC 2136 section 2.2).

    ``signed`` and ``answer_signed`` tell whether the update and its answer carried a signature.
    """
    if rcode == dns.rcode.NOTAUTH and not signed:
        # "Not authoritative" in RFC 2136, "not authorized" in RFC 8945: Knot means the second.
        return ProviderPermissionError(
            f"{where}: it accepts only signed updates, or is not the primary server of that zone"
            " (NOTAUTH): set key_name and secret, and check server"
        )
    if rcode == dns.rcode.NOTAUTH and not answer_signed:
        # A server that could check the signature signs its answer; some do not say BADKEY.
        return ProviderZoneError(
            f"{where}: it is not the primary server of that zone, or it does not accept the TSIG"
            " key (NOTAUTH, unsigned): check server and the zone's name, then key_name, secret and"
            " algorithm"
        )
    kind, text = _RCODE_TROUBLE.get(
        rcode, (ProviderError, f"it answered {dns.rcode.to_text(rcode)}: read its log")
    )
    return kind(f"{where}: {text}", changed_nothing=True)


def no_answer(error: Exception, attempts: int, timeout: float) -> str:
    """Say for people why the last of the attempts, of ``timeout`` seconds each, had no answer."""
    if isinstance(error, TimeoutError):
        return (
            f"no answer in {attempts} attempts of {timeout:g} seconds: check server, port and"
            " transport, and the firewalls between"
        )
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused: no name server listens there"
    if isinstance(error, EOFError):
        return "it closed the connection without an answer: read its log"
    return f"the connection failed ({sanitize(str(error))})"


def unusable_answer(where: str, error: dns.exception.DNSException) -> ProviderError:
    """Return the error for an answer that dnspython would not read or not believe."""
    for kind, (trouble, text) in _TSIG_TROUBLE.items():
        if isinstance(error, kind):
            return trouble(f"{where}: {text}")
    return ProviderUnavailableError(
        f"{where}: it answered with something that is not an answer to a DNS update"
        f" ({type(error).__name__}): check server and port"
    )
