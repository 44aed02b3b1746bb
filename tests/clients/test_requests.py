"""The requests of clients that are not run here, byte by byte as each sends them, and its wishes.

They follow the clients' sources: acme.sh 3.1.4 (``dnsapi/dns_acmedns.sh`` and ``_post``, run by
curl 7.88 or wget 1.21), goacmedns 0.2.0 (in lego 5.5, Traefik, cert-manager 1.21), libdns/acmedns
of September 2025 (in caddy-dns), Posh-ACME 4.32 (``Plugins/AcmeDns.ps1``), Certify's providers
acme-dns and Certify DNS of October 2024, and win-acme (``AcmeDnsClient.cs``), which resolves
``register`` against its base URL and sends a Basic authorization even where it has none.
"""

from __future__ import annotations

import base64
import http.client
import json
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from string import Template

import pytest

from tests.support.challenge_service import (
    Reply,
    Service,
    challenge_command,
    register,
    txt,
    write_config,
)

TENANT = "team"
# What Windows PowerShell and programs on .NET Framework send with every POST.
EXPECT = "Expect: 100-continue"


@dataclass(frozen=True)
class Client:
    """What a client sends: heads without the lines that all have, and bodies.

    ``$path``, ``$basic`` and ``$base64url`` carry the licence key; ``$user``, ``$key``,
    ``$subdomain`` and ``$txt`` are the registration's and the value. ``register_head`` is empty for
    a client that does not register.
    """

    register_head: str
    register_body: str
    update_head: str
    update_body: str


_GO = (
    "User-Agent: goacmedns (linux; amd64)\nAccept: application/json\n"
    "Content-Type: application/json\nAccept-Encoding: gzip"
)
_POWERSHELL = (
    "User-Agent: Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1\n"
    f"Content-Type: application/json\n{EXPECT}"
)
_API_KEY = "X-Api-User: $user\nX-Api-Key: $key"
_COMPACT = '{"subdomain":"$subdomain","txt":"$txt"}'

CLIENTS = {
    "acme.sh with curl": Client(
        "POST /register HTTP/1.1\nAuthorization: Basic $basic\nUser-Agent: acme.sh/3.1.4\n"
        "Accept: */*",
        "",
        "POST /update HTTP/1.1\nAuthorization: Basic $basic\nUser-Agent: acme.sh/3.1.4\n"
        f"Accept: */*\n{_API_KEY}\nContent-Type: application/x-www-form-urlencoded",
        '{"subdomain":"$subdomain", "txt": "$txt"}',
    ),
    "acme.sh with the key in the path, its base URL ending in a slash": Client(
        "POST $path//register HTTP/1.1\nUser-Agent: acme.sh/3.1.4\nAccept: */*",
        "",
        "POST $path//update HTTP/1.1\nUser-Agent: acme.sh/3.1.4\n"
        f"Accept: */*\n{_API_KEY}\nContent-Type: application/x-www-form-urlencoded",
        '{"subdomain":"$subdomain", "txt": "$txt"}',
    ),
    "goacmedns": Client(
        f"POST /register HTTP/1.1\n{_GO}\nAuthorization: Basic $basic",
        "null\n",
        f"POST /update HTTP/1.1\n{_GO}\n{_API_KEY}\nAuthorization: Basic $basic",
        f"{_COMPACT}\n",
    ),
    "goacmedns with allowed networks and the key in the path": Client(
        f"POST $path/register HTTP/1.1\n{_GO}",
        '{"allowfrom":["127.0.0.0/8","2001:db8::/32"]}\n',
        f"POST $path/update HTTP/1.1\n{_GO}\n{_API_KEY}",
        f"{_COMPACT}\n",
    ),
    "libdns": Client(
        "",
        "",
        "POST /update HTTP/1.1\nUser-Agent: Go-http-client/1.1\nContent-Type: application/json\n"
        f"Accept-Encoding: gzip\n{_API_KEY}",
        _COMPACT,
    ),
    "Posh-ACME": Client(
        f"POST /register HTTP/1.1\n{_POWERSHELL}\nAuthorization: Basic $basic",
        "{}",
        f"POST /update HTTP/1.1\n{_POWERSHELL}\n{_API_KEY}\nAuthorization: Basic $basic",
        '{"txt":"$txt","subdomain":"$subdomain"}',
    ),
    "Posh-ACME with allowed networks and the key in the path": Client(
        f"POST $path/register HTTP/1.1\n{_POWERSHELL}",
        '{"allowfrom":["127.0.0.0/8"]}',
        f"POST $path/update HTTP/1.1\n{_POWERSHELL}\n{_API_KEY}",
        '{"txt":"$txt","subdomain":"$subdomain"}',
    ),
    "Certify, acme-dns": Client(
        "POST $path/register HTTP/1.1\nUser-Agent: Certify/DnsProviderAcmeDns\n"
        "Content-Type: text/plain; charset=utf-8",
        "{}",
        f"POST $path/update HTTP/1.1\n{_API_KEY}\nUser-Agent: Certify/DnsProviderAcmeDns\n"
        "Content-Type: text/plain; charset=utf-8",
        _COMPACT,
    ),
    "Certify, Certify DNS": Client(
        "POST /register HTTP/1.1\nAuthorization: Basic $base64url\n"
        "User-Agent: Certify/DnsProviderCertifyDns\n"
        f"Content-Type: text/plain; charset=utf-8\n{EXPECT}",
        '{"subject":"www.example.com"}',
        f"POST /update HTTP/1.1\n{_API_KEY}\nUser-Agent: Certify/DnsProviderCertifyDns\n"
        f"Content-Type: text/plain; charset=utf-8\n{EXPECT}",
        _COMPACT,
    ),
    "win-acme": Client(
        "POST $path/register HTTP/1.1\nAuthorization: Basic\n"
        "Content-Type: text/plain; charset=utf-8",
        "",
        f"POST $path/update HTTP/1.1\nAuthorization: Basic\n{_API_KEY}\n"
        "Content-Type: application/json; charset=utf-8",
        _COMPACT,
    ),
}


