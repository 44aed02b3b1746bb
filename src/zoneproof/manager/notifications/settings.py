"""Where notifications go: the tables ``[[notify.smtp]]`` and ``[[notify.webhook]]``."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from zoneproof.core.errors import InvalidInputError
from zoneproof.core.names import is_email, is_host, is_loopback
from zoneproof.core.secretive import Secretive
from zoneproof.core.toml import check_stored_reference, is_reference
from zoneproof.core.webhooks import check_url, signing_key
from zoneproof.manager.notifications.notice import Kind

_PORTS = {"none": 25, "starttls": 587, "tls": 465}


class SmtpSettings(Secretive, frozen=True, forbid_unknown_fields=True):
    """A mail server, and who is written to.

    ``port`` 0 is the usual one: 587 for ``starttls``, 465 for ``tls``, 25 for ``none``.
    ``password`` is the text itself, ``@file`` or ``env:VARIABLE``. ``kinds`` are what is told,
    empty for everything. ``ca_bundle`` is a PEM file, empty for the usual public CAs.
    """

    host: str
    sender: str
    recipients: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    password: str = ""
    ca_bundle: str = ""
    kinds: tuple[Kind, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what could not work, or would show the password to the network."""
        if not is_host(self.host):
            raise ValueError("host must be a host name or an IP address")
        for address in (self.sender, *self.recipients):
            if not is_email(address):
                raise ValueError("sender and recipients must be addresses such as ops@example.com")
        if bool(self.user) != bool(self.password):
            raise ValueError("user and password belong together: give both, or neither")
        if self.password and self.security == "none" and not is_loopback(self.host):
            raise ValueError("a password is not sent without encryption: set security to starttls")
        _check_references(password=self.password)

    def __repr__(self) -> str:
        return f"SmtpSettings({self.where})"

    @property
    def where(self) -> str:
        """How messages name it."""
        return f"mail server {self.host}:{self.port_used}"

    @property
    def port_used(self) -> int:
        """The port, also when none is set."""
        return self.port or _PORTS[self.security]


class WebhookSettings(Secretive, frozen=True, forbid_unknown_fields=True):
    """A URL that notices are posted to.

    ``url`` and ``secret`` are the text itself, ``@file`` or ``env:VARIABLE``, because the URLs of
    chat services are secrets. ``secret`` signs the body; it is ``whsec_`` and base64, as Standard
    Webhooks has it, and empty for no signature. ``format`` is ``slack`` for what takes ``text``.
    """

    url: str
    secret: str = ""
    format: Literal["json", "slack"] = "json"
    ca_bundle: str = ""
    kinds: tuple[Kind, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what could not work."""
        _check_references(url=self.url, secret=self.secret)
        try:
            if not is_reference(self.url):
                check_url(self.url)
            if self.secret and not is_reference(self.secret):
                signing_key(self.secret)
        except InvalidInputError as error:
            raise ValueError(error.message) from None

    def __repr__(self) -> str:
        return f"WebhookSettings(format={self.format})"


def _check_references(**values: str) -> None:
    for name, value in values.items():
        try:
            check_stored_reference(name, value)
        except InvalidInputError as error:
            raise ValueError(error.message) from None


class NotifySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everybody who is told."""

    smtp: tuple[SmtpSettings, ...] = ()
    webhook: tuple[WebhookSettings, ...] = ()
