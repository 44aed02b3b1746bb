"""CAs are found by short name or URL."""

from __future__ import annotations

import pytest

from zoneproof.acme import KNOWN, directory_url, find_ca
from zoneproof.core.errors import InvalidInputError


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("letsencrypt", "https://acme-v02.api.letsencrypt.org/directory"),
        ("LetsEncrypt-Staging ", "https://acme-staging-v02.api.letsencrypt.org/directory"),
        ("zerossl", "https://acme.zerossl.com/v2/DV90"),
        ("google", "https://dv.acme-v02.api.pki.goog/directory"),
        ("google-staging", "https://dv.acme-v02.test-api.pki.goog/directory"),
        ("sslcom", "https://acme.ssl.com/sslcom-dv-ecc"),
        ("sslcom-rsa", "https://acme.ssl.com/sslcom-dv-rsa"),
        ("https://ca.example.com/acme", "https://ca.example.com/acme"),
    ],
)
def test_ca_is_found(text: str, url: str) -> None:
    assert directory_url(text) == url


def test_known_ca_is_recognised_by_its_url() -> None:
    assert find_ca("https://acme.zerossl.com/v2/DV90") is KNOWN["zerossl"]


@pytest.mark.parametrize("name", ["buypass", "BuyPass-staging"])
def test_closed_ca_is_told_to_be_closed(name: str) -> None:
    with pytest.raises(InvalidInputError, match="Buypass has closed"):
        find_ca(name)


@pytest.mark.parametrize("name", ["", "letsencypt", "ca.example.com"])
def test_unknown_ca_is_refused_with_the_known(name: str) -> None:
    with pytest.raises(InvalidInputError, match="use letsencrypt, letsencrypt-staging, zerossl"):
        find_ca(name)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://b\u00fccher.example/dir", "xn--bcher-kva.example"),
        ("https://\u4f8b\u3048.jp:8443/dir", "xn--r8jz45g.jp"),
    ],
)
def test_a_host_name_in_other_letters_is_told_in_ascii(url: str, host: str) -> None:
    with pytest.raises(InvalidInputError, match=f"in ASCII, with {host} as its host name"):
        directory_url(url)
