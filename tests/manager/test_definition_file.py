"""Definitions as a TOML file."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zoneproof.core.errors import ConfigError
from zoneproof.manager.certificates.definition import CertificateDefinition, MethodDefinition
from zoneproof.manager.certificates.definition_file import (
    DefinitionFile,
    _pairs,
    format_definitions,
    read_definitions,
)
from zoneproof.manager.certificates.task_definition import TaskDefinition

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
methods = st.builds(
    MethodDefinition,
    match=texts,
    challenge=texts,
    provider=texts,
    credential=texts,
    fields=st.dictionaries(texts, texts, max_size=3),
    zone=texts,
    delegation=texts,
    follow_cname=st.booleans(),
    ttl=st.none() | st.integers(),
    propagation=st.none() | texts | st.integers(),
    propagation_timeout=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    resolvers=st.none() | st.lists(texts, max_size=3).map(tuple),
    webroot=texts,
    listen=texts,
)
definitions = st.builds(
    CertificateDefinition,
    name=texts,
    identifiers=st.lists(texts, max_size=3).map(tuple),
    method=st.lists(methods, max_size=3).map(tuple),
    account=texts,
    fallback_accounts=st.lists(texts, max_size=3).map(tuple),
    key_type=st.sampled_from(["ec256", "ec384", "rsa2048", "rsa3072", "rsa4096"]),
    reuse_key=st.booleans(),
    pkcs12=st.booleans(),
    profile=texts,
    preferred_chain=texts,
    ignore_caa=st.booleans(),
    renew=st.booleans(),
)


anything = st.recursive(
    texts | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
keys = st.sampled_from([*CertificateDefinition.__struct_fields__, "colour"])


def read(folder: Path, text: str) -> DefinitionFile:
    path = folder / "certs.toml"
    path.write_text(text, encoding="utf-8", newline="")
    return read_definitions(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(definitions, max_size=3))
def test_what_is_written_is_read_as_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, some: list[CertificateDefinition]
) -> None:
    # Most of these could never be stored; how they are written does not depend on that.
    with monkeypatch.context() as patched:
        patched.setattr(CertificateDefinition, "check", lambda self: self)
        assert list(read(tmp_path, format_definitions(some)).definitions) == some


def test_a_file_is_written_as_people_would_write_it() -> None:
    method = MethodDefinition(provider="rfc2136", fields={"server": "192.0.2.1"}, ttl=60)
    definition = CertificateDefinition(
        name="a", identifiers=("a.example", "*.a.example"), method=(method,), renew=False
    )
    assert format_definitions([definition]) == (
        "[[certificate]]\n"
        'name = "a"\n'
        'identifiers = ["a.example", "*.a.example"]\n'
        "renew = false\n"
        "\n"
        "[[certificate.method]]\n"
        'provider = "rfc2136"\n'
        'fields = { server = "192.0.2.1" }\n'
        "ttl = 60\n"
    )


def test_defaults_hold_where_a_certificate_says_nothing_else(tmp_path: Path) -> None:
    file = read(
        tmp_path,
        """
        [defaults]
        key_type = "ec384"
        renew = false
        [[defaults.method]]
        credential = "dns"

        [[certificate]]
        identifiers = ["*.A.example", "a.example"]

        [[certificate]]
        name = "other"
        identifiers = ["b.example"]
        renew = true
        [[certificate.method]]
        provider = "manual"
        """,
    )
    first, second = file.definitions
    assert not file.problems
    assert (first.name, first.identifiers) == ("a.example", ("*.a.example", "a.example"))
    assert (first.key_type, first.renew, first.method[0].credential) == ("ec384", False, "dns")
    assert (second.key_type, second.renew, second.method[0].provider) == ("ec384", True, "manual")


METHOD = '[[certificate.method]]\nprovider = "manual"\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            '[[certificate]]\nname = "a"\nidentifiers = ["a.b"]\nkey_tpye = "x"',
            "a: 'key_tpye' is not",
        ),
        (
            '[[certificate]]\nname = "a"\nidentifiers = ["a.b"]\nkey_tpye = "x"',
            "'key_tpye' is not known",
        ),
        ('[[certificate]]\nname = "a"\nidentifiers = ["a.b"]\nkey_type = "x"', "a: 'key_type'"),
        ('[[certificate]]\nname = "a"\nidentifiers = "a.b"', "a: 'identifiers'"),
        ('[[certificate]]\nidentifiers = ["a.b"]\nname = 5', "certificate 1: 'name'"),
        (
            '[[certificate]]\nname = "../a"\nidentifiers = ["a.b"]',
            "'../a' is not a valid certificate name",
        ),
        ('[[certificate]]\nname = "a"\nidentifiers = []', "a: "),
        ("[[certificate]]\n", "certificate 1: 'identifiers'"),
        ("[[certificate]]\nidentifiers = [1]", "certificate 1: 'identifiers'"),
        ('[[certificate]]\nidentifiers = ["a..b"]', "certificate 1: "),
        (f'[[certificate]]\nidentifiers = ["a.b", "a.b"]\n{METHOD}', "a.b: "),
        (
            f'[[certificate]]\nidentifiers = ["a.b"]\n{METHOD}tll = 5',
            "'method[0].tll' is not known: did you mean 'ttl'?",
        ),
        (f'[[certificate]]\nidentifiers = ["a.b"]\n{METHOD}{METHOD}', "a.b: "),
        ('[[certificate]]\nidentifiers = ["*.a.b"]', "a.b: *.a.b has no method"),
        (f'[[certificate]]\nidentifiers = ["a.b"]\n{METHOD}' * 2, "a.b: 2 certificates"),
        (f'[[certificate]]\nidentifiers = ["a.b"]\ncsr = "x"\n{METHOD}', "a.b: the CSR cannot be"),
        ('[defaults]\nname = "a"', "[defaults]: 'name'"),
        ('[defaults]\nkey_type = "a"', "[defaults]: 'key_type'"),
        ("[defaults]\ncolour = 1", "[defaults]: 'colour' is not known"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    problems = read(tmp_path, text).problems
    assert len(problems) == 1
    assert told in problems[0]
    assert "\n" not in problems[0]


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    file = read(
        tmp_path,
        """
        [defaults]
        colour = 1
        renew = "no"
        [[defaults.method]]
        credential = "dns"

        [[certificate]]
        identifiers = ["*.a.example"]
        [[certificate]]
        name = "b"
        identifiers = ["b.example"]
        ttl = 5
        [[certificate]]
        name = "c"
        """,
    )
    places = [problem.split(":")[0] for problem in file.problems]
    assert places == ["[defaults]", "[defaults]", "b", "c"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[certificates]]\n", "certificates"),
        ("[certificate]\n", "'certificate'"),
        ("certificate = 5\n", "'certificate'"),
        ("defaults = 5\n", "'defaults'"),
        ("[[certificate]\n", "not valid TOML"),
        ("", ""),
    ],
)
def test_a_file_of_another_form_is_an_error_that_names_it(
    tmp_path: Path, text: str, told: str
) -> None:
    if not told:
        assert read(tmp_path, text) == DefinitionFile((), ())
        return
    with pytest.raises(ConfigError, match=r"certs\.toml") as caught:
        read(tmp_path, text)
    assert told in caught.value.message


def test_a_secret_in_a_method_is_refused_and_not_shown(tmp_path: Path) -> None:
    text = (
        '[[certificate]]\nidentifiers = ["a.example"]\n[[certificate.method]]\n'
        'provider = "rfc2136"\nfields = { server = "192.0.2.1", secret = "c2VjcmV0" }\n'
    )
    (problem,) = read(tmp_path, text).problems
    assert "is secret" in problem
    assert "c2VjcmV0" not in problem


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(keys, anything, max_size=4),
    st.lists(st.dictionaries(keys, anything, max_size=6), max_size=3),
)
def test_whatever_stands_in_the_tables_is_read_or_said_to_be_wrong(
    tmp_path: Path, defaults: dict[str, object], tables: list[dict[str, object]]
) -> None:
    lines = ["[defaults]", *_pairs(defaults)]
    for table in tables:
        lines += ["[[certificate]]", *_pairs(table)]
    file = read(tmp_path, "\n".join(lines))
    assert file.problems or len(file.definitions) == len(tables)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200) | texts.map(str.encode))
def test_whatever_a_file_holds_is_read_or_an_error_of_one_line(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "certs.toml"
    path.write_bytes(content)
    message = f"{path} is good"
    try:
        read_definitions(path)
    except ConfigError as error:
        message = error.message
    assert str(path) in message


def test_the_example_of_the_documentation_is_right(tmp_path: Path) -> None:
    page = Path(__file__).parents[2] / "docs/certs-toml.md"
    example = page.read_text().split("```toml\n")[1].split("```")[0]
    file = read(tmp_path, example)
    assert file.problems == ()
    assert [one.name for one in file.definitions] == ["example.com", "shop"]
    assert file.definitions[1].key_type == "ec384"
    for struct in (CertificateDefinition, MethodDefinition, TaskDefinition):
        for key in struct.__struct_fields__:
            assert any(shown in page.read_text() for shown in (f"`{key}`", f"certificate.{key}]]"))
