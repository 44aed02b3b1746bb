"""A small mail server on loopback (RFC 5321, 3207, 4954), which can also refuse and fall silent."""

from __future__ import annotations

import base64
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

USER, PASSWORD = "zoneproof", "s3cret-of-mail"


@dataclass(frozen=True)
class Mail:
    """A message that was taken; ``encrypted`` and ``login`` tell how it came."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    encrypted: bool
    login: bool

    @property
    def message(self) -> EmailMessage:
        """The content, read by a parser that is not ours."""
        found = message_from_bytes(self.content, policy=default)
        assert isinstance(found, EmailMessage)
        return found

    @property
    def text(self) -> str:
        """The message's text, with plain line ends."""
        text = self.message.get_content()
        assert isinstance(text, str)
        return text.replace("\r\n", "\n")


@dataclass
class SmtpServer:
    """How the server behaves, and what it got.

    ``refusals`` maps the beginning of a command line to the reply that it gets; ``silent_at`` is
    the verb at which the server says nothing more, ``CONNECT`` for the greeting.
    """

    tls: ssl.SSLContext
    implicit_tls: bool = False
    mechanisms: str = "PLAIN LOGIN"
    refusals: dict[str, str] = field(default_factory=dict)
    silent_at: str = ""
    port: int = 0
    mails: list[Mail] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    fell_silent: threading.Event = field(default_factory=threading.Event)


class _Conversation(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, _Listener)
        self.ours = self.server.ours
        self.encrypted = self.login = False
        self.sender, self.recipients = "", list[str]()
        try:
            if self.ours.implicit_tls:
                self._encrypt()
            self._answer("CONNECT", "220 mail.test ESMTP")
            while line := self.rfile.readline().decode().strip():
                verb = line.partition(" ")[0].upper()
                self.ours.commands.append(line)
                refusal = next(
                    (
                        reply
                        for start, reply in self.ours.refusals.items()
                        if line.upper().startswith(start)
                    ),
                    "",
                )
                if refusal:
                    self._answer(verb, refusal)
                elif not self._obey(verb, line):
                    return
        except OSError:
            pass  # the client hung up, as some tests make it do

    def _obey(self, verb: str, line: str) -> bool:
        argument = line.partition(":")[2].partition(">")[0].lstrip("<")
        match verb:
            case "EHLO":
                offers = [] if self.encrypted else ["STARTTLS"]
                offers += [f"AUTH {self.ours.mechanisms}"] if self.ours.mechanisms else []
                lines = ["mail.test", *offers]
                replies = [f"250-{text}" for text in lines[:-1]] + [f"250 {lines[-1]}"]
                self._answer(verb, "\r\n".join(replies))
            case "STARTTLS":
                self._answer(verb, "220 go on")
                self._encrypt()
            case "AUTH":
                self.login = self._check_login(line.split())
                self._answer(verb, "235 welcome" if self.login else "535 5.7.8 wrong password")
            case "MAIL":
                self.sender = argument
                self._answer(verb, "250 ok")
            case "RCPT":
                self.recipients.append(argument)
                self._answer(verb, "250 ok")
            case "DATA":
                self._answer(verb, "354 go on")
                self._take()
            case "QUIT":
                self._answer(verb, "221 bye")
                return False
            case _:
                self._answer(verb, "250 ok")
        return True

    def _take(self) -> None:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line.removeprefix(b"."))
        content = b"".join(lines)
        self.ours.mails.append(
            Mail(self.sender, tuple(self.recipients), content, self.encrypted, self.login)
        )
        self._answer("END", self.ours.refusals.get("END", "250 taken"))

    def _check_login(self, words: list[str]) -> bool:
        if words[1] == "PLAIN":
            return base64.b64decode(words[2]).decode().split("\0")[1:] == [USER, PASSWORD]
        user = base64.b64decode(words[2]).decode()
        self._answer("AUTH", "334 UGFzc3dvcmQ6")
        return (user, base64.b64decode(self.rfile.readline()).decode()) == (USER, PASSWORD)

    def _answer(self, verb: str, line: str) -> None:
        if self.ours.silent_at == verb:
            self.ours.fell_silent.set()
            self.rfile.read()
        self.wfile.write(line.encode() + b"\r\n")

    def _encrypt(self) -> None:
        self.connection = self.ours.tls.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", buffering=0)
        self.encrypted = True

    def finish(self) -> None:
        self.rfile.close()
        self.connection.close()


class _Listener(socketserver.ThreadingTCPServer):
    def __init__(self, ours: SmtpServer) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.ours = ours


@contextmanager
def serve(server: SmtpServer) -> Iterator[SmtpServer]:
    """Run the server until the block ends, and then until its clients have hung up."""
    with _Listener(server) as listener:
        server.port = listener.server_address[1]
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown()
            thread.join()