@dataclass(frozen=True)
class Closed:
    """A service that registers only with its licence key."""

    service: Service
    licence_key: str

    def send(self, head: str, body: str, **words: str) -> Reply:
        """Send a request, its body only when a client that expects it is told to continue."""
        login = base64.b64encode(f"{TENANT}:{self.licence_key}".encode()).decode()
        unpadded = login.rstrip("=").replace("+", "-").replace("/", "_")
        words |= {"path": f"/k/{self.licence_key}", "basic": login, "base64url": unpadded}
        content = Template(body).substitute(words).encode()
        lines = [*Template(head).substitute(words).split("\n"), "Host: auth.example.org"]
        if content:
            lines.append(f"Content-Length: {len(content)}")
        host, _, port = self.service.url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall("".join(f"{line}\r\n" for line in [*lines, ""]).encode())
            if EXPECT in lines:
                go_on = b"HTTP/1.1 100 Continue\r\n\r\n"
                assert connection.recv(len(go_on), socket.MSG_WAITALL) == go_on
            connection.sendall(content)
            response = http.client.HTTPResponse(connection, method="POST")
            response.begin()
            return Reply(response.status, response.headers, response.read())


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Closed]:
    config = write_config(tmp_path_factory.mktemp("service"), open_registration=False)
    with Service(config) as service:
        assert challenge_command(config, "tenant", "create", TENANT).status == 0
        made = challenge_command(config, "key", "create", TENANT, "--json")
        yield Closed(service, json.loads(made.stdout)["key"])


@pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS)
def test_a_client_gets_what_it_reads(closed: Closed, client: Client) -> None:
    if client.register_head:
        made = closed.send(client.register_head, client.register_body)
        assert made.status == 201
        assert made.headers["Content-Type"] == "application/json"
        # PowerShell and .NET take the object as it is; Go wants these to be texts.
        user, key, subdomain, fulldomain = (
            made.json[name] for name in ("username", "password", "subdomain", "fulldomain")
        )
        assert isinstance(made.json["allowfrom"], list)
        # acme.sh finds fields with sed, in one line that begins with the brace.
        found = re.fullmatch(rb'\{.*"username":[ ]*"([^"]*)".*\}', made.body)
        assert found
        assert found[1].decode() == user
    else:
        account = register(closed.service.url, closed.licence_key)
        user, key = account.username, account.password
        subdomain, fulldomain = account.subdomain, account.fulldomain
    words = {"user": user, "key": key, "subdomain": subdomain}
    values = [txt("a"), txt("b")]
    for value in values:
        updated = closed.send(client.update_head, client.update_body, txt=value, **words)
        assert updated.status == 200  # libdns wants no other 2xx
        assert f'"{value}"' in updated.body.decode()  # acme.sh looks for it with its quotes
    assert closed.service.texts(fulldomain) == values


def test_a_client_that_sends_its_login_only_when_it_is_asked_is_asked(closed: Closed) -> None:
    """acme.sh with wget, which keeps the user part of a URL to itself until a 401 names Basic."""
    head = (
        "POST /register HTTP/1.1\nUser-Agent: acme.sh/3.1.4\nAccept: */*\n"
        "Accept-Encoding: identity\nConnection: Keep-Alive\n"
        "Content-Type: application/x-www-form-urlencoded\nContent-Length: 0"
    )
    refused = closed.send(head, "")
    assert refused.status == 401
    assert refused.headers["WWW-Authenticate"].startswith("Basic realm=")
    assert closed.send(f"{head}\nAuthorization: Basic $basic", "").status == 201
