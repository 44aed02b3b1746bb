"""Why no reply came, in words that say what to do."""

from __future__ import annotations

import socket
import ssl

import httpx2
import pytest

from zoneproof.core.http import HttpClient, NoReplyError


def unknown_host() -> Exception:
    error = httpx2.ConnectError("no such host")
    error.__cause__ = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return error


def untrusted() -> Exception:
    error = httpx2.ConnectError("untrusted")
    error.__cause__ = ssl.SSLCertVerificationError("untrusted")
    error.__cause__.verify_code, error.__cause__.verify_message = 18, "self-signed certificate"
    return error


@pytest.mark.parametrize(
    ("failure", "seconds", "told"),
    [
        (httpx2.ConnectTimeout("slow"), 30, "no answer within 10 seconds"),
        (httpx2.ConnectTimeout("slow"), 5, "no answer within 5 seconds"),
        (httpx2.ReadTimeout("slow"), 30, "no answer within 30 seconds"),
        (unknown_host(), 30, "check the network, and the URL if it was typed"),
        (untrusted(), 30, "give that CA's PEM file as --ca-bundle"),
    ],
)
async def test_why_there_is_no_reply(failure: Exception, seconds: float, told: str) -> None:
    def fail(request: httpx2.Request) -> httpx2.Response:
        del request
        raise failure

    client = HttpClient(
        seconds=seconds, bundle_setting="--ca-bundle", transport=httpx2.MockTransport(fail)
    )
    with pytest.raises(NoReplyError) as caught:
        await client.exchange("GET", "https://ca.test/")
    await client.close()
    assert told in caught.value.message
