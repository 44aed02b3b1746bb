"""What holds for all certificates of a home: ``settings.toml``, which people write."""

from __future__ import annotations

import codecs
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec.structs import asdict, replace

from zoneproof.core.access import read_mode
from zoneproof.core.errors import ConfigError, InvalidInputError
from zoneproof.core.files import create_private, read_file
from zoneproof.core.names import require_email
from zoneproof.core.secretive import Secretive
from zoneproof.core.toml import check_stored_reference, load_each, load_toml
from zoneproof.core.webhooks import check_url
from zoneproof.dnsquery import parse_policy, parse_server
from zoneproof.manager.home import Home, is_there
from zoneproof.manager.notifications.settings import NotifySettings
from zoneproof.providers import exists

FILE = "settings.toml"
_PATIENCE = 10.0  # seconds: saving takes a moment


class DnsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to wait for DNS and whom to ask; what is None is said by a wider setting.

    ``propagation`` is what :func:`~zoneproof.dnsquery.parse_policy` reads, ``propagation_timeout``
    is in seconds, ``resolvers`` are what :func:`~zoneproof.dnsquery.parse_server` reads; none
    means the system's.
    """

    propagation: str | int | None = None
    propagation_timeout: float | None = None
    resolvers: tuple[str, ...] | None = None

    def check(self) -> None:
        """Raise InvalidInputError for a setting that cannot be used."""
        if self.propagation is not None:
            parse_policy(self.propagation)
        if self.propagation_timeout is not None and not 0 < self.propagation_timeout <= 86_400:
            raise InvalidInputError("propagation_timeout must be seconds, above 0 and up to 86400")
        for text in self.resolvers or ():
            parse_server(text)

    def over(self, wider: DnsSettings) -> DnsSettings:
        """Return these settings, filled up from ``wider`` where they say nothing."""
        said = {name: value for name, value in asdict(self).items() if value is not None}
        return replace(wider, **said)


class LogSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where each certificate's log file is, ``NAME.log``, and how much of it is kept.

    ``folder`` is absolute or below the home. A file has at most ``max_bytes``; then it becomes
    ``NAME.log.1``, and of these older ones ``keep`` are kept.
    """

    enabled: bool = True
    folder: str = "logs"
    max_bytes: int = 1024 * 1024
    keep: int = 2

    def check(self) -> None:
        """Raise InvalidInputError for a setting that cannot be used."""
        if not self.folder or "\0" in self.folder:
            raise InvalidInputError(
                "log.folder must be a folder; to write no log, set log.enabled = false"
            )
        if not 10_000 <= self.max_bytes <= 1_000_000_000:
            raise InvalidInputError("log.max_bytes must be a number from 10000 to 1000000000")
        if not 0 <= self.keep <= 100:
            raise InvalidInputError("log.keep must be a number of older files, from 0 to 100")


