"""The ``zoneproof provider`` commands: which providers there are, and what they need."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from zoneproof.cli.completion import providers
from zoneproof.cli.option_groups import Commands, json_option
from zoneproof.cli.output import json_document, print_fields
from zoneproof.providers import ProviderInfo, describe, installed, slugs
from zoneproof.providers.pages import details


@click.group(cls=Commands)
def provider() -> None:
    """Show the DNS providers and their fields."""


@provider.command("list")
@json_option
def list_providers(as_json: bool) -> None:
    """List the providers.

    After Zoneproof's own come those that acme.sh, dns-lexicon and certbot bring, as far as these
    are installed here.
    """
    infos = [describe(slug) for slug in slugs()]
    others = installed()
    if as_json:
        brought = [{"slug": slug, "title": title} for slug, title in others.items()]
        json_document([*map(_facts, infos), *brought])
        return
    titles = {info.slug: info.title for info in infos}
    width = max(map(len, titles))
    for slug, title in {**titles, **others}.items():
        click.echo(f"{slug:{width}}  {title}")


@provider.command()
@click.argument("slug", shell_complete=providers)
@json_option
def show(slug: str, as_json: bool) -> None:
    """Show the fields of a provider."""
    info = describe(slug)
    if as_json:
        json_document(_facts(info))
        return
    click.echo(f"{info.title}  {info.homepage}")
    print_fields(info.fields)
    if info.free_fields:
        click.echo(f"\n  {info.free_fields}")
    for paragraph in filter(None, [info.notes, *details(info)]):
        click.echo(f"\n{paragraph}")


def _facts(info: ProviderInfo) -> dict[str, Any]:
    """Return the description for programs: all of it but the functions that look at fields."""
    facts: dict[str, Any] = msgspec.to_builtins(info, enc_hook=lambda _: None)
    for field in facts["fields"]:
        del field["check"], field["file"]
    del facts["ambient"]
    return facts
