"""Oracle Cloud's provider against the fake of its API."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import NameOID

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.oracle import FakeOracle
from tests.providers.harness import challenge_value, txt
from tests.support.fake_api import Key
from tests.support.rsa_keys import number_of, private_pem, public_pem
from zoneproof.core.errors import InvalidInputError, ProviderCredentialsError
from zoneproof.providers import ProviderContext, open_provider
from zoneproof.providers.api_request import ApiRequest
from zoneproof.providers.oracle import sign_oci
from zoneproof.providers.rsa_key import RsaKey


class TestOracle(ApiContract):
    slug = "oracle"
    fake = FakeOracle
    fields = {
        "region": "eu-frankfurt-1",
        "compartment": "ocid1.compartment",
        "tenancy": "ocid1.tenancy",
        "user": "ocid1.user",
        "fingerprint": "20:3b:97",
        "private_key": private_pem(0),
    }

    def urls(self, server: str) -> dict[str, str]:
        api = f"{server}/20180115"
        return {"api_url": api, "login_url": server, "metadata_url": server}

    def key(self, fields: Mapping[str, str]) -> str:
        return public_pem(number_of(fields["private_key"]))

    def other(self, name: str, text: str) -> str:
        return private_pem(1) if name == "private_key" else text

    def wrong(self, fields: Mapping[str, str]) -> dict[str, str]:
        return {**fields, "private_key": private_pem(2)}

    async def test_a_batch_is_one_change(self, harness: ApiHarness) -> None:
        provider = harness.open()
        await provider.add(harness.zone, [txt(f"n{i}", challenge_value()) for i in range(20)])
        assert [one.method for one in harness.server.requests].count("PATCH") == 1

    async def test_a_change_has_500_operations_at_most(self, harness: ApiHarness) -> None:
        batch = [txt(f"n{i}", challenge_value()) for i in range(501)]
        await harness.open().add(harness.zone, batch)
        assert [one.method for one in harness.server.requests].count("PATCH") == 2
        assert len(harness.stored.records) == len(batch)

    async def test_an_instance_signs_with_a_token(self, harness: ApiHarness) -> None:
        assert isinstance(harness.api, FakeOracle)
        with pytest.raises(ProviderCredentialsError, match="has no identity"):
            await harness.open(identity="instance").zones()
        cert = certificate(3)
        keys = {"cert.pem": cert, "key.pem": private_pem(3), "intermediate.pem": cert}
        harness.api.identity = keys
        harness.api.keys["instance"] = Key()
        value = challenge_value()
        await harness.open(identity="instance").add(harness.zone, [txt("a", value)])
        assert await harness.values(harness.zone, "a") == [value]

    async def test_what_is_no_certificate_is_refused(self, harness: ApiHarness) -> None:
        assert isinstance(harness.api, FakeOracle)
        harness.api.identity = dict.fromkeys(("cert.pem", "key.pem", "intermediate.pem"), "junk")
        harness.api.identity["key.pem"] = private_pem(3)
        with pytest.raises(ProviderCredentialsError, match="certificate cannot be read"):
            await harness.open(identity="instance").zones()

    def test_half_a_key_is_refused(self) -> None:
        context = ProviderContext({**self.fields, "fingerprint": ""})
        with pytest.raises(InvalidInputError, match="fingerprint"):
            open_provider("oracle", context)


def certificate(number: int) -> str:
    """Return a certificate of an instance for a key."""
    key = load_pem_private_key(private_pem(number).encode(), None)
    unit = x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "opc-tenant:ocid1.tenancy")
    name, now = x509.Name([unit]), datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(1))  # type: ignore[arg-type]
    return builder.sign(key, SHA256()).public_bytes(Encoding.PEM).decode()  # type: ignore[arg-type]


ORACLE_S_KEY = """-----BEGIN RSA PRIVATE KEY-----
MIICXgIBAAKBgQDCFENGw33yGihy92pDjZQhl0C36rPJj+CvfSC8+q28hxA161QF
NUd13wuCTUcq0Qd2qsBe/2hFyc2DCJJg0h1L78+6Z4UMR7EOcpfdUE9Hf3m/hs+F
UR45uBJeDK1HSFHD8bHKD6kv8FPGfJTotc+2xjJwoYi+1hqp1fIekaxsyQIDAQAB
AoGBAJR8ZkCUvx5kzv+utdl7T5MnordT1TvoXXJGXK7ZZ+UuvMNUCdN2QPc4sBiA
QWvLw1cSKt5DsKZ8UETpYPy8pPYnnDEz2dDYiaew9+xEpubyeW2oH4Zx71wqBtOK
kqwrXa/pzdpiucRRjk6vE6YY7EBBs/g7uanVpGibOVAEsqH1AkEA7DkjVH28WDUg
f1nqvfn2Kj6CT7nIcE3jGJsZZ7zlZmBmHFDONMLUrXR/Zm3pR5m0tCmBqa5RK95u
412jt1dPIwJBANJT3v8pnkth48bQo/fKel6uEYyboRtA5/uHuHkZ6FQF7OUkGogc
mSJluOdc5t6hI1VsLn0QZEjQZMEOWr+wKSMCQQCC4kXJEsHAve77oP6HtG/IiEn7
kpyUXRNvFsDE0czpJJBvL/aRFUJxuRK91jhjC68sA7NsKMGg5OXb5I5Jj36xAkEA
gIT7aFOYBFwGgQAQkWNKLvySgKbAZRTeLBacpHMuQdl1DfdntvAyqpAZ0lY0RKmW
G6aFKaqQfOXKCyWoUiVknQJAXrlgySFci/2ueKlIE1QqIiLSZ8V8OlpFLRnb1pzI
7U1yQXnTAEFYM560yJlzUpOb1V4cScGd365tiSMvxLOvTA==
-----END RSA PRIVATE KEY-----
"""


def test_the_signature_is_that_of_the_reference() -> None:
    """The worked example of Oracle's request signing, with the key published for it."""
    url = (
        "https://iaas.us-phoenix-1.oraclecloud.com/20160918/instances?availabilityDomain="
        "Pjwf%3A%20PHX-AD-1&compartmentId=ocid1.compartment.oc1..aaaaaaaam3we6vgnherjq5q2idnccdf"
        "lvjsnog7mlr6rtdb25gilchfeyjxa&displayName=TeamXInstances&volumeId=ocid1.volume.oc1.phx."
        "abyhqljrgvttnlx73nmrwfaux7kcvzfs3s66izvxf2h4lgvyndsdsnoiwr5q"
    )
    key, date = RsaKey(ORACLE_S_KEY, "key"), "Thu, 05 Jan 2014 21:31:40 GMT"
    signed = sign_oci(ApiRequest("GET", url, {}), "id", key, date)
    assert signed.headers["Authorization"] == (
        'Signature version="1",headers="date (request-target) host",keyId="id",'
        'algorithm="rsa-sha256",signature="GBas7grhyrhSKHP6AVIj/h5/Vp8bd/peM79H9Wv8kjoaCivujVXl'
        "pbKLjMPeDUhxkFIWtTtLBj3sUzaFj34XE6YZAHc9r2DmE4pMwOAy/kiITcZxa1oHPOeRheC0jP2dqbTll8fmTZV"
        'wKZOKHYPtrLJIJQHJjNvxFWeHQjMaR7M="'
    )
