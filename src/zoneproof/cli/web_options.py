"""How commands that serve the web pages are told where, and what they print."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zoneproof.cli.completion import certificates
from zoneproof.cli.option_groups import PATH, together
from zoneproof.cli.output import json_line
from zoneproof.core.errors import ConfigError, InvalidInputError
from zoneproof.core.text import with_extra
from zoneproof.manager import Home, RunOptions

if TYPE_CHECKING:
    from zoneproof.web.server import WebReady

USUAL_ADDRESS = "127.0.0.1:8053"

web_options = together(
    click.option(
        "--host",
        "hosts",
        multiple=True,
        metavar="NAME",
        help="A name by which browsers reach the pages. Repeatable.",
    ),
    click.option(
        "--tls-managed",
        default="",
        metavar="CERTIFICATE",
        shell_complete=certificates,
        help="Serve the pages with this certificate of the home.",
    ),
    click.option("--tls-certificate", type=PATH, metavar="FILE", help="Certificate chain (PEM)."),
    click.option("--tls-key", type=PATH, metavar="FILE", help="Its key (PEM)."),
    click.option(
        "--proxy",
        "proxies",
        multiple=True,
        metavar="NETWORK",
        help="A reverse proxy whose X-Forwarded-For is believed. Repeatable.",
    ),
    click.option(
        "--user-header",
        default="",
        metavar="NAME",
        help="The header in which those proxies name the user whom they have let in.",
    ),
)
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # a token (RFC 9110 section 5.1)
_NAMES = ("hosts", "tls_managed", "tls_certificate", "tls_key", "proxies", "user_header")
WEB_GROUP = ("The web pages", ("listen", "web", *_NAMES))


def serve_pages(
    home: Home,
    listen: str,
    settings: Mapping[str, Any],
    run: RunOptions,
    *,
    as_json: bool,
    first_link: bool = False,
) -> AbstractAsyncContextManager[None]:
    """Return a context in which the pages are served, and where they are is printed.

    ``first_link`` prints a link for the first administrator, too: not for a log, which others read.
    Raises InvalidInputError, ConfigError.
    """
    require_extra()
    from zoneproof.web.server import WebOptions, serving

    options = WebOptions(
        listen=listen,
        hosts=tuple(map(_host, settings["hosts"])),
        certificate=_pair(settings["tls_certificate"], settings["tls_key"]),
        managed=settings["tls_managed"],
        proxies=tuple(map(_network, settings["proxies"])),
        user_header=settings["user_header"],
        first_link=first_link,
    )
    if options.user_header and not _HEADER.fullmatch(options.user_header):
        raise InvalidInputError(
            f"--user-header '{options.user_header[:80]}' is not the name of a header: write it as"
            " X-Remote-User"
        )
    if options.user_header and not options.proxies:
        raise InvalidInputError("--user-header is for proxies: name them with --proxy")
    if options.managed and options.certificate:
        raise InvalidInputError("choose one of --tls-managed and --tls-certificate")
    return serving(home, options, lambda ready: _tell_ready(ready, as_json=as_json), run)


def refuse_web_options(settings: Mapping[str, Any]) -> None:
    """Raise InvalidInputError for an option of the pages where no pages are served."""
    for name, value in settings.items():
        if value and name in _NAMES:
            option = {"hosts": "host", "proxies": "proxy"}.get(name, name.replace("_", "-"))
            raise InvalidInputError(
                f"--{option} is for the web pages: add --web 127.0.0.1:8053 to serve them, or omit"
                f" --{option}"
            )


def require_extra() -> None:
    """Raise ConfigError if what only the pages need is not installed."""
    try:
        import argon2  # noqa: F401
        import jinja2  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            f"the web pages need packages that are not installed: {with_extra('web')}"
        ) from error


def _tell_ready(ready: WebReady, *, as_json: bool) -> None:
    if ready.is_expired:
        click.echo(
            "zoneproof: warning: the certificate of the web pages has expired, so browsers refuse"
            " it: renew it",
            err=True,
        )
    if as_json:
        json_line({"event": "web_ready", "url": ready.link or ready.url})
    elif ready.link:
        click.echo(f"open this link once, to become the first administrator:\n\n  {ready.link}\n")
    else:
        behind = f", listening at {ready.listening} for the proxy" if ready.listening else ""
        click.echo(f"the web pages are at {ready.url}{behind}")
        if not ready.has_administrator:
            url = ready.url.rstrip("/")
            at = "" if url == f"http://{USUAL_ADDRESS}" else f" --url {url}"
            click.echo(
                f"nobody is an administrator yet: 'zoneproof web user add NAME --role administrator"
                f"{at}' prints a link"
            )


def _pair(certificate: Path | None, key: Path | None) -> Any:
    from zoneproof.serving.certificate import KeyPair

    if bool(certificate) != bool(key):
        raise InvalidInputError("TLS needs both --tls-certificate and --tls-key")
    return KeyPair(certificate, key) if certificate and key else None


def _host(text: str) -> str:
    from zoneproof.core.names import DomainName

    if text == "localhost":
        return text
    try:
        name = DomainName.parse(text)
    except InvalidInputError as error:
        raise InvalidInputError(f"--host: {error.message}") from error
    if name.is_wildcard or not name.text:
        raise InvalidInputError(
            f"--host: '{text[:80]}' is not the name of one host: name each by which browsers come,"
            " as certs.example.com"
        )
    return name.text


def _network(text: str) -> Any:
    import ipaddress

    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise InvalidInputError(
            f"--proxy '{text[:80]}' is not an IP address or network: write 192.0.2.1 or"
            " 192.0.2.0/24"
        ) from error
