"""Adds or removes records in the test's example.com zone, as a person would by hand."""

from __future__ import annotations

import sys

import dns.name
import dns.query
import dns.tsigkeyring
import dns.update

from tests.support.peers.knot import TSIG_ALGORITHM, TSIG_NAME, TSIG_SECRET


def change(port: int, name: str, value: str, *, rdtype: str = "TXT", remove: bool = False) -> None:
    """Add or remove a value of a name; the server is at the port."""
    text = f'"{value}"' if rdtype == "TXT" else value
    change_record(port, f"{name}. IN {rdtype} {text}", remove=remove)


def change_record(port: int, record: str, *, remove: bool = False) -> None:
    """Add or remove a record, which is given as commands print it."""
    owner, _, kind, value = record.split(maxsplit=3)
    name = dns.name.from_text(owner)
    keyring = dns.tsigkeyring.from_text({TSIG_NAME: TSIG_SECRET})
    update = dns.update.UpdateMessage("example.com", keyring=keyring, keyalgorithm=TSIG_ALGORITHM)
    if remove:
        update.delete(name, kind, value)
    else:
        update.add(name, 60, kind, value)
    dns.query.tcp(update, "127.0.0.1", port=port, timeout=5)


if __name__ == "__main__":
    change(int(sys.argv[1]), sys.argv[3], sys.argv[4], remove=sys.argv[2] == "remove")
