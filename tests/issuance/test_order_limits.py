"""What no order can hold: names beyond number, twice or covered, and the profiles' limits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.identifiers import identifiers
from zoneproof.acme import directory_url
from zoneproof.core.errors import InvalidInputError
from zoneproof.issuance import check_identifiers


@pytest.mark.parametrize(
    ("profile", "number", "accepted"),
    [
        ("", 100, True),
        ("classic", 101, False),
        ("tlsserver", 25, True),
        ("tlsserver", 26, False),
        ("shortlived", 26, False),
        ("a-newer-one", 100, True),
    ],
)
@pytest.mark.parametrize("ca", ["letsencrypt", "letsencrypt-staging"])
def test_lets_encrypts_profiles_have_limits_of_their_own(
    ca: str, profile: str, number: int, accepted: bool
) -> None:
    names = identifiers(*(f"h{one}.example.com" for one in range(number)))
    url = directory_url(ca)
    if accepted:
        assert len(check_identifiers(names, directory_url=url, profile=profile)) == number
    else:
        with pytest.raises(InvalidInputError, match=f"{number} names are too many"):
            check_identifiers(names, directory_url=url, profile=profile)


def test_other_cas_profiles_are_not_guessed_at() -> None:
    names = identifiers(*(f"h{one}.example.com" for one in range(100)))
    check_identifiers(names, directory_url="https://ca.example/dir", profile="tlsserver")


@pytest.mark.parametrize("url", ["", "https://one.digicert.com/mpki/api/v1/acme/v2/directory"])
def test_cas_that_take_more_than_a_hundred_names_get_them(url: str) -> None:
    """DigiCert 250 and Sectigo 1,000 (tbs-certificates.co.uk/FAQ: SANs management with each)."""
    names = identifiers(*(f"h{one}.example.com" for one in range(250)))
    assert len(check_identifiers(names, directory_url=url)) == 250
    for ca in ("google", "zerossl"):
        with pytest.raises(InvalidInputError, match="this CA accepts at most 100"):
            check_identifiers(names, directory_url=directory_url(ca))


def test_lets_encrypt_takes_ip_addresses_with_one_profile_only() -> None:
    url, names = directory_url("letsencrypt"), identifiers("192.0.2.1")
    check_identifiers(names, directory_url=url, profile="shortlived")
    with pytest.raises(InvalidInputError, match="use the profile shortlived"):
        check_identifiers(names, directory_url=url)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "at least one"),
        ([f"h{number}.example.com" for number in range(1001)], "1001 names are too many"),
        (["example.com", "EXAMPLE.com."], "listed twice"),
        (["*.example.com", "www.example.com"], r"covered by \*\.example\.com"),
    ],
)
def test_what_no_order_can_hold_is_refused(names: list[str], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        check_identifiers(identifiers(*names))


@given(
    st.lists(
        st.tuples(
            st.booleans(), st.sampled_from(["example.com", "a.example.com", "b.a.example.com"])
        ),
        unique=True,
        min_size=1,
    )
)
def test_what_is_accepted_holds_no_name_that_a_wildcard_covers(
    parts: list[tuple[bool, str]],
) -> None:
    chosen = identifiers(*(f"*.{name}" if wildcard else name for wildcard, name in parts))
    try:
        check_identifiers(chosen)
        accepted = True
    except InvalidInputError:
        accepted = False
    plain = {one.domain for one in chosen if not one.is_wildcard}
    covered = any(
        one.domain in {name.parent for name in plain} for one in chosen if one.is_wildcard
    )
    assert accepted == (not covered)
