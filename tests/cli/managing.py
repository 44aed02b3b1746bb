"""Managed certificates by the command line: what is done in most tests of them."""

from __future__ import annotations

from cryptography import x509

from tests.support.command import Result
from tests.support.world import World

CHALLENGE = "_acme-challenge.example.com"


def issue(world: World, *arguments: str) -> Result:
    """Issue with what the settings do not say."""
    result = world.run("issue", *world.rfc2136_options, *world.ca_options, *arguments)
    assert result.status == 0, result.stdout + result.stderr
    return result


def add(world: World, *arguments: str) -> Result:
    """Save a certificate; the account is at the test CA."""
    return world.run("add", *world.rfc2136_options, world.ca_options[0], *arguments)


def add_broken(world: World, *arguments: str) -> None:
    """Save a certificate whose provider is where no name server is."""
    options = [
        option.replace(f"port={world.knot.port}", f"port={world.pebble.port}")
        for option in world.rfc2136_options
    ]
    result = world.run("add", *options, world.ca_options[0], *arguments)
    assert result.status == 0, result.stderr


def leaf(world: World, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((world.home / f"live/{name}/cert.pem").read_bytes())


def manual(world: World, *names: str) -> list[str]:
    """Order a certificate whose records wait for a person, and return these."""
    result = world.run("issue", *names, "--provider=manual", *world.ca_options)
    assert result.status == 3, result.stderr
    records: list[str] = world.shown(names[0].removeprefix("*."))["awaiting"]
    return records
