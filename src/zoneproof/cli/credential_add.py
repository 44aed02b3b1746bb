"""The ``zoneproof credential add`` command: options for scripts, a conversation for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
from msgspec.structs import replace

from zoneproof.cli.asking import ask, can_ask, somebody_is_there
from zoneproof.cli.completion import providers
from zoneproof.cli.credential_fields import ask_for_rest, given_fields, given_for
from zoneproof.cli.credential_test import run_test
from zoneproof.cli.option_groups import (
    dns_settings_options,
    expires_option,
    field_option,
    json_option,
)
from zoneproof.cli.options import dns_settings
from zoneproof.cli.output import json_document, tell
from zoneproof.cli.running import read_home, run_with_manager
from zoneproof.core.errors import InvalidInputError, ProviderError, ZoneproofError
from zoneproof.core.names import DomainName, Identifier
from zoneproof.core.text import printable
from zoneproof.deployment import task_kinds
from zoneproof.manager import Credential, KeyTrial, Manager, RunOptions, recognize_domain, try_key
from zoneproof.manager.credentials.expiry import parse_expiry
from zoneproof.manager.credentials.fields import require_all, require_usable
from zoneproof.providers import ProviderInfo, describe, exists, short_name, slugs

_SHOWN_ZONES = 10
_SHORTEST_TITLE = 3  # characters: less is in many titles


@click.command()
@click.argument("provider", default="", shell_complete=providers)
@click.option(
    "--name",
    default="",
    metavar="NAME",
    help="Name of the credential.  [default: PROVIDER, what follows its colon]",
)
@field_option
@expires_option
@click.option(
    "--test/--no-test",
    default=None,
    help="Try the key before it is stored.  [default: test if something was asked]",
)
@dns_settings_options
@json_option
def add(
    provider: str,
    name: str,
    fields: Sequence[str],
    expires: str,
    test: bool | None,
    as_json: bool,
    **dns: Any,
) -> None:
    """Store a credential for PROVIDER, or a deployment task.

    \b
    zoneproof credential add
    zoneproof credential add example.com
    zoneproof credential add rfc2136 --name dns --field server=ns1.example.com \\
        --field key_name=acme --field secret=@/etc/zoneproof/tsig.secret

    'zoneproof provider list' shows all providers. At a terminal, asks for what is needed and not
    given, says where to make a key, and tries it. Instead of a PROVIDER, give a domain: its name
    servers tell which provider it is at.
    """
    settings, ends = dns_settings(dns), parse_expiry(expires) if expires else None
    if provider in task_kinds():
        _add_for_task(Credential(name or provider, provider, given_for(provider, fields)), as_json)
        return
    domain = ""
    if not provider:
        provider, domain = _ask_for_provider(RunOptions(dns=settings))
    elif "." in provider and not exists(provider):
        provider, domain = _find(provider, RunOptions(dns=settings))
    info = describe(provider)
    name = name or short_name(provider)
    given = given_fields(info, fields)
    answers = given
    if somebody_is_there():
        run_with_manager(lambda manager: manager.credentials.require_free(name))
        answers = ask_for_rest(info, given, lambda: _introduce(info))
    require_all(info, answers)
    talked = bool(domain) or answers != given
    new = Credential(name, provider, answers, settings, ends)
    trial = None
    if test or (test is None and talked):
        trial = _try_key(new, talked=talked)
        new = replace(new, expires=(trial.expires if trial else None) or ends)
    added = _store(new)
    if as_json:
        json_document(added.as_fields() | ({"zones": trial.zones} if trial else {}))
        return
    click.echo(f"{name} is stored")
    if trial and trial.zones:
        click.echo(printable(f"it can manage {_some(trial.zones)}"))
        if domain and not any(_contains(zone, domain) for zone in trial.zones):
            click.echo(f"none of these contains {domain}: is it the right account's key?")
    if talked and trial and trial.needs_zone and can_ask():
        _test_in_zone(name)
    elif trial is None or trial.needs_zone:
        click.echo(f"next: zoneproof credential test {name} --zone ZONE")
        return
    click.echo(f"next: zoneproof issue {domain or _only(trial.zones)} --credential {name}")


def _store(new: Credential) -> Credential:
    """Store the credential, and return it as it is stored. Raises InvalidInputError."""

    async def work(manager: Manager) -> Credential:
        await manager.credentials.require_free(new.name)
        require_usable(manager, new.provider, new.fields)
        await manager.credentials.add(new)
        return await manager.credentials.get(new.name)

    return run_with_manager(work)


def _add_for_task(new: Credential, as_json: bool) -> None:
    added = _store(new)
    use = f"{new.provider}:credential={new.name}"
    tell(added.as_fields(), f"{new.name} is stored", as_json=as_json)
    if not as_json:
        click.echo(f"next: zoneproof edit CERTIFICATE --deploy {use}")


def _ask_for_provider(run: RunOptions) -> tuple[str, str]:
    """Return the provider that a person names, and the domain by which it was found if any."""
    if not somebody_is_there():
        raise InvalidInputError("name a provider: 'zoneproof provider list' shows all")
    return ask("provider, or a domain that is to have a certificate", lambda text: _find(text, run))


def _find(text: str, run: RunOptions) -> tuple[str, str]:
    """Return what :func:`_ask_for_provider` does. Raises InvalidInputError for no provider."""
    wanted = text.strip().lower()
    if exists(wanted):
        return wanted, ""
    if "." in wanted:
        return _find_by_domain(Identifier.parse(wanted).domain, run)
    titled = [slug for slug in slugs() if f" {wanted}" in f" {describe(slug).title.lower()}"]
    if len(wanted) < _SHORTEST_TITLE:
        titled = []
    return titled[0] if len(titled) == 1 else describe(wanted).slug, ""


def _find_by_domain(domain: DomainName, run: RunOptions) -> tuple[str, str]:
    advice = "name the provider; 'zoneproof provider list' shows all"
    zone = read_home(lambda manager: recognize_domain(manager, domain), run)
    if zone is None:
        raise InvalidInputError(f"the DNS does not tell where {domain} is: {advice}")
    if not zone.providers:
        raise InvalidInputError(f"{zone.text}: {advice}")
    click.echo(printable(zone.text), err=True)
    found = zone.slugs

    def read(text: str) -> str:
        if text not in found:
            raise InvalidInputError(f"choose one of {', '.join(found)}")
        return text

    if len(found) > 1 and not somebody_is_there():
        raise InvalidInputError(f"name one of the providers {', '.join(found)}")
    slug = found[0] if len(found) == 1 else ask("which one", read, default=found[0])
    return slug, str(domain)


def _introduce(info: ProviderInfo) -> None:
    lines = [
        f"{info.title}: what Zoneproof needs to create TXT records with it, stored encrypted.",
        f"Make a key at {info.key_url}" if info.key_url else "",
        f"Least privilege: {info.least_privilege}" if info.least_privilege else "",
        f"All fields: zoneproof provider show {info.slug}",
    ]
    for line in filter(None, lines):
        click.echo(line, err=True)


def _try_key(new: Credential, *, talked: bool) -> KeyTrial | None:
    """Return what the key can do; None where a person stores one that does not work."""
    try:
        trial = run_with_manager(lambda manager: try_key(manager.providers, new))
    except ProviderError as error:
        if not talked:
            raise ZoneproofError(
                f"{error.message}; nothing was stored: --no-test stores it untested"
            ) from error
        click.echo(printable(f"it does not work: {error.message}"), err=True)
        if not (can_ask() and click.confirm("Store it anyway?", err=True)):
            raise ZoneproofError("nothing was stored") from error
        return None
    if trial.needs_zone and not talked:
        raise InvalidInputError(
            f"{new.provider} does not list zones: omit --test, then use 'zoneproof credential test"
            f" {new.name} --zone ZONE'"
        )
    return trial


def _test_in_zone(name: str) -> None:
    """Write, see and remove a value in the zone that a person names, if any."""

    def read(text: str) -> str:
        return str(DomainName.parse(text)) if text else ""

    zone = ask("a zone to test it in; Enter for no test", read, default="")
    if zone:
        run_test(name, zone=zone)


def _contains(zone: str, domain: str) -> bool:
    return DomainName.parse(domain).is_below(DomainName.parse(zone))


def _some(zones: Sequence[str]) -> str:
    more = len(zones) - _SHOWN_ZONES
    return ", ".join(zones[:_SHOWN_ZONES]) + (f" and {more} more" if more > 0 else "")


def _only(zones: Sequence[str]) -> str:
    return zones[0] if len(zones) == 1 else "DOMAIN"
