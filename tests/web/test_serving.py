"""Where the pages are served: with TLS, with a certificate of the home, and beside the daemon."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from starlette.applications import Starlette

from tests.cli.inside import Inside
from tests.support.full_home import issued
from tests.support.self_signed import write_certificate
from tests.support.web_pages import WebPages
from tests.support.world import World
from zoneproof.manager import Home
from zoneproof.manager.certificates.files import CertificateFiles
from zoneproof.serving.certificate import KeyPair
from zoneproof.serving.server import HttpServer
from zoneproof.testing.background import BackgroundServer
from zoneproof.web.server import follow

NAME = "certs.example.com"


def status_of(url: str, host: str, certificate: Path) -> int:
    """Return the status of the sign-in page over HTTPS, with only that certificate trusted."""
    found = urlsplit(url)
    context = ssl.create_default_context(cafile=str(certificate))
    context.check_hostname = False
    connection = http.client.HTTPSConnection(
        "127.0.0.1", found.port or 443, timeout=60, context=context
    )
    connection.request("GET", "/sign-in", headers={"Host": host})
    try:
        return connection.getresponse().status
    finally:
        connection.close()


def test_the_pages_are_served_with_tls_files(tmp_path: Path) -> None:
    write_certificate(tmp_path, NAME)
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    files = (f"--tls-certificate={certificate}", f"--tls-key={key}")
    with WebPages(tmp_path / "home", *files, f"--host={NAME}") as pages:
        assert pages.link.startswith(f"https://{NAME}:")
        assert status_of(pages.url, NAME, certificate) == 200
        assert status_of(pages.url, "other.example.com", certificate) == 421


def test_the_names_on_the_certificate_are_the_servers(tmp_path: Path) -> None:
    write_certificate(tmp_path, NAME)
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    files = (f"--tls-certificate={certificate}", f"--tls-key={key}")
    with WebPages(tmp_path / "home", *files) as pages:
        assert pages.link.startswith(f"https://{NAME}:")
        assert status_of(pages.url, NAME, certificate) == 200
        assert status_of(pages.url, "other.example.com", certificate) == 421
    with WebPages(tmp_path / "home", *files, "--host=www.example.com") as pages:
        assert pages.link.startswith("https://www.example.com:")
        assert status_of(pages.url, NAME, certificate) == 200


def test_the_pages_are_served_with_a_certificate_of_the_home(inside: Inside) -> None:
    inside.good("add", NAME, "--provider=manual")
    CertificateFiles(inside.home).write(NAME, issued(NAME))
    with WebPages(inside.home, f"--tls-managed={NAME}") as pages:
        assert pages.link.startswith(f"https://{NAME}:")
        shown = inside.home / "live" / NAME / "cert.pem"
        assert status_of(pages.url, NAME, shown) == 200
        assert not [line for line in pages.server.lines if "expired" in line]


def test_a_certificate_of_the_home_that_cannot_be_shown_is_told(inside: Inside) -> None:
    inside.good("add", NAME, "--provider=manual")
    missing = inside.run("web", "--listen=127.0.0.1:0", f"--tls-managed={NAME}")
    assert missing.stderr == (
        f"zoneproof: {NAME} has no certificate yet that the pages could show: obtain it with"
        f" 'zoneproof issue {NAME}'\n"
    )
    CertificateFiles(inside.home).write(NAME, issued(NAME, days=(-90, -1)))
    with WebPages(inside.home, f"--tls-managed={NAME}") as pages:
        pages.server.wait_for_line("certificate of the web pages has expired")


@pytest.mark.parametrize(
    ("days", "told"), [((-90, -2.5), "expired 2 days ago"), ((-1, 2.5), "expires in 2 days")]
)
def test_when_a_certificate_expires_or_did_is_said(
    inside: Inside, days: tuple[float, float], told: str
) -> None:
    inside.good("add", NAME, "--provider=manual")
    CertificateFiles(inside.home).write(NAME, issued(NAME, days=days))
    with WebPages(inside.home) as pages:
        assert told in pages.administrator().get(f"/certificates/{NAME}").text


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--tls-certificate=a.pem",), "TLS needs both"),
        (("--tls-managed=nothing",), "there is no managed certificate"),
        (("--listen=nowhere",), "cannot be served at 'nowhere': write an IP address and a port"),
        (
            ("--host=http://certs.example.com/",),
            "give its host name alone\n",
        ),
        (("--host=*.example.com",), "'*.example.com' is not the name of one host: name each"),
        (("--proxy=nobody",), "is not an IP address or network"),
        (("--user-header=X-User",), "name them with --proxy"),
        (("--user-header=X User", "--proxy=127.0.0.1"), "is not the name of a header"),
    ],
)
def test_what_cannot_be_served_is_told(inside: Inside, options: tuple[str, ...], told: str) -> None:
    result = inside.run("web", *options)
    assert result.status == 2
    assert told in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("--host=certs.example.com", "--host is for the web pages: add --web"),
        ("--proxy=127.0.0.1", "--proxy is for the web pages: add --web"),
        ("--tls-managed=www", "--tls-managed is for the web pages: add --web"),
        ("--web=", "cannot be served at ''"),
    ],
)
def test_the_daemon_does_not_start_without_the_pages_that_are_meant(
    inside: Inside, option: str, told: str
) -> None:
    result = inside.run("run", option)
    assert result.status == 2
    assert told in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "url",
    [
        *("certs.example.com", "javascript:alert(1)", "http://", "http://["),
        *("http://x.example/a?b=c", "http://x.example/#a"),
    ],
)
def test_a_link_leads_to_a_web_address(inside: Inside, url: str) -> None:
    result = inside.run("web", "user", "add", "olga", f"--url={url}")
    assert result.status == 2
    assert result.stderr.startswith(f"zoneproof: --url '{url}' is not where pages are")
    assert "olga" not in inside.good("web", "user", "list")


def test_a_user_who_is_added_twice_may_want_a_new_link(inside: Inside) -> None:
    assert "/welcome?token=" in inside.good("web", "user", "add", "olga")
    result = inside.run("web", "user", "add", "olga")
    assert result.status == 2
    assert "'zoneproof web user link olga'" in result.stderr


async def test_a_certificate_that_was_renewed_is_shown(tmp_path: Path) -> None:
    write_certificate(tmp_path, NAME)
    pair = KeyPair(tmp_path / "cert.pem", tmp_path / "key.pem")
    used: list[bytes] = []

    class Server(HttpServer):
        def use_certificate(self, certificate: KeyPair) -> None:
            super().use_certificate(certificate)
            used.append(certificate.certificate.read_bytes())

    server = Server(Starlette(), pair, connections=1, of_one=1)
    looks = iter(range(4))

    async def look(_: float) -> None:
        match next(looks, None):
            case 1:
                pair.key.write_text("half written")
            case 2:
                write_certificate(tmp_path, NAME)
            case None:
                raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await follow(server, pair, look)
    assert used == [pair.certificate.read_bytes()]


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[BackgroundServer]:
    home = Home(tmp_path / "home")
    command = [sys.executable, "-m", "zoneproof", "run", "--web=127.0.0.1:0", "--json"]
    environment = {"ZONEPROOF_HOME": str(home.path)}
    with BackgroundServer("the daemon", command, '"round"', environment=environment) as running:
        yield running


def test_the_daemon_serves_the_pages(daemon: BackgroundServer) -> None:
    url = json.loads(daemon.wait_for_line("web_ready"))["url"]
    found = urlsplit(url)
    connection = http.client.HTTPConnection("127.0.0.1", found.port or 80, timeout=60)
    connection.request("GET", "/sign-in")
    assert connection.getresponse().status == 200
    connection.close()


def test_what_may_be_a_log_has_no_link(daemon: BackgroundServer, tmp_path: Path) -> None:
    url = json.loads(daemon.wait_for_line("web_ready"))["url"]
    assert (urlsplit(url).path, urlsplit(url).query) == ("/", "")
    command = [sys.executable, "-m", "zoneproof", "web", "--listen=127.0.0.1:0"]
    environment = {"ZONEPROOF_HOME": str(tmp_path / "other")}
    told = "nobody is an administrator"
    with BackgroundServer("the pages", command, told, environment=environment) as running:
        assert "zoneproof web user add NAME" in running.wait_for_line(told)
        assert not [line for line in running.lines if "token=" in line]


@pytest.mark.parametrize(
    ("options", "place", "url"),
    [
        ((), "the web pages are at {url}/", "http://127.0.0.1:{port}"),
        (
            ("--host=certs.example.com", "--proxy=127.0.0.1"),
            "the web pages are at {url}/, listening at 127.0.0.1:{port} for the proxy",
            "https://certs.example.com",
        ),
    ],
)
def test_the_command_for_an_administrator_says_where_the_pages_are(
    tmp_path: Path, options: tuple[str, ...], place: str, url: str
) -> None:
    command = [sys.executable, "-m", "zoneproof", "web", "--listen=127.0.0.1:0", *options]
    environment = {"ZONEPROOF_HOME": str(tmp_path / "home")}
    told = "nobody is an administrator"
    with BackgroundServer("the pages", command, told, environment=environment) as running:
        add = running.wait_for_line(told)
        where = running.wait_for_line("the web pages are at")
    port = re.findall(r"127\.0\.0\.1:(\d+)", where)[0]
    url = url.format(port=port)
    assert where == place.format(url=url, port=port)
    assert f"'zoneproof web user add NAME --role administrator --url {url}'" in add


def test_a_server_that_cannot_start_ends_no_link(inside: Inside) -> None:
    with WebPages(inside.home) as pages:
        taken = urlsplit(pages.url).netloc
        assert inside.run("web", "--json", f"--listen={taken}").status == 2
        assert pages.administrator().get("/users").status == 200


def test_the_link_for_the_first_administrator_ends_when_there_is_one(inside: Inside) -> None:
    with WebPages(inside.home) as pages:
        welcome = pages.link.removeprefix(pages.url)
        inside.good("web", "user", "add", "victor")
        assert pages.stranger().get(welcome).status == 200
        inside.good("web", "user", "add", "alice", "--role=administrator")
        answer = pages.stranger().get(welcome)
        assert (answer.status, "was used already" in answer.text) == (400, True)
    with WebPages(inside.home) as pages:
        assert pages.link == f"{pages.url}/"


def test_the_first_page_says_that_secrets_cannot_be_opened(world: World, pages: WebPages) -> None:
    (world.home / "vault.key").unlink()
    text = pages.administrator().get("/").text
    assert "Stored secrets cannot be opened, so nothing can be renewed: the vault key" in text
