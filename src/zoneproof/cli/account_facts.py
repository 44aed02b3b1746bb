"""What the account commands share: key types as people write them, and an account's facts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from zoneproof import moments

if TYPE_CHECKING:
    from zoneproof.acme import KeyKind
    from zoneproof.manager import AccountFacts

KEY_KINDS: Mapping[str, KeyKind] = {
    "es256": "ES256",
    "es384": "ES384",
    "rs256": "RS256",
    "eddsa": "EdDSA",
}
key_type_option = click.option(
    "--key-type",
    type=click.Choice(list(KEY_KINDS)),
    metavar="TYPE",
    help=f"Type of the new key: {', '.join(KEY_KINDS)}.",
)


def tell_account(facts: AccountFacts, more: Mapping[str, str]) -> None:
    """Print an account for people, and further rows; empty ones are left away."""
    from zoneproof.cli.text_output import print_rows

    rows = {
        "CA": facts.ca,
        "directory": facts.directory_url if facts.ca != facts.directory_url else "",
        "account URL": facts.account_url or "not registered",
        "contact": ", ".join(text.removeprefix("mailto:") for text in facts.contact),
        "key": facts.key_type,
        "rollover": "was cut off; its next use goes on" if facts.rollover_pending else "",
        "CA bundle": facts.ca_bundle,
        "stored": moments.at(facts.created_at),
        **more,
    }
    print_rows({name: text for name, text in rows.items() if text})
