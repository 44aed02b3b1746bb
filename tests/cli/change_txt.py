"""Adds or removes a TXT value in the test's example.com zone, as a person would by hand."""

from __future__ import annotations

import sys

import dns.query
import dns.tsigkeyring
import dns.update

from tests.peers.knot import TSIG_ALGORITHM, TSIG_NAME, TSIG_SECRET


def change(port: int, name: str, value: str, *, rdtype: str = "TXT", remove: bool = False) -> None:
    """Send the update to the server at the port."""
    text = f'"{value}"' if rdtype == "TXT" else value
    keyring = dns.tsigkeyring.from_text({TSIG_NAME: TSIG_SECRET})
    update = dns.update.UpdateMessage("example.com", keyring=keyring, keyalgorithm=TSIG_ALGORITHM)
    if remove:
        update.delete(name + ".", rdtype, text)
    else:
        update.add(name + ".", 60, rdtype, text)
    dns.query.tcp(update, "127.0.0.1", port=port, timeout=5)


if __name__ == "__main__":
    change(int(sys.argv[1]), sys.argv[3], sys.argv[4], remove=sys.argv[2] == "remove")
