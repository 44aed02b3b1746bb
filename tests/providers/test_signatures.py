"""Signatures against vectors that their inventors published."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from zoneproof.core.errors import InvalidInputError
from zoneproof.providers.api_request import ApiRequest
from zoneproof.providers.signatures import hmac_sha1, one_time_code, sign_aws4


@pytest.mark.parametrize(
    ("method", "path", "signature"),
    [
        # aws-sig-v4-test-suite: get-vanilla, post-vanilla, get-vanilla-query-order-key-case
        ("GET", "/", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("POST", "/", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        (
            "GET",
            "/?Param2=value2&Param1=value1",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
    ],
)
def test_aws_signature_version_4(method: str, path: str, signature: str) -> None:
    signed = sign_aws4(
        ApiRequest(method, f"https://example.amazonaws.com{path}", {}),
        access_key_id="AKIDEXAMPLE",
        secret_access_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        region="us-east-1",
        service="service",
        now=datetime(2015, 8, 30, 12, 36, tzinfo=UTC),
    )
    assert signed.headers["X-Amz-Date"] == "20150830T123600Z"
    assert signed.headers["Authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request,"
        f" SignedHeaders=host;x-amz-date, Signature={signature}"
    )


def test_hmac_with_sha_1() -> None:
    # the example of DNS Made Easy's API documentation
    signature = hmac_sha1("c9b5625f-9834-4ff8-baba-4ed5f32cae55", "Sat, 12 Feb 2011 20:59:04 GMT")
    assert signature.hex() == "b3502e6116a324f3cf4a8ed693d78bcee8d8fe3c"


@pytest.mark.parametrize(
    ("seconds", "code"),
    # RFC 6238 appendix B (SHA1), the last six of its eight digits
    [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")],
)
def test_one_time_codes(seconds: int, code: str) -> None:
    now = datetime.fromtimestamp(seconds, UTC)
    assert one_time_code("GEZDGNBVGY3TQOJQ GEZDGNBVGY3TQOJQ", now) == code
    assert one_time_code("gezdgnbvgy3tqojqgezdgnbvgy3tqojq====", now) == code


def test_a_secret_that_is_not_base32_is_refused_without_being_shown() -> None:
    with pytest.raises(InvalidInputError) as caught:
        one_time_code("se1cret!", datetime.now(UTC))
    assert "se1cret" not in caught.value.message
