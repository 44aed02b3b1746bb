"""How to wait for the DNS: ask the authoritative servers, wait a fixed time, or both."""

from __future__ import annotations

from dataclasses import dataclass

from zoneproof.errors import InvalidInputError

_MAX_SECONDS = 86_400
_ASK = "authoritative"


@dataclass(frozen=True)
class PropagationPolicy:
    """Whether the authoritative servers are asked, and the fixed ``wait`` in seconds after that."""

    ask: bool = True
    wait: float = 0.0

    def __str__(self) -> str:
        if not self.ask:
            return f"{self.wait:g}"
        return f"{_ASK}+{self.wait:g}" if self.wait else _ASK


def parse_policy(value: str | int) -> PropagationPolicy:
    """Read ``authoritative``, a number of seconds, or ``authoritative+30``.

    ``0`` neither asks nor waits. Raises InvalidInputError.
    """
    text = str(value).strip().lower()
    if text == _ASK:
        return PropagationPolicy()
    ask = text.startswith(_ASK)
    seconds = text.removeprefix(_ASK).lstrip()
    number = seconds.removeprefix("+").strip() if ask else seconds
    valid = number.isascii() and number.isdigit() and len(number) <= len(str(_MAX_SECONDS))
    if not valid or int(number) > _MAX_SECONDS or (ask and not seconds.startswith("+")):
        raise InvalidInputError(
            f"'{text[:40]}' is no propagation setting: give 'authoritative', a number of seconds"
            f" up to {_MAX_SECONDS}, or both as 'authoritative+30'"
        )
    return PropagationPolicy(ask, float(number))
