"""Configuration files: every way in which one can be wrong is an error that says where."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from zoneproof.config import load_toml
from zoneproof.errors import ConfigError


class Listener(msgspec.Struct, forbid_unknown_fields=True):
    port: int
    addresses: list[str] = []


class Settings(msgspec.Struct, forbid_unknown_fields=True):
    listener: Listener
    zones: list[Listener] = []
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


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "missing required field `listener`"),
        ("[listener]", "'listener': Object missing required field `port`"),
        ("listener = 1", "'listener': Expected `object`, got `int`"),
        ("[listener]\nport = 'x'", "'listener.port': Expected `int`, got `str`"),
        ("[listener]\nport = 1\naddresses = [1]", "'listener.addresses[0]': Expected `str`"),
        ("[listener]\nprot = 1\nport = 1", "'listener': Object contains unknown field `prot`"),
        ("[listener]\nport = 1\n[[zones]]\nport = true", "'zones[0].port': Expected `int`"),
        ("contact = 'nobody'\n[listener]\nport = 1", "contact must be somebody"),
    ],
)
def test_a_wrong_structure_names_the_key(path: Path, text: str, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(path, text)
    assert caught.value.message.startswith(f"{path}: ")
    assert reason in caught.value.message


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("[listener\nport = 1", "(at line 1, column"),
        ("[listener]\nport =", "(at end of document)"),
        ("[listener]\nport = 1\nport = 2", "Cannot overwrite a value"),
        ("contact = 'a\nb'", "(at line 1, column"),
        ("contact = 'a\x00'", "(at line 1, column"),
        ("contact = " + "[" * 100_000, "recursion"),
        ("[listener]\nport = " + "9" * 5000, "digits"),
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
