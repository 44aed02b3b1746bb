"""The options of one run: the CA account's terms, and which DNS servers are asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from zoneproof.acme import ExternalAccountBinding
from zoneproof.cli.credential_fields import warn_of_literal
from zoneproof.cli.option_groups import (
    Option,
    agree_tos_option,
    authoritative_port_option,
    ca_bundle_option,
    dns_settings_options,
    email_option,
    json_events_option,
    together,
)
from zoneproof.core.errors import InvalidInputError
from zoneproof.core.toml import read_reference
from zoneproof.manager import AccountTerms, DnsSettings, RunOptions

telling_options = together(
    click.option("--quiet", "-q", is_flag=True, help="Print errors only."),
    click.option(
        "--verbose", "-v", is_flag=True, help="Print every step, and each request to the CA."
    ),
    json_events_option,
)
terms_options = together(
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
staging_options = together(
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
dns_options = together(dns_settings_options, authoritative_port_option)


def force_option(text: str) -> Option:
    """Return the option --force with a help text of its own."""
    return click.option("--force", is_flag=True, help=text)


def dns_settings(options: Mapping[str, Any]) -> DnsSettings:
    """Return what these options say. Raises InvalidInputError."""
    settings = DnsSettings(**{name: value or None for name, value in options.items()})
    settings.check()
    return settings


def terms_from(options: Mapping[str, Any]) -> AccountTerms:
    """Return what ``terms_options`` say. Raises InvalidInputError."""
    eab_kid, eab_hmac_key = options["eab_kid"], options["eab_hmac_key"]
    if bool(eab_kid) != bool(eab_hmac_key):
        raise InvalidInputError("external account binding needs both --eab-kid and --eab-hmac-key")
    eab = None
    if eab_kid:
        hmac_key = read_reference(eab_hmac_key, "--eab-hmac-key")
        warn_of_literal("--eab-hmac-key", eab_hmac_key)
        eab = ExternalAccountBinding(eab_kid, hmac_key)
    return AccountTerms(
        email=options["email"],
        agree_to_terms=options["agree_tos"],
        eab=eab,
        ca_bundle=options["ca_bundle"],
        allow_http=options["allow_http"],
    )


def run_from(options: Mapping[str, Any]) -> RunOptions:
    """Return the options of a run, as far as the command has them. Raises InvalidInputError."""
    terms = terms_from(options) if "email" in options else AccountTerms()
    dns = DnsSettings(
        propagation=options.get("propagation"),
        propagation_timeout=options.get("propagation_timeout"),
        resolvers=options.get("resolvers") or None,
    )
    dns.check()
    return RunOptions(dns=dns, authoritative_port=options.get("authoritative_port"), terms=terms)
