"""The world of the tutorial: its servers on loopback, and a shell in which its commands run."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import dns.name
import dns.query
import dns.rcode
import dns.tsigkeyring
import dns.update

from tests.cli.terminal import paste_at_terminal
from tests.docs.page import DOCS, ROOT, Step
from tests.support.command import CommandServer, start
from tests.support.peers.knot import TSIG_NAME, TSIG_SECRET
from tests.support.world import World, open_world, zone_text
from zoneproof.acme import KNOWN
from zoneproof.testing.pebble import Pebble
from zoneproof.testing.ports import free_port

PAGE = DOCS / "tutorial.md"
SUBDOMAIN = "8a4d2f60-5b1e-4c93-9d7a-0f3e6b2c1d58"  # what the page has for the one registered
SERVICE_ADDRESS = "127.0.0.2"  # the port of all authoritative servers is the same
_CA = {"profiles": {"default": {"description": "90 days", "validityPeriod": 7_776_000}}}
_SERVICE = """\
database = "challenge.db"

[dns]
listen = ["{address}:{port}"]
workers = 1

[api]
listen = ["{address}:{api_port}"]
open_registration = true

[service]
user = "root"

[[zones]]
name = "auth.example.net"
nameservers = ["ns1.auth.example.net"]
hostmaster = "hostmaster.example.net"
records = "ns1 A {address}"
"""
_COMMAND = """\
#!/bin/sh
exec {python} -m {module} "$@"
"""
_MODULE = "tests.docs.with_other_cas"
_STATUS = re.compile(r"<status (\d+)>")

# What differs from run to run, and what the comparison has in its place.
DIFFERS = {
    r"^.*\d s  (the CA says: (pending|processing)|waiting for DNS: .*)\n": "",
    r" *\d+\.\d\d s": " SECONDS",
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d\S*)?": "MOMENT",
    r"in \d+ (day|hour|minute)s?|within a minute": "in SOME TIME",
    r"(?<![\w-])[\w-]{43}(?![\w-])": "VALUE",
    r"Intermediate CA \w{6}": "Intermediate CA NUMBER",
    r"/acct/\w+": "/acct/ID",
    r"(serial +)\w+": r"\1SERIAL",
}


def comparable(output: str) -> list[str]:
    """Return the output's lines with a word in place of everything that differs from run to run.

    They are sorted, and equal ones count once, because much happens at the same time.
    """
    for pattern, word in DIFFERS.items():
        output = re.sub(pattern, word, output, flags=re.MULTILINE)
    return sorted(set(output.splitlines()))


@dataclass
class Tutorial:
    """Does what the page says. ``words`` maps what the page says to what is so in this world.

    ``directories`` are those of the CAs, by their names.
    """

    world: World
    folder: Path
    words: dict[str, str]
    directories: Mapping[str, str]
    status: int = field(default=0, init=False)

    def do(self, step: Step) -> str:
        """Do a step; return its output in the page's words."""
        if step.kind == "console":
            return self._run(step.text)
        if step.kind == "zone":
            self._create(self._real(step.text))
        elif step.kind == "toml":
            with (self.world.home / "settings.toml").open("a") as settings:
                settings.write(self._real(step.text))
        return ""

    def _run(self, command: str) -> str:
        real = self._real(command)
        program, *arguments = shlex.split(real.replace("\\\n", ""))
        with tempfile.TemporaryFile("w+") as told:
            if program == "zoneproof":
                self.status = self._fork(arguments, told.fileno())
            else:
                self.status = subprocess.run(
                    ["sh", "-c", f"(exit {self.status}); {real}"],
                    cwd=self.folder,
                    env=self._environment,
                    stdout=told,
                    stderr=subprocess.STDOUT,
                    timeout=120,
                    check=False,
                ).returncode
            told.seek(0)
            output = told.read()
        self._learn(output)
        return self._told(output)

    def _fork(self, arguments: Sequence[str], told: int) -> int:
        """Run ``zoneproof`` with what it tells going to a file; return its exit code."""
        with Path(os.devnull).open("rb") as nothing:
            streams = (nothing.fileno(), told, told)
            return start(arguments, self._environment, streams, module=_MODULE).wait_or_kill(120)

    def paste(self, commands: Sequence[Step]) -> tuple[list[int], str]:
        """Type all the commands at once at a terminal; return their exit codes and what it shows.

        There are fewer codes than commands if one of these has read a line that was for the shell.
        """
        lines = [f"cd {self.folder}", *(self._real(step.text) for step in commands)]
        told = paste_at_terminal(
            "".join(f"{line}\n" for line in lines), {**self._environment, "PS1": "<status $?>"}
        )
        self._learn(told)
        # The first prompt comes before all commands, the second after "cd".
        return [int(found) for found in _STATUS.findall(told)[2:]], told

    @property
    def _environment(self) -> dict[str, str]:
        return {
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
            "TUTORIAL_CAS": json.dumps(self.directories),
            "ZONEPROOF_HOME": str(self.world.home),
            "SSL_CERT_FILE": str(self.folder / "roots.pem"),
            "TZ": "UTC",
            "LC_ALL": "C.UTF-8",
        }

    def _learn(self, output: str) -> None:
        registered = re.search(r"[\w-]{36}(?=\.auth\.example\.net)", output)
        if registered:
            self.words.setdefault(SUBDOMAIN, registered[0])

    def _create(self, record: str) -> None:
        owner, _, kind, value = record.split(maxsplit=3)
        keyring = dns.tsigkeyring.from_text({TSIG_NAME: TSIG_SECRET})
        update = dns.update.UpdateMessage("example.com", keyring=keyring)
        update.add(dns.name.from_text(owner), 60, kind, value.strip())
        reply = dns.query.tcp(update, "127.0.0.1", port=self.world.knot.port, timeout=5)
        assert reply.rcode() == dns.rcode.NOERROR, reply

    def _real(self, text: str) -> str:
        for word, real in self.words.items():
            text = text.replace(word, real)
        return text

    def _told(self, text: str) -> str:
        for word, real in self.words.items():
            text = text.replace(real, word)
        return text


