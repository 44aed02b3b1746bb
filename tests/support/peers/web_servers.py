"""nginx, Apache and HAProxy, each with a site that answers over TLS with files in a folder."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.peers import TOOLS
from zoneproof.testing.background import BackgroundServer
from zoneproof.testing.ports import free_port

_WEB = TOOLS / "web"
_MODULES = ("mpm_event", "authz_core", "socache_shmcb", "ssl", "alias")


def _wrapper(folder: Path, name: str, program: str) -> Path:
    """Write a program that finds its libraries, as those that a task runs have to by themselves."""
    path = _WEB / "usr/sbin" / program
    if not path.exists():
        raise FileNotFoundError(f"{program} is not in {_WEB}: run scripts/install test")
    libraries = ":".join(
        map(str, [*_WEB.glob("usr/lib/*-linux-gnu*"), *_WEB.glob("lib/*-linux-gnu*")])
    )
    wrapper = folder / name
    wrapper.write_text(
        f'#!/bin/sh\nLD_LIBRARY_PATH={libraries} exec {shlex.quote(str(path))} "$@"\n'
    )
    wrapper.chmod(0o755)
    return wrapper


class WebServer(BackgroundServer):
    """A server at 127.0.0.1 and a free port; ``fields`` are those of its task."""

    fields: dict[str, Any]
    config: Path
    port: int


class NginxServer(WebServer):
    """nginx with ``fullchain.pem`` and ``key.pem`` in its folder."""

    def __init__(self, folder: Path) -> None:
        self.port, self.config = free_port(), folder / "nginx.conf"
        program = _wrapper(folder, "nginx", "nginx")
        temporary = "".join(
            f"  {kind}_temp_path {folder}/{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        self.config.write_text(
            f"""daemon off;
pid {folder}/nginx.pid;
error_log stderr notice;
events {{ worker_connections 256; }}
http {{
  access_log off;
{temporary}
  server {{
    listen 127.0.0.1:{self.port} ssl;
    ssl_certificate {folder}/fullchain.pem;
    ssl_certificate_key {folder}/key.pem;
    location / {{ return 200 "here"; }}
  }}
}}
"""
        )
        self.fields = {
            "fullchain": f"{folder}/fullchain.pem",
            "key": f"{folder}/key.pem",
            "program": f"{program} -e stderr -c {self.config}",
        }
        command = shlex.split(self.fields["program"])
        super().__init__("nginx", command, r"start worker process \d+")


class ApacheServer(WebServer):
    """Apache with ``fullchain.pem`` and ``key.pem`` in its folder."""

    def __init__(self, folder: Path) -> None:
        self.port, self.config = free_port(), folder / "apache.conf"
        program = _wrapper(folder, "apachectl", "apache2")
        modules = "".join(
            f"LoadModule {name}_module {_WEB}/usr/lib/apache2/modules/mod_{name}.so\n"
            for name in _MODULES
        )
        user = "User nobody\nGroup nogroup\n" if os.geteuid() == 0 else ""
        self.config.write_text(
            f"""ServerRoot {folder}
ServerName www.example.com
{modules}{user}PidFile {folder}/apache.pid
DefaultRuntimeDir {folder}
ErrorLog /dev/stderr
LogLevel notice
Listen 127.0.0.1:{self.port}
StartServers 2
MinSpareThreads 25
SSLSessionCache none
SSLEngine on
SSLCertificateFile {folder}/fullchain.pem
SSLCertificateKeyFile {folder}/key.pem
Redirect 404 /
"""
        )
        self.fields = {
            "fullchain": f"{folder}/fullchain.pem",
            "key": f"{folder}/key.pem",
            "program": f"{program} -f {self.config}",
        }
        command = [*shlex.split(self.fields["program"]), "-DFOREGROUND"]
        super().__init__("Apache", command, "resuming normal operations")


class HaproxyServer(WebServer):
    """HAProxy in master-worker mode with ``combined.pem`` in its folder."""

    def __init__(self, folder: Path) -> None:
        self.port, self.config = free_port(), folder / "haproxy.cfg"
        program = _wrapper(folder, "haproxy", "haproxy")
        self.config.write_text(
            f"""global
  stats socket {folder}/admin.sock mode 600 level admin expose-fd listeners
defaults
  mode http
  timeout connect 5s
  timeout client 5s
  timeout server 5s
frontend site
  bind 127.0.0.1:{self.port} ssl crt {folder}/combined.pem
  http-request return status 200
"""
        )
        self.fields = {
            "combined": f"{folder}/combined.pem",
            "program": f"{program} -f {self.config}",
            "pid_file": f"{folder}/haproxy.pid",
        }
        command = [*shlex.split(self.fields["program"]), "-W", "-p", self.fields["pid_file"]]
        super().__init__("HAProxy", command, "Loading success")


SERVERS: dict[str, Callable[[Path], WebServer]] = {
    "apache": ApacheServer,
    "haproxy": HaproxyServer,
    "nginx": NginxServer,
}
