"""Notices by e-mail, handed to a mail server on loopback."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.manager.smtp_server import PASSWORD, USER, SmtpServer, serve
from tests.support.self_signed import certificate
from zoneproof.manager.notifications.notice import Notice, as_text, fit_to_send
from zoneproof.manager.notifications.send import send, send_test
from zoneproof.manager.notifications.settings import NotifySettings, SmtpSettings
from zoneproof.manager.notifications.smtp import compose, mail

AT = datetime(2026, 8, 1, 12, tzinfo=UTC)
RECORD = '_acme-challenge.example.com. 60 IN TXT "' + "x" * 43 + '"'
NOTICE = Notice(
    "awaiting_user",
    "example.com",
    ("example.com", "*.example.com"),
    "the CA at ca.test waits",
    AT,
    records=(RECORD,),
    expires_at=datetime(2026, 9, 1, tzinfo=UTC),
)
SENDER, RECIPIENTS = "zoneproof@example.com", ("ops@example.com", "boss@example.net")


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def server(tls: tuple[Path, ssl.SSLContext]) -> Iterator[SmtpServer]:
    with serve(SmtpServer(tls[1])) as running:
        yield running


@pytest.fixture
def bundle(tls: tuple[Path, ssl.SSLContext]) -> str:
    return str(tls[0])


def to(server: SmtpServer, **more: Any) -> SmtpSettings:
    fields = {"host": "127.0.0.1", "port": server.port, "sender": SENDER, "recipients": RECIPIENTS}
    return SmtpSettings(**{**fields, **more})


async def problems(settings: SmtpSettings) -> list[str]:
    return await send([NOTICE], NotifySettings(smtp=(settings,)))


async def test_a_notice_arrives_encrypted_and_complete(server: SmtpServer, bundle: str) -> None:
    settings = to(server, ca_bundle=bundle, user=USER, password=PASSWORD)
    assert await problems(settings) == []
    (got,) = server.mails
    assert (got.sender, got.recipients, got.encrypted, got.login) == (
        SENDER,
        RECIPIENTS,
        True,
        True,
    )
    assert got.message["Subject"] == "[zoneproof] example.com: waits for you"
    assert got.message["To"] == "ops@example.com, boss@example.net"
    assert got.message["Auto-Submitted"] == "auto-generated"
    assert got.message["Message-ID"].endswith("@example.com>")
    text = got.text
    assert f"Create:\n{RECORD}\n" in text
    assert "the CA at ca.test waits\nNames: example.com, *.example.com\n" in text
    assert "The certificate expires at 2026-09-01 00:00 UTC." in text


def test_a_renewal_is_told_with_its_reason() -> None:
    told = Notice("renewed", "a.example", ("a.example",), "asked for", AT)
    assert as_text([told]) == "Reason: asked for\nNames: a.example\n"


async def test_login_works_where_only_the_old_mechanism_is_offered(
    server: SmtpServer, bundle: str
) -> None:
    server.mechanisms = "LOGIN"
    assert await problems(to(server, ca_bundle=bundle, user=USER, password=PASSWORD)) == []
    assert server.mails[0].login


async def test_tls_from_the_first_byte(tls: tuple[Path, ssl.SSLContext], bundle: str) -> None:
    with serve(SmtpServer(tls[1], implicit_tls=True)) as server:
        assert await problems(to(server, ca_bundle=bundle, security="tls")) == []
    assert server.mails[0].encrypted


async def test_no_encryption_where_it_is_switched_off(server: SmtpServer) -> None:
    assert await problems(to(server, security="none")) == []
    assert not server.mails[0].encrypted


async def test_all_notices_come_in_one_message(server: SmtpServer) -> None:
    other = Notice("failing", "example.net", ("example.net",), "timeout", AT)
    settings = to(server, security="none")
    assert await send([NOTICE, other], NotifySettings(smtp=(settings,))) == []
    (got,) = server.mails
    assert got.message["Subject"] == (
        "[zoneproof] 2 certificates: waits for you (1), renewal fails (1)"
    )
    assert "example.net: renewal fails\ntimeout\n" in got.text


async def test_only_the_kinds_that_are_wanted_are_told(server: SmtpServer) -> None:
    settings = NotifySettings(smtp=(to(server, security="none", kinds=("renewed",)),))
    assert await send([NOTICE], settings) == []
    assert server.mails == []
    assert await send_test(settings) == []
    assert server.mails[0].message["Subject"] == "[zoneproof] this is a test"
    assert server.mails[0].text.startswith("Notifications from this Zoneproof reach you.")


@pytest.mark.parametrize(
    ("refused", "reply", "words"),
    [
        ("AUTH", "535 5.7.8 no s3cret-of-mail", "it refuses user and password: 535 5.7.8 no ***"),
        ("MAIL", "550 not you", f"it refuses the sender {SENDER}: 550 not you"),
        ("RCPT", "550 5.1.1 unknown", "it refuses all recipients: ops@example.com: 550 5.1.1"),
        (
            "RCPT TO:<BOSS",
            "550 5.1.1 un\x1b[1mknown",
            "it refuses some recipients: boss@example.net: 550 5.1.1 unknown",
        ),
        ("DATA", "554 no\r", "it refuses: 554 no"),
        ("END", "552 too large", "it refuses: 552 too large"),
        ("STARTTLS", "454 not now", "it refuses: 454 not now"),
        ("EHLO", "250-x\r\n" * 200_000, "its reply does not end"),
        ("END", "250-x\r\n" * 200_000, "its reply does not end"),
    ],
)
async def test_what_the_server_refuses_is_a_line_in_its_own_words(
    server: SmtpServer, bundle: str, refused: str, reply: str, words: str
) -> None:
    server.refusals[refused] = reply
    settings = to(server, ca_bundle=bundle, user=USER, password=PASSWORD)
    (line,) = await problems(settings)
    assert line.startswith(f"mail server 127.0.0.1:{server.port}: {words}")
    assert PASSWORD not in line
    assert line.isprintable()


async def test_a_server_without_starttls_or_login_gets_no_message(
    server: SmtpServer, bundle: str
) -> None:
    server.refusals["EHLO"] = "250 mail.test"
    (line,) = await problems(to(server))
    assert "STARTTLS" in line
    server.refusals.clear()
    server.mechanisms = ""
    (line,) = await problems(to(server, ca_bundle=bundle, user=USER, password=PASSWORD))
    assert "AUTH" in line
    assert server.mails == []


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_certificate_that_is_not_trusted_gets_neither_password_nor_message(
    tls: tuple[Path, ssl.SSLContext], security: str
) -> None:
    with serve(SmtpServer(tls[1], implicit_tls=security == "tls")) as server:
        settings = to(server, security=security, user=USER, password=PASSWORD)
        (line,) = await problems(settings)
    assert "its certificate is not trusted" in line
    assert server.mails == []
    assert not any(command.startswith("AUTH") for command in server.commands)


async def test_the_wrong_kind_of_encryption_is_told(server: SmtpServer) -> None:
    (line,) = await problems(to(server, security="tls"))
    assert "does not speak TLS there: check port and security" in line


async def test_nobody_there_is_told(tls: tuple[Path, ssl.SSLContext]) -> None:
    with serve(SmtpServer(tls[1])) as server:
        pass
    (line,) = await problems(to(server))
    assert "the connection was refused" in line


@pytest.mark.parametrize("verb", ["CONNECT", "EHLO", "STARTTLS", "RCPT", "END"])
async def test_a_server_that_falls_silent_is_left_at_the_deadline(
    server: SmtpServer, bundle: str, verb: str
) -> None:
    server.silent_at = verb
    settings = to(server, ca_bundle=bundle)
    line = await mail(settings, compose(settings, [NOTICE], "host", AT), deadline=0.3)
    assert line.endswith("not finished within 0.3 seconds: check host, port and security")


async def test_who_gives_up_waiting_hangs_up(server: SmtpServer) -> None:
    server.silent_at = "EHLO"
    settings = to(server, security="none")
    task = asyncio.create_task(mail(settings, compose(settings, [NOTICE], "host", AT)))
    await asyncio.to_thread(server.fell_silent.wait)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"password": "@/nowhere"}, "notify.smtp: password: cannot read /nowhere: No such file"),
        ({"password": "env:NO_SUCH_VARIABLE"}, "variable NO_SUCH_VARIABLE is not set"),
        ({"password": "päss"}, "notify.smtp: user and password must be ASCII"),
        (
            {"ca_bundle": "/nowhere"},
            "notify.smtp: the CA bundle /nowhere cannot be used: No such file",
        ),
    ],
)
async def test_settings_that_cannot_be_used_are_told_and_raise_nothing(
    server: SmtpServer, more: dict[str, str], words: str
) -> None:
    (line,) = await problems(to(server, user=USER, **{"password": PASSWORD, **more}))
    assert words in line
    assert server.commands == []


hostile = st.text(st.characters(), max_size=300)
USUAL_CAS = ssl.create_default_context()  # which takes as long as all the rest


@given(hostile, st.lists(hostile, max_size=3), hostile, st.lists(hostile, max_size=3))
def test_no_text_can_add_a_header_or_a_line(
    name: str, identifiers: list[str], words: str, records: list[str]
) -> None:
    settings = to(SmtpServer(USUAL_CAS, port=25))
    notice = fit_to_send(
        Notice("failing", name, tuple(identifiers), words, AT, records=tuple(records))
    )
    message = compose(settings, [notice], "host", AT)
    head, _, body = message.as_bytes().partition(b"\r\n\r\n")
    assert head.isascii()
    assert body.isascii()
    found = [line.split(b":")[0] for line in head.split(b"\r\n") if not line.startswith(b" ")]
    assert sorted(found) == sorted(key.encode() for key in message)
    assert len(found) == 9
