"""The options of one run: the CA account's terms, and which DNS servers are asked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from zoneproof.acme import ExternalAccountBinding
from zoneproof.cli.credential_fields import warn_of_literal
from zoneproof.cli.option_groups import (
    DNS_SETTINGS,
    F,
    Option,
    add_options,
    agree_tos_option,
    authoritative_port_option,
    ca_bundle_option,
    email_option,
    json_events_option,
)
from zoneproof.core.errors import InvalidInputError
from zoneproof.core.toml import read_reference
from zoneproof.manager import AccountTerms, DnsSettings, RunOptions

_TELLING = (
    click.option("--quiet", "-q", is_flag=True, help="Print errors only."),
    click.option(
        "--verbose", "-v", is_flag=True, help="Print every step, and each request to the CA."
    ),
    json_events_option,
)
_TERMS = (
    email_option,
    agree_tos_option,
    click.option(
        "--eab-kid", default="", metavar="ID", help="Key id for external account binding."
    ),
    click.option(
        "--eab-hmac-key",
        default="",
        metavar="KEY",
        help="Its key: base64, @file or env:VARIABLE.",
    ),
    ca_bundle_option,
    click.option("--allow-http", is_flag=True, help="Accept a CA without TLS, on this machine."),
)
TERMS_GROUP = (
    "A new account at the CA",
    ("email", "agree_tos", "eab_kid", "eab_hmac_key", "ca_bundle", "allow_http"),
)


_STAGING = (
    click.option(
        "--staging",
        is_flag=True,
        help="Obtain a test certificate beside it, NAME-staging, at the CA's staging directory.",
    ),
    click.option(
        "--dry-run",
        is_flag=True,
        help="Do everything at the CA's staging directory, and keep nothing.",
    ),
)


def force_option(text: str) -> Option:
    """Return the option --force with a help text of its own."""
    return click.option("--force", is_flag=True, help=text)


def staging_options(command: F) -> F:
    """Add the ways to test at a CA's staging directory."""
    return add_options(command, _STAGING)


def terms_options(command: F) -> F:
    """Add what a new account needs to a command's options."""
    return add_options(command, _TERMS)


def telling_options(command: F) -> F:
    """Add how much a command tells, and in which form."""
    return add_options(command, _TELLING)


def dns_options(command: F) -> F:
    """Add the DNS settings of one run to a command's options."""
    return add_options(command, (*DNS_SETTINGS, authoritative_port_option))


def stored_dns_options(command: F) -> F:
    """Add the DNS settings that a credential keeps."""
    return add_options(command, DNS_SETTINGS)


def dns_settings(options: Mapping[str, Any]) -> DnsSettings:
    """Return what these options say. Raises InvalidInputError."""
    settings = DnsSettings(**{name: value or None for name, value in options.items()})
    settings.check()
    return settings


def terms_from(
    ca_bundle: Path | None,
    allow_http: bool,
    email: str,
    agree_tos: bool,
    eab_kid: str,
    eab_hmac_key: str,
) -> AccountTerms:
    """Return the account terms of the options. Raises InvalidInputError."""
    if bool(eab_kid) != bool(eab_hmac_key):
        raise InvalidInputError("external account binding needs both --eab-kid and --eab-hmac-key")
    eab = None
    if eab_kid:
        warn_of_literal("--eab-hmac-key", eab_hmac_key)
        hmac_key = read_reference(eab_hmac_key, "--eab-hmac-key")
        eab = ExternalAccountBinding(eab_kid, hmac_key)
    return AccountTerms(
        email=email,
        agree_to_terms=agree_tos,
        eab=eab,
        ca_bundle=ca_bundle,
        allow_http=allow_http,
    )


def run_from(
    propagation: str | None,
    propagation_timeout: float | None,
    resolvers: tuple[str, ...],
    authoritative_port: int | None,
    terms: AccountTerms | None = None,
) -> RunOptions:
    """Return the options of a run. Raises InvalidInputError."""
    dns = DnsSettings(
        propagation=propagation,
        propagation_timeout=propagation_timeout,
        resolvers=resolvers or None,
    )
    dns.check()
    return RunOptions(dns=dns, authoritative_port=authoritative_port, terms=terms or AccountTerms())
