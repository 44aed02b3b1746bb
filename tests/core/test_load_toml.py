"""Configuration files: every way in which one can be wrong is an error that says where."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest

from zoneproof.core.errors import ConfigError
from zoneproof.core.toml import complaint, load_toml


class Listener(msgspec.Struct, forbid_unknown_fields=True):
    port: Annotated[int, msgspec.Meta(ge=1)]
    addresses: list[str] = []
    protocol: Literal["dns", "http"] = "dns"
    weight: int | str | None = None


class Settings(msgspec.Struct, forbid_unknown_fields=True):
    listener: Listener
    zones: list[Listener] = []
    named: dict[str, Listener] = {}
    names: dict[str, str] = {}
    hosts: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)] = ("a",)
    contact: str = ""

    def __post_init__(self) -> None:
        if self.contact == "nobody":
            raise ValueError("contact must be somebody")


def load(path: Path, text: str | bytes) -> Settings:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_toml(path, Settings)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "zoneproof.toml"


@pytest.mark.parametrize(
    "text",
    [
        "[listener]\nport = 53\naddresses = ['::1']\n",
        "[listener]\r\nport = 53\r\naddresses = ['::1']\r\n",
        "\ufeff[listener]\nport = 53\naddresses = ['::1']\n",
    ],
    ids=["plain", "Windows line ends", "byte order mark"],
)
def test_a_file_becomes_the_structure(path: Path, text: str) -> None:
    assert load(path, text) == Settings(Listener(53, ["::1"]))


@pytest.mark.parametrize("text", [r'"a\u0000b"', r'["a", "\U00000000"]', r'{"\u0000" = 1}'])
def test_the_character_nul_is_refused_wherever_it_stands(path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"zoneproof.toml: a text in it has the character"):
        load(path, f"names = {text}\n[listener]\nport = 53\n")


@pytest.mark.parametrize("text", [r"'C:\u0000'", r'"C:\\u0000"'])
def test_what_only_looks_like_it_is_taken(path: Path, text: str) -> None:
    assert load(path, f"contact = {text}\n[listener]\nport = 53\n").contact == r"C:\u0000"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "'listener' is missing"),
        ("[listener]", "'listener.port' is missing"),
        ("listener = 1", "'listener' must be a table, not a whole number"),
        ("[listener]\nport = 'x'", "'listener.port' must be a whole number, not text"),
        ("[listener]\nport = 1\naddresses = [1]", "'listener.addresses[0]' must be text, not a"),
        ("[listener]\nprot = 1\nport = 1", "'listener.prot' is not known: did you mean 'port'?"),
        ("[listener]\nport = 1\ncolour = 1", "known here are port, addresses, protocol, weight"),
        ("[listener]\nport = 1\n[[zones]]\nport = true", "'zones[0].port' must be a whole number,"),
        ("[listener]\nport = 0", "'listener.port' must be a whole number, at least 1"),
        (
            "[listener]\nport = 1\nprotocol = 'udp'",
            "'listener.protocol' is 'udp', which is not one",
        ),
        ("[listener]\nport = 1\nprotocol = 'udp'", "not one of dns, http"),
        ("[listener]\nport = 1\nweight = []", "'listener.weight' must be a whole number or text,"),
        ("[listener]\nport = 1\n[named.a]\nprot = 1", "'named[...].prot' is not known: did you"),
        ("[listener]\nport = 1\n[named.a]\nport = ''", "'named[...].port' must be a whole number"),
        ("[listener]\nport = 1\n[names]\nx = 1", "'names[...]' must be text, not a whole number"),
        ("hosts = []\n[listener]\nport = 1", "'hosts' must not be empty"),
        ("contact = 'nobody'\n[listener]\nport = 1", "contact must be somebody"),
    ],
)
def test_a_wrong_structure_names_the_key(path: Path, text: str, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(path, text)
    assert caught.value.message.startswith(f"{path}: ")
    assert reason in caught.value.message


@pytest.mark.parametrize(
    ("document", "kind", "words"),
    [
        ({"port": "x"}, Listener, "'port' must be a whole number, not text"),
        ([], Listener, "it must be an object, not a list"),
        (1, str, "it must be text, not a whole number"),
        (None, str, "it must be text, not nothing"),
        (1.5, bool, "it must be true or false, not a number"),
        (1.5, int | None, "it must be a whole number, not a fraction"),
        ({"a": [1]}, dict[str, list[str]], "'[...][0]' must be text, not a whole number"),
        (
            "",
            Annotated[str, msgspec.Meta(min_length=3)],
            "it must be text of at least 3 characters",
        ),
        ([1, 2], Annotated[list[int], msgspec.Meta(max_length=1)], "a list of at most 1 entries"),
        (
            "b",
            Annotated[str, msgspec.Meta(pattern="^a$", description="Such as a.")],
            "it is not valid: such as a",
        ),
        ("b", Annotated[str, msgspec.Meta(pattern="^a$")], "it must be text matching regex '^a$'"),
    ],
)
def test_json_is_complained_about_in_the_same_words(
    document: object, kind: Any, words: str
) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(msgspec.json.encode(document), type=kind)
    text = complaint(caught.value, kind, table="an object")
    assert words in text
    assert "`" not in text


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("[listener\nport = 1", "(at line 1, column"),
        ("[listener]\nport =", "(at end of document)"),
        ("[listener]\nport = 1\nport = 2", "Cannot overwrite a value"),
        ("contact = 'a\nb'", "(at line 1, column"),
        ("contact = 'a\x00'", "(at line 1, column"),
        ("contact = " + "[" * 100_000, "nested too deeply"),
        ("[listener]\nport = " + "9" * 5000, "a number in it is too long"),
    ],
)
def test_a_file_that_is_no_toml_names_the_place(path: Path, text: str, where: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(path, text)
    assert caught.value.message.startswith(f"{path} is not valid TOML: ")
    assert where in caught.value.message
    assert caught.value.message.isprintable()


def test_a_file_in_another_encoding_is_refused(path: Path) -> None:
    with pytest.raises(ConfigError, match=r"zoneproof\.toml is not UTF-8 text: save it as UTF-8"):
        load(path, "contact = 'Jürgen'".encode("latin-1"))


def test_a_missing_file_is_named(path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read .*zoneproof\.toml: No such file"):
        load_toml(path, Settings)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read .*: Is a directory"):
        load_toml(tmp_path, Settings)
