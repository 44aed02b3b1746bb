"""Settings of notifications: what TOML may hold, and that secrets stay where they are."""

from __future__ import annotations

from pathlib import Path

import httpx2
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.pretty import pretty_repr

from zoneproof.core.errors import ConfigError, InvalidInputError
from zoneproof.core.toml import load_toml, read_reference
from zoneproof.core.webhooks import check_url
from zoneproof.manager.notifications.settings import NotifySettings, SmtpSettings, WebhookSettings

SMTP = 'host = "mail.example.com"\nsender = "a@example.com"\nrecipients = ["b@example.com"]\n'


class File(msgspec.Struct, forbid_unknown_fields=True):
    """A file with the tables that docs/notifications.md describes."""

    notify: NotifySettings = NotifySettings()


def read(folder: Path, text: str) -> NotifySettings:
    path = folder / "zoneproof.toml"
    path.write_text(text)
    return load_toml(path, File).notify


def test_the_tables_of_the_documentation_are_read(tmp_path: Path) -> None:
    page = Path(__file__).parents[2] / "docs/notifications.md"
    text = "\n".join(part.partition("```")[0] for part in page.read_text().split("```toml\n")[1:])
    found = read(tmp_path, text)
    assert [server.port_used for server in found.smtp] == [587]
    assert [hook.format for hook in found.webhook] == ["json", "slack"]


@pytest.mark.parametrize(
    ("security", "port", "used"),
    [("starttls", 0, 587), ("tls", 0, 465), ("none", 0, 25), ("none", 2525, 2525)],
)
def test_the_port_is_the_usual_one_unless_set(
    tmp_path: Path, security: str, port: int, used: int
) -> None:
    more = f'security = "{security}"\nport = {port}\n'
    assert read(tmp_path, f"[[notify.smtp]]\n{SMTP}{more}").smtp[0].port_used == used


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f'[[notify.smtp]]\n{SMTP}user = "me"', "user and password belong together"),
        (
            f'[[notify.smtp]]\n{SMTP}user = "me"\npassword = "p"\nsecurity = "none"',
            "not sent without encryption",
        ),
        (f"[[notify.smtp]]\n{SMTP}port = 70000", "notify.smtp[0].port"),
        (f'[[notify.smtp]]\n{SMTP}kinds = ["broken"]', "notify.smtp[0].kinds"),
        (f'[[notify.smtp]]\n{SMTP}pasword = "x"', "pasword"),
        ("[[notify.smtp]]\n" + SMTP.replace("mail.", "mail.."), "host must be"),
        ("[[notify.smtp]]\n" + SMTP.replace('["b@example.com"]', "[]"), "recipients"),
        ("[[notify.smtp]]\n" + SMTP.replace("b@", "b\\nBcc: c@"), "must be addresses"),
        ("[[notify.smtp]]\n" + SMTP.replace("b@", "Bee <b@"), "must be addresses"),
        ('[[notify.webhook]]\nurl = "http://example.com/"', "must begin with https://"),
        ('[[notify.webhook]]\nurl = "ftp://example.com/"', "must begin with https://"),
        ('[[notify.webhook]]\nurl = "https://exa mple.com/"', "url must be like"),
        ('[[notify.webhook]]\nurl = "https://e.test:99999/"', "url must be like"),
        ('[[notify.webhook]]\nurl = "https://e.test"\nsecret = "short"', "openssl rand"),
        ('[[notify.webhook]]\nurl = "https://e.test"\nsecret = "whsec_c2hvcnQ="', "openssl rand"),
        ('[[notify.webhook]]\nurl = "https://e.test"\nformat = "teams"', "format"),
        (
            f'[[notify.smtp]]\n{SMTP}user = "me"\npassword = "@mail-password"',
            "password: the path after @ must be an absolute path, not 'mail-password'",
        ),
        ('[[notify.webhook]]\nurl = "@url"', "url: the path after @ must be an absolute path"),
        (
            '[[notify.webhook]]\nurl = "https://e.test"\nsecret = "@./secret"',
            "secret: the path after @ must be an absolute path, not './secret'",
        ),
    ],
)
def test_what_could_not_work_is_refused_with_the_key(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError) as error:
        read(tmp_path, text)
    assert words in error.value.message
    assert "\n" not in error.value.message


def test_a_password_may_go_unencrypted_to_this_machine(tmp_path: Path) -> None:
    text = SMTP.replace("mail.example.com", "::1")
    more = 'user = "me"\npassword = "p"\nsecurity = "none"'
    assert read(tmp_path, f"[[notify.smtp]]\n{text}{more}").smtp[0].host == "::1"


def test_secrets_are_not_shown() -> None:
    smtp = SmtpSettings("mail.test", "a@b.test", ("c@d.test",), user="me", password="hidden")
    hook = WebhookSettings("https://hooks.test/hidden")
    for shown in (repr, pretty_repr):
        assert "hidden" not in shown(NotifySettings((smtp,), (hook,)))


def test_a_secret_in_a_file_loses_its_last_line_end_only(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b" a\nb \r\n")
    assert read_reference(f"@{tmp_path / 'secret'}", "password") == " a\nb "
    (tmp_path / "secret").write_bytes(b"\xff")
    with pytest.raises(InvalidInputError, match="not UTF-8"):
        read_reference(f"@{tmp_path / 'secret'}", "password")


@given(st.text() | st.text("htps:/@[]?#.%0a ").map("https://".__add__))
def test_every_url_is_usable_or_refused(text: str) -> None:
    try:
        url = check_url(text)
    except InvalidInputError:
        return
    assert httpx2.URL(url).host
