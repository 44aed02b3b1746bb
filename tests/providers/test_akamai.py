"""Akamai's provider against the fake of its API."""

from __future__ import annotations

import pytest

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.akamai import FakeAkamai
from tests.providers.harness import challenge_value, txt
from zoneproof.core.errors import InvalidInputError
from zoneproof.providers import ProviderContext, open_provider
from zoneproof.providers.akamai import sign_edgegrid
from zoneproof.providers.api_request import ApiRequest

HOST = "akaa-baseurl-xxxxxxxxxxx-xxxxxxxxxxxxx.luna.akamaiapis.net"
VECTORS = [  # testcases.json of AkamaiOPEN-edgegrid-python, May 2026
    ("GET", "/", b"", "tL+y4hxyHxgWVD30X3pWnGKHcPzmrIF+LThiAOhMxYU="),
    ("GET", "/testapi/v1/t1?p1=1&p2=2", b"", "hKDH1UlnQySSHjvIcZpDMbQHihTQ0XyVAKZaApabdeA="),
    ("POST", "/testapi/v1/t3", b"data" * 8, "hXm4iCxtpN22m4cbZb4lVLW5rhX8Ca82vCFqXzSTPe4="),
    ("POST", "/testapi/v1/t6", b"", "1gEDxeQGD5GovIkJJGcBaKnZ+VaPtrc4qBUHixjsPCQ="),
]


class TestAkamai(ApiContract):
    slug = "akamai"
    fake = FakeAkamai
    root = "/config-dns/v2"
    fields = {
        "host": HOST,
        "client_token": "akab-client-token",
        "client_secret": "c2VjcmV0LW9mLXRoZS1jbGllbnQ=",
        "access_token": "akab-access-token",
    }

    async def test_an_edgerc_has_it_all(self, harness: ApiHarness) -> None:
        lines = [f"{name} = {text}" for name, text in self.fields.items()]
        edgerc = "\n".join(["[default]", "host = x", "[dns]", *lines, "max_body = 131072"])
        fields = {**dict.fromkeys(self.fields, ""), "edgerc": edgerc, "section": "dns"}
        provider = harness.remember(harness.make(changed=fields))
        assert len(await provider.zones()) == 2

    async def test_another_account_is_asked_for(self, harness: ApiHarness) -> None:
        await harness.open(account_key="1-ABC:1-2RBL").zones()
        assert "accountSwitchKey=1-ABC%3A1-2RBL" in harness.server.requests[-1].path

    async def test_a_zone_takes_one_change_after_the_other(self, harness: ApiHarness) -> None:
        records = [txt(f"a{number}", challenge_value()) for number in range(12)]
        await harness.open().add(harness.zone, records)
        assert len(harness.server._connections) == 1
        assert [await harness.values(harness.zone, one.name) for one in records] == [
            [one.value] for one in records
        ]

    async def test_a_zone_that_others_change_is_asked_again(self, harness: ApiHarness) -> None:
        busy = [harness.api.refuse("busy")] * 3
        harness.api.after_read.append(lambda: harness.server.faults.extend(busy))
        await harness.open().add(harness.zone, [txt("a", challenge_value())])
        methods = [request.method for request in harness.server.requests]
        assert methods == ["GET", *["POST"] * 4, "GET"]

    @pytest.mark.parametrize("edgerc", ["hunter2", "[other]\nhost = hunter2", "[default]\n"])
    def test_other_files_are_refused(self, edgerc: str) -> None:
        context = ProviderContext({"edgerc": edgerc})
        with pytest.raises(InvalidInputError, match="edgerc") as caught:
            open_provider("akamai", context)
        assert "hunter2" not in caught.value.message


@pytest.mark.parametrize(("method", "path", "body", "signature"), VECTORS)
def test_the_signature_is_akamai_s(method: str, path: str, body: bytes, signature: str) -> None:
    keys = {
        "client_token": "akab-client-token-xxx-xxxxxxxxxxxxxxxx",
        "client_secret": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx=",
        "access_token": "akab-access-token-xxx-xxxxxxxxxxxxxxxx",
    }
    request = ApiRequest(method, f"https://{HOST}{path}", {}, body)
    nonce = "nonce-xx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"
    signed = sign_edgegrid(request, keys, "20140321T19:34:21+0000", nonce)
    assert signed.headers["Authorization"].endswith(f"signature={signature}")
