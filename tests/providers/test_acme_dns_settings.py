"""The acme-dns provider's settings: what is refused, what is shown, which networks are read."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.providers.harness import check_message
from zoneproof.core.errors import InvalidInputError
from zoneproof.providers import ProviderContext, describe, open_provider, shown_field
from zoneproof.providers.acme_dns import parse_allowfrom

KEY = "licence-key-0123456789"


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"server": ""}, "server"),
        ({"server": f"auth.example.org/{KEY}"}, "https"),
        ({"server": f"ftp://{KEY}@auth.example.org"}, "https"),
        ({"server": f"https://me:{KEY}@"}, "host"),
        ({"server": f"https://me:{KEY}@a b"}, "spaces"),
        ({"server": f"https://me:{KEY}@host:port"}, "URL"),
        ({"server": f"https://me:{KEY}@host:0"}, "0 is not a valid port"),
        ({"server": f"https://me:{KEY}/x@host"}, "URL"),
        ({"server": f"https://me:1{KEY}/x@host"}, "URL"),
        ({"server": f"https://host/?key={KEY}"}, "[?]"),
        ({"server": f"https://host/#{KEY}"}, "#"),
        ({"server": f"https://host//k/{KEY}"}, "path"),
        ({"server": f"https://[::{KEY}]/"}, "URL"),
        ({"server": f"https://me:{KEY}@ho_st_-.example"}, "host"),
        ({"allowfrom": "192.0.2.0/33"}, "192.0.2.0/33"),
        ({"allowfrom": "everywhere"}, "everywhere"),
        ({"allowfrom": "fe80::1%eth0"}, "allowfrom"),
        ({"ca_bundle": "/no/such/file"}, "CA bundle"),
        ({"ca_bundle": __file__}, "PEM"),
        ({"url": "https://host"}, "'url'"),
    ],
)
def test_settings_that_cannot_be_used_are_refused_without_showing_the_key(
    changed: dict[str, str], word: str
) -> None:
    fields = {"server": f"https://me:{KEY}@host"} | changed
    with pytest.raises(InvalidInputError, match=word) as caught:
        open_provider("acme-dns", ProviderContext(fields))
    check_message(caught.value, [KEY])


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"https://me:{KEY}@host/x", "https://host/x"),
        (f"https://{KEY}@host", "https://host"),
        (f"https://host/k/{KEY}/", "https://host/k/***/"),
        (f"https://me:{KEY}/odd@host", "https://host"),
        (f"//me:{KEY}@host", "//host"),
    ],
)
def test_the_server_is_shown_without_its_key(url: str, shown: str) -> None:
    server = next(field for field in describe("acme-dns").fields if field.name == "server")
    assert shown_field(server, url) == shown


networks = st.one_of(
    st.ip_addresses().map(str),
    st.builds(
        lambda address, length: f"{address}/{length}", st.ip_addresses(v=4), st.integers(0, 32)
    ),
)


@given(st.lists(networks), st.sampled_from([",", ";", " ; ", " ", ",,", "\n"]))
def test_every_list_of_networks_is_read(entries: list[str], separator: str) -> None:
    parsed = parse_allowfrom(separator.join(entries))
    assert parsed == [str(ipaddress.ip_network(entry, strict=False)) for entry in entries]
    assert all("/" in network for network in parsed)


@given(st.text())
def test_any_other_allowfrom_is_refused_by_name(text: str) -> None:
    try:
        parsed = parse_allowfrom(text)
    except InvalidInputError as error:
        check_message(error, [])
    else:
        assert parse_allowfrom(",".join(parsed)) == parsed
