"""TXT values as the DNS carries them: character strings of at most 255 bytes (RFC 1035 3.3.14)."""

from __future__ import annotations

from zoneproof.errors import InvalidInputError

_STRING = 255
_LONGEST = 4096


def split_txt(value: str) -> tuple[bytes, ...]:
    """Return the value's UTF-8 bytes as character strings, at least one, each as long as it can be.

    The same value is always split in the same way, because removing an exact record compares the
    strings. Raises InvalidInputError above 4,096 bytes, which no challenge value comes near.
    """
    data = value.encode()
    if len(data) > _LONGEST:
        raise InvalidInputError(
            f"a TXT value of {len(data)} bytes is too long: at most {_LONGEST} are allowed"
        )
    return tuple(data[i : i + _STRING] for i in range(0, len(data), _STRING)) or (b"",)