@contextmanager
def open_tutorial(folder: Path) -> Iterator[Tutorial]:
    """Start everything that the page speaks of: name servers, two CAs, a challenge service."""
    port, api_port = free_port("0.0.0.0"), free_port(SERVICE_ADDRESS)
    zones = {name: zone_text(name) for name in ("example.com", "acme.example.org")}
    stubs = {"auth.example.net": [f"{SERVICE_ADDRESS}@{port}"]}
    with (
        open_world(folder, zones, stubs=stubs, port=port, pebble_config=_CA) as world,
        Pebble(
            folder / "second",
            dns_server=f"127.0.0.1:{world.unbound.port}",
            config=_CA,
        ) as second,
        _service(folder, port, api_port),
        _webhook() as hook_url,
    ):
        directories = {
            "letsencrypt-staging": world.pebble.directory_url,
            "letsencrypt": second.directory_url,
        }
        _write_command(folder / "bin/zoneproof")
        (folder / "roots.pem").write_text(
            world.pebble.ca_bundle.read_text() + second.ca_bundle.read_text()
        )
        (folder / "tsig.secret").write_text(f"{TSIG_SECRET}\n")
        (folder / "tsig.secret").chmod(0o600)
        world.write_settings()
        words = {
            **{KNOWN[name].directory_url: url for name, url in directories.items()},
            **{
                urlsplit(KNOWN[name].directory_url).netloc: urlsplit(url).netloc
                for name, url in directories.items()
            },
            "/acme/acct/": "/my-account/",
            "port 53,": f"port {port},",
            "server=ns1.acme.example.org": f"server=127.0.0.1 --field port={port}",
            "https://auth.example.net": f"http://{SERVICE_ADDRESS}:{api_port}",
            "https://chat.example.com/hooks/dns": hook_url,
            "/var/lib/zoneproof": str(world.home),
            "/etc/zoneproof": str(folder),
            "(198.51.100.53)": "(127.0.0.1)",
            "ns1.acme.example.org": "127.0.0.1",
            "https://letsencrypt.org/repository/": "data:text/plain,Do%20what%20thou%20wilt",
            '"letsencrypt.org;': '"pebble.letsencrypt.org;',
        }
        yield Tutorial(world, folder, words, directories)


@contextmanager
def _service(folder: Path, port: int, api_port: int) -> Iterator[None]:
    config = folder / "service.toml"
    config.write_text(_SERVICE.format(address=SERVICE_ADDRESS, port=port, api_port=api_port))
    command = ["challenge", "serve", "--config", str(config)]
    with CommandServer("the challenge service", command, "challenge service ready"):
        yield


class _Hook(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def _webhook() -> Iterator[str]:
    """Take what is posted; yields the URL to post to."""
    server = HTTPServer(("127.0.0.1", 0), _Hook)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _write_command(path: Path) -> None:
    """Write a ``zoneproof`` for which Let's Encrypt's directories are elsewhere."""
    path.parent.mkdir()
    path.write_text(_COMMAND.format(python=sys.executable, module=_MODULE))
    path.chmod(0o755)
