"""Runs a module of dns-lexicon or a plugin of certbot: a program of its own, for any Python.

It needs only the standard library and what it runs, because the Python that has certbot need not
have Zoneproof. What to do stands in ``ZONEPROOF_JOB`` (JSON). It writes a line of JSON to stdout
for the preparation and for each record: an empty object for success, else ``kind`` and ``said``.
Anything else that is printed goes to stderr. With an argument, it prints the options of that module
of dns-lexicon instead.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from importlib.metadata import entry_points
from pathlib import Path
from types import SimpleNamespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    Job = dict[str, Any]
    Change = Callable[[str, str], None]  # gets the full name and the value


# The names of the classes that such errors have with Python itself, requests, httpx and dnspython.
_UNREACHABLE = {"ConnectionError", "Timeout", "TimeoutError", "TransportError"}


class CannotBeUsedError(Exception):
    """A plugin is not there, or does not fit."""


class NotSeenError(Exception):
    """What was written is not there afterwards."""


def lexicon(job: Job) -> Change:
    """Prepare a module of dns-lexicon, without its client, which fetches a list of suffixes."""
    config_module = importlib.import_module("lexicon.config")
    module = importlib.import_module(f"lexicon._private.providers.{job['name']}")
    common = {"provider_name": job["name"], "domain": job["zone"], "ttl": job["ttl"]}
    config = config_module.ConfigResolver().with_dict({**common, job["name"]: job["fields"]})
    provider = module.Provider(config)
    provider.authenticate()
    wanted = job["action"] == "add"

    def is_there(name: str, value: str) -> bool:
        return any(value == record["content"].strip('"') for record in listed(name))

    def listed(name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = provider.list_records("TXT", name)
        return found

    def change(name: str, value: str) -> None:
        # Many modules read a whole set, change it and write it: another program that does so at
        # the same moment may undo it, and some do not look at the answer.
        for _ in range(2):
            if is_there(name, value) == wanted:
                return
            if wanted:
                provider.create_record("TXT", name, value)
            else:
                provider.delete_record(None, "TXT", name, value)
        if is_there(name, value) != wanted:
            raise NotSeenError(
                "it reported success, but the provider's records are as they were before"
            )

    return change


def lexicon_options(name: str) -> dict[str, str]:
    """Return the options of a module of dns-lexicon, and the help for each."""
    parser = argparse.ArgumentParser(add_help=False)
    module = importlib.import_module(f"lexicon._private.providers.{name}")
    module.Provider.configure_parser(parser)
    return {action.dest: action.help or "" for action in parser._actions}  # noqa: SLF001  no other way


def certbot(job: Job) -> Change:
    """Prepare a plugin of certbot."""
    from certbot.configuration import NamespaceConfig

    found = [one for one in entry_points(group="certbot.plugins") if one.name == job["name"]]
    if not found:
        raise CannotBeUsedError(f"{sys.executable} has no certbot plugin {job['name']}")
    authenticator: Any = found[0].load()
    home = Path(os.environ["HOME"])
    parser = argparse.ArgumentParser()
    authenticator.inject_parser_options(parser, job["name"])
    prefix = job["name"].replace("-", "_")
    known = set(vars(parser.parse_args([])))
    options = {key: value for key, value in job["fields"].items() if key in known}
    rest = {key: value for key, value in job["fields"].items() if key not in known}
    credentials, pause = f"{prefix}_credentials", f"{prefix}_propagation_seconds"
    if credentials not in known:
        os.environ.update(rest)  # such a plugin reads the variables of its provider's own tools
    else:
        options[credentials] = job["ini"] or str(_write_ini(home / "credentials.ini", rest))
    if pause in known:
        options[pause] = "0"
    namespace = parser.parse_args(
        [f"--{key.replace('_', '-')}={value}" for key, value in options.items()]
    )
    vars(namespace).update(
        config_dir=str(home), work_dir=str(home), logs_dir=str(home), domains=[],
        http01_port=80, https_port=443,
    )  # fmt: skip
    _be_silent()
    plugin = authenticator(NamespaceConfig(namespace), job["name"])
    plugin.prepare()
    return _whole(plugin, job) if _has_own_perform(authenticator) else _parts(plugin, job)


def _has_own_perform(authenticator: Any) -> bool:
    """Tell whether a plugin does without the steps of certbot's base class for DNS plugins."""
    from certbot.plugins.dns_common import DNSAuthenticator

    is_dns = issubclass(authenticator, DNSAuthenticator)
    return not is_dns or authenticator.perform is not DNSAuthenticator.perform


