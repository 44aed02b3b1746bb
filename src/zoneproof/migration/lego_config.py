"""lego 5's configuration file: its hooks, and how the names of each certificate are validated.

As lego 5.3 has it (``cmd/internal/configuration``): ``.lego.yml`` or ``.lego.yaml`` in the folder
in which lego runs. What lego used last it keeps as ``.lego.bck.yaml`` in its own folder, with all
that stands there by default. lego 4 has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from zoneproof.core.errors import InvalidInputError
from zoneproof.core.text import with_extra
from zoneproof.core.yaml import decode_yaml
from zoneproof.migration import lego_settings
from zoneproof.migration.found import Findings
from zoneproof.migration.lego_settings import LegoSettings, read_env_file
from zoneproof.migration.methods import (
    FoundMethod,
    http,
    listener,
    no_method,
    record_that_stays,
)
from zoneproof.migration.reading import exists, read_text, unusable

_BESIDE = (".lego.yml", ".lego.yaml")
_INSIDE = ".lego.bck.yaml"


class _Hook(msgspec.Struct):
    command: str = ""


class _Http(msgspec.Struct, rename="camel"):
    address: str = ""
    webroot: str = ""
    memcached_hosts: list[str] | None = None
    s3_bucket: str = msgspec.field(name="s3Bucket", default="")


class _Dns(msgspec.Struct, rename="camel"):
    provider: str = ""
    env_file: str = ""


class _Challenge(msgspec.Struct, rename="camel"):
    http: _Http | None = None
    tls: Any = None
    dns: _Dns | None = None
    dns_persist: Any = None


class _Renew(msgspec.Struct, rename="camel"):
    reuse_key: bool = False


class LegoCertificate(msgspec.Struct, rename="camel"):
    """What the file says of one certificate."""

    challenge: str = ""
    preferred_chain: str = ""
    profile: str = ""
    renew: _Renew | None = None

    @property
    def reuse_key(self) -> bool:
        """Whether the next certificate has the same key."""
        return bool(self.renew and self.renew.reuse_key)


class _File(msgspec.Struct):
    hooks: dict[str, _Hook | None] | None = None
    challenges: dict[str, _Challenge | None] | None = None
    certificates: dict[str, LegoCertificate | None] | None = None


class LegoConfig(msgspec.Struct, frozen=True):
    """What the file says; everything is empty without one. ``folder`` is where lego runs."""

    folder: Path
    content: _File

    def hook_lines(self) -> Mapping[str, str]:
        """Return the command of each hook that there is."""
        return {kind: one.command for kind, one in (self.content.hooks or {}).items() if one}

    def certificate(self, name: str) -> LegoCertificate | None:
        """Return what is said of the certificate that lego calls so; None for nothing."""
        found = self.content.certificates or {}
        return (found[name] or LegoCertificate()) if name in found else None

    def method(
        self, certificate: LegoCertificate, settings: LegoSettings, findings: Findings
    ) -> FoundMethod:
        """Return how the certificate's names are validated.

        ``settings`` have the variables that are not in a file which the challenge names.
        """
        challenges = self.content.challenges or {}
        name = certificate.challenge
        if not name and len(challenges) == 1:  # then it is everybody's
            (name,) = challenges
        challenge = challenges.get(name) or _BY_DEFAULT.get(name)
        if challenge is None:
            return no_method(f"lego's configuration has no challenge '{name[:40]}'")
        if challenge.dns:
            return self._dns(challenge.dns, settings, findings)
        if challenge.http:
            return _http(challenge.http)
        if challenge.dns_persist is not None:
            return record_that_stays()
        return no_method("lego used tls-alpn-01, which Zoneproof does not support")

    def _dns(self, given: _Dns, settings: LegoSettings, findings: Findings) -> FoundMethod:
        used = LegoSettings(given.provider, settings.variables, self._locate, settings.unclear)
        if given.env_file:
            with findings.going_on():
                file = read_env_file(self._locate(given.env_file), given.provider)
                variables = {**settings.variables, **file.variables}
                used = LegoSettings(given.provider, variables, self._locate, file.unclear)
        return lego_settings.read_method(used, findings)

    def _locate(self, text: str) -> Path:
        return self.folder / text


# What lego has without being told, by these names.
_BY_DEFAULT: Mapping[str, _Challenge] = {
    "http-01": _Challenge(http=_Http(address=":80")),
    "tls-alpn-01": _Challenge(tls={}),
    "dns-persist-01": _Challenge(dns_persist={}),
}


def _http(given: _Http) -> FoundMethod:
    if given.webroot:
        return http(given.webroot)
    if given.memcached_hosts or given.s3_bucket:
        where = "memcached" if given.memcached_hosts else "a bucket"
        return no_method(f"lego put the files of http-01 into {where}, which Zoneproof does not do")
    address, _, port = given.address.rpartition(":")
    return listener(address, port)


def config_file(folder: Path) -> Path | None:
    """Return the file for lego's ``folder``; None if there is none."""
    beside = folder.absolute().parent
    files = (*(beside / name for name in _BESIDE), folder / _INSIDE)
    return next(filter(exists, files), None)


def read_config(folder: Path, findings: Findings) -> LegoConfig:
    """Return what the file for lego's ``folder`` says; what is wrong with it is a problem."""
    file = config_file(folder)
    content = _File()
    if file is not None:
        with findings.going_on():
            content = _read(file)
    return LegoConfig(folder.absolute().parent, content)


def _read(file: Path) -> _File:
    try:
        return msgspec.convert(decode_yaml(read_text(file), object) or {}, _File)
    except InvalidInputError as error:
        raise unusable(file, error.message) from error
    except ImportError as error:
        raise unusable(file, f"reading YAML needs PyYAML: {with_extra('kubernetes')}") from error
    except msgspec.ValidationError as error:
        raise unusable(file, "it is not of the form expected") from error
    except msgspec.DecodeError as error:
        raise unusable(file, "it is not YAML") from error