class OidcSettings(Secretive, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[web.oidc]``: an OpenID provider at which people sign in to the web pages.

    ``client_secret`` is the text itself, ``@file`` or ``env:VARIABLE``. A user has the highest role
    of which a value is among those of the claim ``role_claim``; ``name_claim`` is the user's name.
    ``title`` is what the button says; ``url`` is where browsers reach the pages, where the server
    cannot know it.
    """

    issuer: str
    client_id: str
    client_secret: str
    title: str = "single sign-on"
    url: str = ""
    name_claim: str = "preferred_username"
    role_claim: str = "groups"
    administrators: tuple[str, ...] = ()
    operators: tuple[str, ...] = ()
    viewers: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"OidcSettings({self.issuer})"

    def check(self) -> None:
        """Raise InvalidInputError for a setting that cannot be used."""
        check_stored_reference("web.oidc.client_secret", self.client_secret)
        for name in ("issuer", "url"):
            value = getattr(self, name)
            try:
                if value:
                    check_url(value)
            except InvalidInputError as error:
                raise InvalidInputError(f"web.oidc.{name}: {error.message}") from error
        if not (self.issuer and self.client_id and self.client_secret):
            raise InvalidInputError("web.oidc needs issuer, client_id and client_secret")
        if not (self.administrators or self.operators or self.viewers):
            raise InvalidInputError(
                "web.oidc needs administrators, operators or viewers: the values of"
                f" {self.role_claim} that give these roles"
            )


class WebSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[web]``: what holds for the web pages."""

    oidc: OidcSettings | None = None


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file's content.

    ``account`` is the CA account that certificates use unless they name another: its name, a CA's
    short name or a directory URL; ``staging_account`` is the one for ``--staging`` and
    ``--dry-run``, by default at the CA's own staging directory. ``provider`` holds DNS settings by
    provider slug. ``parallel`` is how many certificates are worked on at once. After
    ``failover_after`` failures in a row a certificate's next fallback account is tried. ``log``
    says where each certificate's log is, ``notify`` who is told what happens, ``web`` how people
    sign in to the pages. ``key_group`` may
    read the keys of certificates that say nothing else, and ``key_mode`` (octal) is their mode.
    """

    account: str = "letsencrypt"
    staging_account: str = ""
    email: str = ""
    parallel: int = 20
    failover_after: int = 3
    authoritative_port: int = 53
    key_group: str = ""
    key_mode: str = ""
    dns: DnsSettings = DnsSettings()
    provider: dict[str, DnsSettings] = {}
    log: LogSettings = LogSettings()
    notify: NotifySettings = NotifySettings()
    web: WebSettings = WebSettings()

    def check(self) -> None:
        """Raise InvalidInputError, which names all of them, for settings that cannot be used."""
        if problems := [*self._problems()]:
            raise InvalidInputError("; ".join(problems))

    def _problems(self) -> Iterator[str]:
        if not 1 <= self.parallel <= 200:
            yield "parallel must be a number from 1 to 200"
        if self.failover_after < 1:
            yield "failover_after must be a number of failures, 1 or more"
        if not 1 <= self.authoritative_port <= 65535:
            yield "authoritative_port must be a port from 1 to 65535"
        if self.email:
            yield from (f"email: {problem}" for problem in _problems(require_email, self.email))
        if self.key_mode:
            yield from _problems(read_mode, self.key_mode)
        yield from _problems(self.log.check)
        yield from _problems(self.dns.check)
        if self.web.oidc:
            yield from _problems(self.web.oidc.check)
        for slug, settings in self.provider.items():
            if not exists(slug):
                yield f"[provider.{slug}]: there is no provider '{slug}'"
            yield from _problems(settings.check)


def _problems(check: Callable[..., object], *arguments: str) -> list[str]:
    try:
        check(*arguments)
    except InvalidInputError as error:
        return [error.message]
    return []


def load_settings(home: Path) -> Settings:
    """Read ``settings.toml``; without the file, everything has its default. Raises ConfigError."""
    path = home / FILE
    return _load(path, str(path)) if is_there(path) else Settings()


class _OnlyNotify(msgspec.Struct, frozen=True):
    notify: NotifySettings = NotifySettings()


def load_notify_settings(home: Path) -> NotifySettings:
    """Read who is told, also where the rest of the file cannot be used. Raises ConfigError."""
    path = home / FILE
    return load_toml(path, _OnlyNotify).notify if is_there(path) else NotifySettings()


def _load(path: Path, called: str) -> Settings:
    """Read the file, which errors call by that name."""
    try:
        settings = load_each(path, Settings)
        settings.check()
    except ConfigError as error:
        raise ConfigError(error.message.replace(str(path), called)) from error
    except InvalidInputError as error:
        raise ConfigError(f"{called}: {error.message}") from error
    return settings


@contextmanager
def settings_locked(home: Home) -> Iterator[None]:
    """Keep others of ours from changing the file. Raises BusyError and StorageError."""
    with home.lock("the settings", "saves the settings", patience=_PATIENCE):
        yield


def read_settings_text(home: Path, *, anyhow: bool = False) -> str:
    """Return the file as it is, empty if there is none. Raises ConfigError.

    ``anyhow``, for who repairs it, it is also read in an encoding in which it cannot be used.
    """
    path = home / FILE
    try:
        content = read_file(path)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        if not anyhow:
            raise ConfigError(f"cannot read {path}: {error}") from error
    is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if is_utf16 else "latin-1", "replace")


def save_settings_text(home: Path, text: str) -> None:
    """Replace the file, for this user alone, if the text can be used. Raises ConfigError."""
    path = home / FILE
    temporary = path.with_name(f".{FILE}.{os.getpid()}")
    try:
        temporary.unlink(missing_ok=True)
        try:
            create_private(temporary, f"{text.rstrip()}\n".encode())
            _load(temporary, FILE)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from error
