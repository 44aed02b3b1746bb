"""How a client validated names, in Zoneproof's words: providers, fields and what is left to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from zoneproof.providers import Alias, describe, exists, slugs
from zoneproof.providers.retired import RETIRED


@dataclass(frozen=True)
class FoundMethod:
    """Provider and fields, or a webroot or where to listen, and notes.

    ``provider`` is empty where the client did not keep it, and may be one that Zoneproof does not
    have, which a note then says. For ``http-01`` there is a ``webroot``, or ``listen``
    (``address:port``, ``:port``) where the client listened itself, or neither where the files do
    not tell. ``lacks`` says what could not be carried over and has to be there before a renewal can
    work, empty if nothing.
    """

    challenge: str  # dns-01, dns-persist-01 or http-01
    provider: str = ""
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)
    webroot: str = ""
    listen: str = ""
    notes: tuple[str, ...] = ()
    lacks: str = ""


def dns(
    slug: str,
    fields: Mapping[str, str],
    notes: Sequence[str] = (),
    *,
    lacks: str = "",
) -> FoundMethod:
    """Return a method with a provider, whose fields that are empty are left out."""
    given = {key: value for key, value in fields.items() if value}
    missing = () if exists(slug) else (no_provider(slug),)
    return FoundMethod("dns-01", slug, given, notes=(*missing, *notes), lacks=lacks)


def without_secrets(slug: str, alias: Alias, fields: Mapping[str, str], client: str) -> str:
    """Say that a provider that can do with no field at all got none of its secrets.

    Where a field must be given, opening the provider says so.
    """
    if slug not in slugs() or any(field.default is None for field in describe(slug).fields):
        return ""
    secret = {field.name for field in describe(slug).fields if field.secret}
    theirs = [name for name, ours in alias.fields.items() if ours in secret]
    if not theirs or any(fields.get(ours) for ours in secret):
        return ""
    return f"{client} has no {' or '.join(theirs)} for the provider {slug}"


def adapter(slug: str, fields: Mapping[str, str], name: str, client: str) -> FoundMethod:
    """Return a method by which the client's own code continues to write the records."""
    note = (
        f"Zoneproof has no provider of its own for it, so {slug} has {client} write the records:"
        f" keep {client} installed, or choose a provider with"
        f" `zoneproof edit {name} --provider SLUG`"
    )
    return dns(slug, fields, [note])


def no_provider(slug: str) -> str:
    """Return the note for a provider that Zoneproof does not have."""
    return RETIRED[slug].advice if slug in RETIRED else f"Zoneproof has no provider {slug} yet"


def no_method(reason: str) -> FoundMethod:
    """Return a dns-01 method without a provider, and a note that says why."""
    return FoundMethod("dns-01", notes=(reason,))


def record_that_stays() -> FoundMethod:
    """Return the dns-persist-01 method for a record that a person has created."""
    return FoundMethod("dns-persist-01", "manual")


def http(webroot: str = "", *notes: str) -> FoundMethod:
    """Return the http-01 method for files in a webroot; without one a note should say so."""
    return FoundMethod("http-01", webroot=webroot, notes=notes)


def listener(address: str, port: str) -> FoundMethod:
    """Return the http-01 method for a client that listened itself; both may be empty."""
    bare = address.strip("[]")
    host = f"[{bare}]" if ":" in bare else bare
    return FoundMethod("http-01", listen=f"{host}:{port or '80'}")


def web_server(client: str, server: str) -> FoundMethod:
    """Return the http-01 method for a client that changed the web server's configuration."""
    return http(
        "",
        f"{client} answered by changing the configuration of {server}, which Zoneproof leaves"
        f" alone: name the folder that {server} serves, or a DNS provider",
    )
