"""The methods of a certificate as a form shows them: a list in which each part is a text.

What a form cannot express of a method, such as a provider with fields and without a credential,
goes with it as it is, and stays unless another way to validate is chosen.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec.structs import replace

from zoneproof.challenges import dns01, dns_account01, dns_persist01, http01
from zoneproof.core.errors import InvalidInputError
from zoneproof.core.names import Identifier
from zoneproof.core.text import printable
from zoneproof.issuance import MatchRule, check_rules, match_identifier
from zoneproof.manager import MethodDefinition, field_text
from zoneproof.pages.forms import Form

WEBROOT, STANDALONE, MANUAL, PERSIST = "webroot", "standalone", "manual", "persist"
KEPT = "as it is"
BY_HAND_WAYS = {
    MANUAL: "By hand",
    PERSIST: "By a TXT record that stays, which you create",
}
HTTP_WAYS = {
    WEBROOT: "Over HTTP, by a web server's folder",
    STANDALONE: "Over HTTP, by Zoneproof itself",
}
_STORED = "credential:"
_NEW = MethodDefinition()
_OF_DNS = ("provider", "credential", "fields", "zone", "delegation", "follow_cname", "ttl")
_OF_HTTP = (WEBROOT, "listen")
_KEPT = {
    dns_persist01.TYPE: "A TXT record that stays, by",
    dns_account01.TYPE: "At the CA account's own name, by",
}


@dataclass(frozen=True)
class MethodForm:
    """A method in a form: the one that it ``was``, and what its fields say by now."""

    was: MethodDefinition
    texts: Mapping[str, str]

    @classmethod
    def of(cls, method: MethodDefinition = _NEW) -> MethodForm:
        """Return a method as it is shown first."""
        return cls(method, _shown(method))

    @classmethod
    def first(cls, form: Form, way: str) -> MethodForm:
        """Return the method of a form that has only one, and that validates in the way."""
        texts = {name: form.text(name) for name in (WEBROOT, "delegation", "zone", "propagation")}
        return cls(_NEW, {**_shown(_NEW), **texts, "way": way})

    @classmethod
    def read(cls, form: Form, number: str, *, is_new: bool = False) -> MethodForm:
        """Return the method that a form has under a number; a new one was nothing before.

        Raises InvalidInputError.
        """
        given = form.below(f"method.{number}.")
        was = _NEW
        if given.get("was") and not is_new:
            try:
                was = msgspec.json.decode(given["was"], type=MethodDefinition)
            except msgspec.MsgspecError as error:
                raise InvalidInputError("the form cannot be read: open the page again") from error
        return cls(was, {name: given.get(name, "").strip() for name in _shown(was)})

    @property
    def kept(self) -> str:
        """What the method was, for the form to send back; printable ASCII."""
        return "" if self.was == _NEW else json.dumps(msgspec.to_builtins(self.was))

    @property
    def is_open(self) -> bool:
        """Whether anything is said that hardly anybody changes."""
        usual = _shown(_NEW)
        return any(self.texts[name] != usual[name] for name in _RARE)

    def ways(self, credentials: Mapping[str, str], *, by_http: bool = True) -> dict[str, str]:
        """Return what to choose from: how it can validate, in words."""
        found = {} if self.texts["way"] else {"": "choose one"}
        if _way(self.was) == KEPT:
            found[KEPT] = _in_words(self.was)
        named = {by_credential(name): f"Credential {text}" for name, text in credentials.items()}
        found |= named | BY_HAND_WAYS | (HTTP_WAYS if by_http else {})
        chosen = self.texts["way"]
        if chosen.startswith(_STORED) and chosen not in found:
            found[chosen] = f"Credential {chosen.removeprefix(_STORED)}, which is not stored"
        return found

    def method(self) -> MethodDefinition:
        """Return the method that the form describes. Raises InvalidInputError."""
        before = _shown(self.was)
        changed = {name: text for name, text in self.texts.items() if text != before[name]}
        values = _by(self.texts["way"]) if "way" in changed or not self.texts["way"] else {}
        values |= {name: _READ[name](text) for name, text in changed.items() if name != "way"}
        method = replace(self.was, **values)
        if method.challenge != http01.TYPE:
            return _without(method, _OF_HTTP)
        if self.texts["way"] == WEBROOT and not method.webroot:
            raise InvalidInputError("say which folder the web server serves, as an absolute path")
        other = "listen" if self.texts["way"] == WEBROOT else WEBROOT
        return _without(method, (*_OF_DNS, other))


def by_credential(name: str) -> str:
    """Return how a method with the stored credential validates, as forms name it."""
    return f"{_STORED}{name}"


def read_methods(form: Form, *, are_new: bool = False) -> list[MethodForm]:
    """Return the methods of a form, in their order; new ones were nothing before.

    Raises InvalidInputError.
    """
    return [MethodForm.read(form, number, is_new=are_new) for number in form.all("method")]


def definitions(methods: Sequence[MethodForm], first: int = 1) -> tuple[MethodDefinition, ...]:
    """Return what they describe; ``first`` is the number of the first, for people.

    Raises InvalidInputError, which says of which one.
    """
    found = []
    for number, one in enumerate(methods, first):
        try:
            method = one.method()
            method.check()
        except InvalidInputError as error:
            raise InvalidInputError(f"method {number}: {error.message}") from error
        found.append(method)
    return tuple(found)


def rearranged(methods: Sequence[MethodForm], what: str) -> tuple[list[MethodForm], int]:
    """Return the methods after a button was pressed, and the position of the one that it is about.

    ``what`` is ``add``, or ``up``, ``down`` or ``remove`` with a position: ``up 1``. What makes no
    sense changes nothing.
    """
    found = list(methods)
    verb, _, position = what.partition(" ")
    if verb == "add":
        return [*found, MethodForm.of()], len(found)
    at = int(position) if _is_number(position) else len(found)
    if at >= len(found):
        return found, 0
    one = found.pop(at)
    if verb == "remove":
        return found, max(min(at, len(found) - 1), 0)
    to = min(max(at + {"up": -1, "down": 1}.get(verb, 0), 0), len(found))
    found.insert(to, one)
    return found, to


def validated(
    names: Sequence[str], methods: Sequence[MethodForm]
) -> tuple[list[list[str]], list[str]]:
    """Return the names that each method validates, and those that fall to none of them.

    As long as names or rules cannot be read, that is nothing.
    """
    found: list[list[str]] = [[] for _ in methods]
    rest: list[str] = []
    try:
        rules = [MatchRule.parse(one.texts["match"]) for one in methods]
        check_rules(rules)
        for identifier in map(Identifier.parse, names):
            try:
                index = match_identifier(identifier, rules).index
            except InvalidInputError:  # a wildcard without a method
                index = None
            (rest if index is None else found[index]).append(identifier.value)
    except InvalidInputError:
        return [[] for _ in methods], []
    return found, rest


def _way(method: MethodDefinition) -> str:
    """Return how a method validates, as the form names it; empty for one that does not say."""
    if method.challenge == http01.TYPE:
        return WEBROOT if method.webroot else STANDALONE
    if method.challenge == dns_persist01.TYPE:
        return PERSIST if method.provider == MANUAL else KEPT
    if method.challenge == dns_account01.TYPE:
        return KEPT
    if method.credential:
        return by_credential(method.credential)
    if method.provider == MANUAL and not method.fields:
        return MANUAL
    return KEPT if method.provider else ""


def _in_words(method: MethodDefinition) -> str:
    """Return how a method validates that the form cannot express."""
    by = f"credential {method.credential}" if method.credential else method.provider
    of = f" with {field_text(method.fields)}" if method.fields else ""
    return f"{_KEPT.get(method.challenge, 'By')} {by}{of}, as it is"


def _by(way: str) -> dict[str, Any]:
    """Return the fields of a method that validates in that way. Raises InvalidInputError."""
    nothing = {"challenge": dns01.TYPE, "provider": "", "credential": "", "fields": {}}
    if way in HTTP_WAYS:
        return nothing | {"challenge": http01.TYPE}
    if way == MANUAL:
        return nothing | {"provider": MANUAL}
    if way == PERSIST:
        return nothing | {"challenge": dns_persist01.TYPE, "provider": MANUAL, "delegation": ""}
    if way.startswith(_STORED) and way != _STORED:
        return nothing | {"credential": way.removeprefix(_STORED)}
    raise InvalidInputError("choose how it validates")


def _without(method: MethodDefinition, names: Sequence[str]) -> MethodDefinition:
    return replace(method, **{name: getattr(_NEW, name) for name in names})


def _shown(method: MethodDefinition) -> dict[str, str]:
    """Return the texts of a form for a method."""
    timeout = method.propagation_timeout
    found = {
        "match": method.match,
        "way": _way(method),
        "webroot": method.webroot,
        "listen": method.listen,
        "delegation": method.delegation,
        "follow_cname": "yes" if method.follow_cname else "",
        "zone": method.zone,
        "ttl": field_text(method.ttl),
        "propagation": field_text(method.propagation),
        "propagation_timeout": "" if timeout is None else f"{timeout:g}",
        "resolvers": field_text(method.resolvers),
    }
    # As a page shows them, so that what nobody has touched comes back as the same.
    return {name: printable(text).strip() for name, text in found.items()}


def _ttl(text: str) -> int | None:
    if text and not _is_number(text):
        raise InvalidInputError(f"the TTL is a number of seconds, and not '{text[:40]}'")
    return int(text) if text else None


def _timeout(text: str) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        raise InvalidInputError(
            f"the longest wait is a number of seconds, and not '{text[:40]}'"
        ) from None


def _propagation(text: str) -> str | int | None:
    return int(text) if _is_number(text) else text or None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 9


def _resolvers(text: str) -> tuple[str, ...] | None:
    return tuple(text.replace(",", " ").split()) or None


_RARE = (
    *("delegation", "follow_cname", "zone", "ttl"),
    *("propagation", "propagation_timeout", "resolvers"),
)
_READ: dict[str, Callable[[str], Any]] = {
    "match": str,
    "webroot": str,
    "listen": str,
    "delegation": str,
    "follow_cname": bool,
    "zone": str,
    "ttl": _ttl,
    "propagation": _propagation,
    "propagation_timeout": _timeout,
    "resolvers": _resolvers,
}
