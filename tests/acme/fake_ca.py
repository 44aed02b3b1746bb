"""A CA that can be told to misbehave, and a clock that takes no time."""

from __future__ import annotations

import base64
import collections
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import httpx2
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tests.support.answering import answered_by
from zoneproof.acme import AccountKey, AcmeClient

BASE = "https://ca.test"
Misdeed: TypeAlias = (
    httpx2.Response | Exception | Callable[[httpx2.Request], httpx2.Response | Awaitable[Any]]
)


class Clock:
    """Time that only passes while somebody sleeps."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 8, 1, 12, tzinfo=UTC)
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.moment

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.moment += timedelta(seconds=seconds)


def problem(kind: str, status: int, detail: str = "no", **more: Any) -> httpx2.Response:
    """A problem document (RFC 7807); ``more`` are members, and ``headers``."""
    headers = {"Content-Type": "application/problem+json", **more.pop("headers", {})}
    document = {"type": f"urn:ietf:params:acme:error:{kind}", "detail": detail, **more}
    return httpx2.Response(status, headers=headers, content=json.dumps(document).encode())


class FakeCa:
    """A CA for one order, as RFC 8555 section 7 has it, whose challenges are valid at once.

    It checks signatures (ES256), nonces and URLs of requests. ``misdeeds`` are what it does
    instead, by path, one for each request; ``lose_reply`` lets it do its work and then drops the
    connection. ``orders_of`` are the statuses that the order shows when it is looked at.
    """

    def __init__(self, base: str = BASE) -> None:
        self.base = base
        self.clock = Clock()
        self.requests: list[tuple[str, str]] = []
        self.payloads: dict[str, Any] = {}
        self.hosts: set[str] = set()
        self.misdeeds: dict[str, list[Misdeed]] = collections.defaultdict(list)
        self.lose_reply: set[str] = set()
        self.statuses: list[str] = []
        self.order_headers: dict[str, str] = {}
        self.meta: dict[str, Any] = {}
        self.directory: dict[str, Any] = {
            "newNonce": f"{base}/nonce",
            "newAccount": f"{base}/new-account",
            "newOrder": f"{base}/new-order",
            "revokeCert": f"{base}/revoke",
            "keyChange": f"{base}/key-change",
            "renewalInfo": f"{base}/ari/",
            "meta": self.meta,
        }
        self.order: dict[str, Any] = {"status": "none"}
        self.challenges: dict[int, dict[str, Any]] = {}
        self.certificates_issued = 0
        self._nonces: set[str] = set()
        self._nonce_count = 0
        self.account_jwk: dict[str, str] | None = None
        self._ca_key = ec.generate_private_key(ec.SECP256R1())
        self.pem = b""

    @property
    def directory_url(self) -> str:
        return f"{self.base}/dir"

    def client(self, **options: Any) -> AcmeClient:
        """A client of this CA, without an account."""
        return AcmeClient(
            self.directory_url,
            options.pop("key", None) or AccountKey.generate(),
            connect=answered_by(self.handle),
            now=self.clock.now,
            sleep=self.clock.sleep,
            **options,
        )

    def count(self, path: str) -> int:
        return sum(1 for _, requested in self.requests if requested == path)

    async def handle(self, request: httpx2.Request) -> httpx2.Response:
        reply = await self._answer(request)
        return httpx2.Response(
            reply.status_code, headers=reply.headers, stream=httpx2.ByteStream(reply.content)
        )

    async def _answer(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        self.requests.append((request.method, path))
        self.hosts.add(request.url.host)
        if self.misdeeds[path]:
            misdeed = self.misdeeds[path].pop(0)
            if isinstance(misdeed, Exception):
                raise misdeed
            if isinstance(misdeed, httpx2.Response):
                return misdeed
            answer = misdeed(request)
            return answer if isinstance(answer, httpx2.Response) else await answer
        reply = self._reply(request, path)
        if path in self.lose_reply:
            self.lose_reply.remove(path)
            raise httpx2.ReadError("connection reset by peer")
        return reply

    def _reply(self, request: httpx2.Request, path: str) -> httpx2.Response:
        if path == "/dir":
            return self._json(200, self.directory)
        if path == "/nonce":
            return httpx2.Response(200, headers=self._nonce())
        if request.method != "POST":
            return problem("malformed", 405)
        assert request.headers["Content-Type"] == "application/jose+json"
        assert request.headers["User-Agent"].startswith("zoneproof/")
        payload, refusal = self._verified(request)
        if refusal:
            return refusal
        self.payloads[path] = payload
        handler = getattr(self, "_" + path.strip("/").partition("/")[0].replace("-", "_"))
        reply: httpx2.Response = handler(payload, path)
        reply.headers.update(self._nonce())
        return reply

    def _verified(self, request: httpx2.Request) -> tuple[Any, httpx2.Response | None]:
        body = json.loads(request.content)
        assert set(body) == {"protected", "payload", "signature"}
        header = json.loads(decoded(body["protected"]))
        assert header["url"] == str(request.url)
        assert ("kid" in header) != ("jwk" in header)
        if header["nonce"] not in self._nonces:
            return None, self._with_nonce(problem("badNonce", 400))
        self._nonces.remove(header["nonce"])
        jwk = header.get("jwk") or self.account_jwk
        if "kid" in header:
            assert header["kid"] == f"{self.base}/acct/1"
        assert jwk is not None
        if not verify_es256(jwk, f"{body['protected']}.{body['payload']}", body["signature"]):
            return None, self._with_nonce(problem("unauthorized", 403, "bad signature"))
        text = decoded(body["payload"])
        return (json.loads(text) if text else None), None

    def _with_nonce(self, reply: httpx2.Response) -> httpx2.Response:
        reply.headers.update(self._nonce())
        return reply

    def _nonce(self) -> dict[str, str]:
        self._nonce_count += 1
        nonce = f"nonce-{self._nonce_count}"
        self._nonces.add(nonce)
        return {"Replay-Nonce": nonce}

    def forget_nonces(self) -> None:
        self._nonces.clear()

    def _json(
        self, status: int, value: Any, headers: dict[str, str] | None = None
    ) -> httpx2.Response:
        return httpx2.Response(
            status,
            headers={"Content-Type": "application/json", **(headers or {})},
            content=json.dumps(value).encode(),
        )

    def _new_account(self, payload: Any, path: str) -> httpx2.Response:
        status = 200 if self.account_jwk else 201
        if payload.get("onlyReturnExisting") and self.account_jwk is None:
            return problem("accountDoesNotExist", 400)
        return self._json(
            status,
            {"status": "valid", "contact": payload.get("contact")},
            {"Location": f"{self.base}/acct/1"},
        )

    def _acct(self, payload: Any, path: str) -> httpx2.Response:
        return self._json(200, {"status": "valid", **(payload or {})})

    def _key_change(self, payload: Any, path: str) -> httpx2.Response:
        self.account_jwk = json.loads(decoded(payload["protected"]))["jwk"]
        return httpx2.Response(200)

    def _new_order(self, payload: Any, path: str) -> httpx2.Response:
        names = payload["identifiers"]
        self.order = {
            "status": "pending",
            "identifiers": names,
            "authorizations": [f"{self.base}/authz/{i}" for i in range(len(names))],
            "finalize": f"{self.base}/finalize",
        }
        self.challenges = {
            i: {
                "type": "dns-01",
                "url": f"{self.base}/chall/{i}",
                "status": "pending",
                "token": f"token-{i}",
            }
            for i in range(len(names))
        }
        return self._json(201, self.order, {"Location": f"{self.base}/order"})

    def _authz(self, payload: Any, path: str) -> httpx2.Response:
        number = int(path.rpartition("/")[2])
        name = self.order["identifiers"][number]
        challenge = self.challenges[number]
        return self._json(
            200,
            {
                "identifier": {**name, "value": name["value"].removeprefix("*.")},
                "wildcard": name["value"].startswith("*."),
                "status": (payload or challenge)["status"],
                "expires": "2026-08-02T00:00:00Z",
                "challenges": [challenge],
            },
        )

    def _chall(self, payload: Any, path: str) -> httpx2.Response:
        challenge = self.challenges[int(path.rpartition("/")[2])]
        if payload is not None:
            if challenge["status"] != "pending":
                return problem("malformed", 400, "it is not pending")
            challenge["status"] = "valid"
        return self._json(200, challenge)

    def _order(self, payload: Any, path: str) -> httpx2.Response:
        if self.order["status"] == "pending" and all(
            challenge["status"] == "valid" for challenge in self.challenges.values()
        ):
            self.order["status"] = "ready"
        shown = {**self.order}
        if self.statuses:
            shown["status"] = self.statuses.pop(0)
        return self._json(200, shown, self.order_headers)

    def _finalize(self, payload: Any, path: str) -> httpx2.Response:
        if self.order["status"] != "ready":
            return problem("orderNotReady", 403)
        request = x509.load_der_x509_csr(decoded(payload["csr"]))
        self.pem = self._issue(request)
        self.certificates_issued += 1
        self.order |= {"status": "valid", "certificate": f"{self.base}/cert"}
        return self._json(200, {**self.order, "status": "processing"})

    def _cert(self, payload: Any, path: str) -> httpx2.Response:
        return httpx2.Response(
            200, headers={"Content-Type": "application/pem-certificate-chain"}, content=self.pem
        )

    def _revoke(self, payload: Any, path: str) -> httpx2.Response:
        return httpx2.Response(200)

    def _issue(self, request: x509.CertificateSigningRequest) -> bytes:
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Fake CA")])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(ca_name)
            .public_key(request.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.clock.now())
            .not_valid_after(self.clock.now() + timedelta(days=90))
            .add_extension(names.value, critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._ca_key.public_key()),
                critical=False,
            )
            .sign(self._ca_key, hashes.SHA256())
        )
        return certificate.public_bytes(Encoding.PEM)

    def take_account(self, client: AcmeClient) -> None:
        """Let the client's key have account 1, without any request."""
        self.account_jwk = client.key.jwk
        client.use_account(f"{self.base}/acct/1")


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def verify_es256(jwk: dict[str, str], signed: str, signature: str) -> bool:
    """RFC 7515 appendix A.3, without the code under test."""
    public = ec.EllipticCurvePublicNumbers(
        int.from_bytes(decoded(jwk["x"])), int.from_bytes(decoded(jwk["y"])), ec.SECP256R1()
    ).public_key()
    raw = decoded(signature)
    der = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    try:
        public.verify(der, signed.encode(), ec.ECDSA(hashes.SHA256()))
    except Exception:  # noqa: BLE001  a wrong signature in whatever way
        return False
    return True
