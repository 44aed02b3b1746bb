"""Several methods and tasks of a certificate, changed in forms; what a form does not show stays."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from msgspec.structs import replace

from tests.cli.inside import Inside
from tests.support.web_pages import Client, WebPages, seen
from zoneproof.core.errors import InvalidInputError
from zoneproof.manager import Home, MethodDefinition, open_manager
from zoneproof.pages.forms import Form
from zoneproof.web.pages.method_forms import (
    MethodForm,
    definitions,
    read_methods,
    rearranged,
    validated,
)

METHODS = (
    MethodDefinition(match="*.example.com", credential="dns", ttl=30, follow_cname=False),
    MethodDefinition(
        match="www.other.net",
        provider="acme-dns",
        fields={"server": "https://auth.example.net/ü", "state": "a\nb"},
        delegation="www.other.net:www.acme.example.org",
    ),
    MethodDefinition(provider="manual", propagation="60", propagation_timeout=0.5),
    MethodDefinition(provider="manual", propagation=60, resolvers=("192.0.2.1", "192.0.2.2")),
    MethodDefinition(challenge="http-01", webroot="/var/www/ x\u202e"),
    MethodDefinition(challenge="http-01", listen="127.0.0.1:8080", propagation="authoritative"),
    MethodDefinition(provider="rfc2136", zone="z\u200b", credential=""),
    MethodDefinition(challenge="dns-persist-01", provider="manual", ttl=7200),
    MethodDefinition(challenge="dns-persist-01", credential="dns"),
)


def posted(*methods: MethodForm) -> Form:
    """Return what a browser sends of the methods that nobody has touched."""
    pairs = []
    for number, one in enumerate(methods):
        pairs += [("method", str(number)), (f"method.{number}.was", one.kept)]
        pairs += [(f"method.{number}.{name}", text) for name, text in one.texts.items() if text]
    return Form(pairs)


def changed(method: MethodDefinition, **texts: str) -> MethodDefinition:
    one = MethodForm.of(method)
    return MethodForm(one.was, {**one.texts, **texts}).method()


def test_what_nobody_has_touched_comes_back_as_it_was() -> None:
    shown = [MethodForm.of(one) for one in METHODS]
    assert tuple(one.method() for one in read_methods(posted(*shown))) == METHODS
    assert all(one.kept.isascii() and one.kept.isprintable() for one in shown)


@pytest.mark.parametrize(
    ("method", "texts", "expected"),
    [
        (
            METHODS[1],
            {"match": "*.other.net"},
            replace(METHODS[1], match="*.other.net"),
        ),
        (
            METHODS[1],
            {"way": "credential:dns"},
            replace(METHODS[1], provider="", fields={}, credential="dns"),
        ),
        (
            METHODS[0],
            {"way": "webroot", "webroot": "/srv"},
            MethodDefinition(match="*.example.com", challenge="http-01", webroot="/srv"),
        ),
        (
            METHODS[4],
            {"way": "standalone", "listen": ":81"},
            MethodDefinition(challenge="http-01", listen=":81"),
        ),
        (
            METHODS[0],
            {"way": "persist"},
            MethodDefinition(
                match="*.example.com",
                challenge="dns-persist-01",
                provider="manual",
                ttl=30,
                follow_cname=False,
            ),
        ),
        (METHODS[7], {"way": "manual"}, MethodDefinition(provider="manual", ttl=7200)),
        (
            METHODS[8],
            {"match": "a.example"},
            MethodDefinition(challenge="dns-persist-01", credential="dns", match="a.example"),
        ),
        (METHODS[4], {"way": "manual", "ttl": "5"}, MethodDefinition(provider="manual", ttl=5)),
        (
            METHODS[3],
            {"propagation": "", "resolvers": "", "propagation_timeout": "2.5"},
            MethodDefinition(provider="manual", propagation_timeout=2.5),
        ),
        (
            MethodDefinition(),
            {"way": "manual", "propagation": "authoritative", "resolvers": "192.0.2.1 192.0.2.2"},
            MethodDefinition(
                provider="manual",
                propagation="authoritative",
                resolvers=("192.0.2.1", "192.0.2.2"),
            ),
        ),
    ],
)
def test_what_is_typed_is_changed_and_nothing_else(
    method: MethodDefinition, texts: dict[str, str], expected: MethodDefinition
) -> None:
    assert changed(method, **texts) == expected


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        ({"way": ""}, "choose how it validates"),
        ({"way": "as it is"}, "choose how it validates"),
        ({"way": "credential:"}, "choose how it validates"),
        ({"way": "webroot"}, "say which folder"),
        ({"way": "webroot", "webroot": "relative"}, "absolute path"),
        ({"way": "standalone", "listen": "x"}, "not an address to listen on"),
        ({"way": "manual", "ttl": "-5"}, "the TTL is a number"),
        ({"way": "manual", "propagation_timeout": "soon"}, "the longest wait is a number"),
        ({"way": "manual", "propagation_timeout": "nan"}, "must be seconds"),
        ({"way": "manual", "match": "a b"}, "in the match rule"),
        ({"way": "manual", "propagation": "never"}, "method 3"),
    ],
)
def test_what_is_wrong_is_told_with_the_methods_number(texts: dict[str, str], told: str) -> None:
    one = MethodForm.of()
    with pytest.raises(InvalidInputError) as caught:
        definitions([MethodForm(one.was, {**one.texts, **texts})], first=3)
    assert told in caught.value.message
    assert caught.value.message.startswith("method 3: ")


def test_a_form_that_was_made_up_is_refused() -> None:
    with pytest.raises(InvalidInputError):
        read_methods(Form([("method", "0"), ("method.0.was", '{"provider": 5}')]))


@pytest.mark.parametrize(
    ("what", "order", "focus"),
    [
        ("up 2", [0, 2, 1], 1),
        ("up 0", [0, 1, 2], 0),
        ("down 0", [1, 0, 2], 1),
        ("down 2", [0, 1, 2], 2),
        ("remove 2", [0, 1], 1),
        ("remove 0", [1, 2], 0),
        ("remove 9", [0, 1, 2], 0),
        ("nonsense", [0, 1, 2], 0),
        ("up \u0661", [0, 1, 2], 0),
        pytest.param(f"up {'1' * 5000}", [0, 1, 2], 0, id="far away"),
    ],
)
def test_methods_are_moved_and_removed(what: str, order: list[int], focus: int) -> None:
    methods = [MethodForm.of(one) for one in METHODS[:3]]
    found, at = rearranged(methods, what)
    assert ([methods.index(one) for one in found], at) == (order, focus)


def test_the_last_method_can_be_removed_and_one_added() -> None:
    none, _ = rearranged([MethodForm.of()], "remove 0")
    assert none == []
    assert rearranged(none, "add") == ([MethodForm.of()], 0)


def test_each_method_says_which_names_it_validates() -> None:
    names = ["example.com", "*.example.com", "a.b.example.com", "www.other.net", "*.x.net"]
    two = [MethodForm.of(one) for one in METHODS[:2]]
    found, rest = validated(names, two)
    assert found == [["example.com", "*.example.com"], ["www.other.net"]]
    assert rest == ["a.b.example.com", "*.x.net"]
    assert validated(["a b"], two) == ([[], []], [])


ADD = (
    *("add", "a.example", "*.a.example", "www.b.example", "--combined", "--account=letsencrypt"),
    *("--method", 'match="*.a.example", credential="dns"'),
    *("--method", 'match="www.b.example", provider="acme-dns", fields={server="https://auth.x"}'),
)
AT = "/certificates/a.example"


def method_of(inside: Inside) -> Any:
    return json.loads(inside.good("show", "a.example", "--json"))["definition"]["method"]


def with_credential(inside: Inside) -> None:
    fields = ("--field=server=192.0.2.1", "--no-test")
    inside.good("credential", "add", "rfc2136", "--name=dns", *fields)


def fields_of(client: Client, **changed: str) -> dict[str, str]:
    """Return the fields of the form as a browser sends them, with some changed."""
    given = {"names": "a.example *.a.example www.b.example", "key_type": "ec256", "renew": "yes"}
    methods = {"method": "0", "method.0.way": "manual", "method.0.follow_cname": "yes"}
    return given | methods | {"seen": seen(client, f"{AT}/definition")} | changed


def test_what_is_refused_is_still_in_the_form(inside: Inside) -> None:
    with_credential(inside)
    inside.good(*ADD)
    script = "<script>alert(1)</script>"
    with WebPages(inside.home) as pages:
        alice = pages.administrator()
        before = method_of(inside)
        for wrong, told in (
            ({"method.0.way": ""}, "method 1: choose how it validates"),
            ({"method.0.way": "credential:none"}, "none"),
            ({"method.0.delegation": script}, "delegation"),
            ({"method.0.match": script}, "in the match rule"),
            ({"profile": script, "preferred_profile": "x"}, "give either profile"),
            ({"key_type": "x"}, "choose a kind of key"),
            ({"names": f"a.example {script}"}, "&lt;script&gt;"),
        ):
            typed = fields_of(alice, **{"preferred_chain": "what was typed", **wrong})
            answer = alice.post(f"{AT}/definition", None, **typed)
            assert (answer.status, told in answer.text) == (400, True), told
            assert "what was typed" in answer.text
            assert "<script>alert" not in answer.text
        assert method_of(inside) == before


def test_what_somebody_else_did_meanwhile_is_not_undone_unawares(inside: Inside) -> None:
    with_credential(inside)
    inside.good(*ADD)
    with WebPages(inside.home) as pages:
        alice = pages.administrator()
        typed = fields_of(alice)
        inside.good("edit", "a.example", "--preferred-chain", "A Root")
        moved = alice.post(f"{AT}/definition", None, **typed, do="add").text
        assert typed["seen"] in moved  # what was pressed meanwhile has not looked at it
        answer = alice.post(f"{AT}/definition", None, **typed)
        assert (answer.status, "somebody else" in answer.text) == (400, True)
        assert len(method_of(inside)) == 2
        assert alice.post(f"{AT}/definition", None, **fields_of(alice)).status == 303
        assert len(method_of(inside)) == 1


def test_how_the_files_are_written_is_changed_in_the_form(inside: Inside) -> None:
    with_credential(inside)
    inside.good(*ADD)
    with WebPages(inside.home) as pages:
        alice = pages.administrator()
        files = {"key_mode": "0640", "pkcs12": "yes", "pkcs12_password": "a pass word "}
        assert alice.post(f"{AT}/definition", None, **fields_of(alice, **files)).status == 303
        defined = json.loads(inside.good("show", "a.example", "--json"))["definition"]
        assert (defined["key_mode"], defined["pkcs12"]) == ("0640", True)
        assert "combined" not in defined
        shown = alice.get(f"{AT}/definition").text
        assert 'value="0640"' in shown
        assert "a pass word" not in shown
        del files["pkcs12_password"]
        kept = alice.post(f"{AT}/definition", None, **fields_of(alice, **files, renew=""))
        assert kept.status == 303
        wrong = alice.post(f"{AT}/definition", None, **fields_of(alice, key_mode="9"))
        assert (wrong.status, 'value="9"' in wrong.text) == (400, True)

    async def stored() -> bytes:
        async with open_manager(Home(inside.home)) as manager:
            return await manager.certificates.pkcs12_password("a.example")

    assert asyncio.run(stored()) == b"a pass word "


def test_tasks_are_changed_and_moved_in_forms(inside: Inside) -> None:
    inside.good("add", "a.example", "--provider=manual")
    key, other = (f"whsec_{letter * 44}" for letter in "YZ")
    with WebPages(inside.home) as pages:
        alice = pages.administrator()
        url = {"field.url": "https://hook.example/", "field.secret": key}
        hook = {"kind": "webhook", "called": "hook", **url}
        assert alice.post(f"{AT}/new-task", None, **hook).status == 303
        command = {"kind": "command", "field.command": "/bin/true", "when": "always"}
        assert alice.post(f"{AT}/new-task", None, **command, fatal="yes").status == 303

        def tasks() -> Any:
            return json.loads(inside.good("show", "a.example", "--json"))["definition"]["deploy"]

        assert [one["name"] for one in tasks()] == ["hook", "command"]
        assert (tasks()[1]["when"], tasks()[1]["fatal"]) == ("always", True)
        shown = alice.get(f"{AT}/task?task=hook").text
        assert "https://hook.example/" in shown
        assert "unchanged" in shown
        assert key not in shown
        stored = {"called": "hook", "credential": "a.example-hook"}
        stored["seen"] = seen(alice, f"{AT}/task?task=hook")
        wrong = alice.post(
            f"{AT}/task", None, **stored, **{"field.url": "x", "field.secret": other}
        )
        assert (wrong.status, "Type it again" in wrong.text) == (400, True)
        assert other not in wrong.text
        moved = {"field.url": "https://hook.example/2"}
        assert alice.post(f"{AT}/task", None, **stored, **moved).status == 303
        assert [one["name"] for one in tasks()] == ["hook", "command"]
        assert tasks()[0]["fields"] == {"url": "https://hook.example/2"}
        assert tasks()[0]["credential"] == "a.example-hook"
        assert alice.post(f"{AT}/move-task", None, task="command", to="up").status == 303
        assert [one["name"] for one in tasks()] == ["command", "hook"]
        assert alice.post(f"{AT}/move-task", None, task="command", to="up").status == 303
        assert [one["name"] for one in tasks()] == ["command", "hook"]
        for path in ("task?task=none", "task"):
            assert alice.get(f"{AT}/{path}").status == 404
        assert alice.post(f"{AT}/move-task", None, task="none").status == 404


def test_a_second_task_of_a_kind_replaces_none(inside: Inside) -> None:
    inside.good("add", "a.example", "--provider=manual")
    with WebPages(inside.home) as pages:
        alice = pages.administrator()
        for program in ("/bin/true", "/bin/false"):
            task = {"kind": "command", "field.command": program}
            assert alice.post(f"{AT}/new-task", None, **task).status == 303
        found = json.loads(inside.good("show", "a.example", "--json"))["definition"]["deploy"]
    told = [(one["name"], one["fields"]["command"]) for one in found]
    assert told == [("command", "/bin/true"), ("command-2", "/bin/false")]