def _parts(plugin: Any, job: Job) -> Change:
    plugin._setup_credentials()  # noqa: SLF001  what authors of DNS plugins write
    step = plugin._perform if job["action"] == "add" else plugin._cleanup  # noqa: SLF001

    def change(name: str, value: str) -> None:
        step(_domain(name), name, value)

    return change


def _whole(plugin: Any, job: Job) -> Change:
    step = plugin.perform if job["action"] == "add" else plugin.cleanup
    plugin._attempt_cleanup = True  # noqa: SLF001  what was added was added in another process

    def change(name: str, value: str) -> None:
        step([_Challenge(name, value)])

    return change


class _Challenge:
    """What a plugin may want to know of a challenge, for a value and the name that it belongs at.

    The value is a digest of the key authorization, which therefore cannot be given.
    """

    account_key = None
    chall = SimpleNamespace(typ="dns-01")

    def __init__(self, name: str, value: str) -> None:
        self.domain = _domain(name)
        self.identifier = SimpleNamespace(typ="dns", value=self.domain)
        self._name, self._value = name, value

    def validation_domain_name(self, domain: str) -> str:
        return self._name

    def validation(self, account_key: object, **options: object) -> str:
        return self._value

    def response(self, account_key: object) -> None:
        return None

    def __getattr__(self, name: str) -> object:
        raise CannotBeUsedError(
            f"the plugin wants the challenge's {name}, which only certbot itself has"
        )


def _domain(name: str) -> str:
    return name.removeprefix("_acme-challenge.")


def _write_ini(path: Path, fields: dict[str, str]) -> Path:
    import configobj  # type: ignore[import-untyped]

    path.touch(mode=0o600)
    file = configobj.ConfigObj()
    file.filename = str(path)
    file.update(fields)
    file.write()
    return path


def _be_silent() -> None:
    """Give plugins a display that asks nothing, which certbot itself makes when it starts."""
    display = importlib.import_module("certbot._internal.display.obj")
    display.set_display(display.NoninteractiveDisplay(sys.stderr))


def failure(error: BaseException) -> dict[str, str]:
    """Return the kind of an error, as far as it or what it came from tells, and its words."""
    kind = ""
    for one in _chain(error):
        status = getattr(getattr(one, "response", None), "status_code", None)
        if status:
            kind = str(status)
        elif type(one).__name__ == "AuthenticationError":
            # dns-lexicon's modules have this one error for both.
            kind = "zone" if "domain" in str(one).lower() else "credentials"
        elif _UNREACHABLE & {base.__name__ for base in type(one).__mro__}:
            kind = "unavailable"
        if kind:
            break
    # What is around a refused connection only tells what was tried.
    return {"kind": kind, "said": _words([*_chain(error)][-1] if kind == "unavailable" else error)}


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _words(error: BaseException) -> str:
    if isinstance(error, SystemExit) and not isinstance(error.code, str):
        return "it ended itself"
    text = " ".join(str(error).split()) or type(error).__name__
    answer = getattr(getattr(error, "response", None), "text", "")
    return f"{text}: {answer[:200]}" if answer else text


def main() -> None:
    """Do the job, and report."""
    job: Job = json.loads(os.environ.pop("ZONEPROOF_JOB"))
    report = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def attempt(work: Callable[..., Any], *arguments: Any) -> Any:
        result, outcome = None, {}
        try:
            result = work(*arguments)
        except (Exception, SystemExit) as error:  # noqa: BLE001  whatever a plugin raises is told
            outcome = failure(error)
        print(json.dumps(outcome), file=report, flush=True)
        return result

    prepare = {"lexicon": lexicon, "certbot": certbot}[job["family"]]
    change = attempt(prepare, job)
    if change:
        for name, value in job["records"]:
            attempt(change, name, value)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(lexicon_options(sys.argv[1])))
    else:
        main()
