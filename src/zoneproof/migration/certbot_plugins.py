"""Certbot's authenticators: which provider each is here, and which field each setting is.

The names of the settings are those in the documentation of each plugin; a setting is written
``dns_<plugin>_<setting>``, or ``certbot_dns_<plugin>:dns_<plugin>_<setting>`` before certbot 1.7.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from zoneproof.core.errors import InvalidInputError
from zoneproof.migration import lego_settings
from zoneproof.migration.configobj import Section, read_configobj
from zoneproof.migration.found import Findings
from zoneproof.migration.lego_settings import LegoSettings
from zoneproof.migration.methods import (
    FoundMethod,
    adapter,
    dns,
    http,
    listener,
    no_method,
    web_server,
    without_secrets,
)
from zoneproof.migration.reading import exists, read_text, shown
from zoneproof.migration.registrations import take_registrations
from zoneproof.migration.tsig_keys import algorithm_name
from zoneproof.providers.aliases import find_alias

_WITHOUT_MEANING = {"rfc2136": ("sign_query",), "linode": ("version",)}
_HOOK_SETTING = re.compile(r"""^(ACMEDNS_URL|STORAGE_PATH)\s*=\s*(["'])(.*?)\2""", re.MULTILINE)
_DEFAULT_ALGORITHM = "HMAC-MD5"  # certbot's
_STANDARD_FOLDER = Path("/etc/letsencrypt")


class CertbotRenewal(msgspec.Struct, frozen=True):
    """A certificate's renewal file, and certbot's folder.

    ``name`` is certbot's; ``called`` is what the certificate is called here.
    """

    name: str
    file: Path
    folder: Path
    content: Section
    called: str = ""

    @property
    def parameters(self) -> Section:
        """The options with which the certificate was made."""
        return self.content.section("renewalparams")

    def locate(self, text: str) -> Path:
        """Return a path that certbot's files name, also when its folder was copied elsewhere."""
        path = Path(text)
        if exists(path):
            return path
        archive = Path(self.content.text("archive_dir")).parent
        roots = [_STANDARD_FOLDER, *([archive.parent] if archive.name == "archive" else [])]
        inside = (path.relative_to(root) for root in roots if path.is_relative_to(root))
        return next((self.folder / rest for rest in inside), path)

    def live(self, part: str) -> Path:
        """Return where ``cert``, ``chain``, ``fullchain`` or ``privkey`` is, as the file says."""
        named = self.content.text(part)
        return self.locate(named) if named else self.folder / "live" / self.name / f"{part}.pem"


def read_method(renewal: CertbotRenewal, findings: Findings) -> FoundMethod:
    """Return how the certificate's names are validated, and take its acme-dns registrations."""
    authenticator = renewal.parameters.text("authenticator").rpartition(":")[2]
    reader = _READERS.get(authenticator)
    if reader:
        return reader(renewal, findings)
    if authenticator.startswith("dns-"):
        return _dns_plugin(renewal, findings, authenticator.removeprefix("dns-"))
    said = f"certbot used the plugin {authenticator}" if authenticator else "it names no plugin"
    return no_method(f"{said}, which is not known here")


def _dns_plugin(renewal: CertbotRenewal, findings: Findings, plugin: str) -> FoundMethod:
    path, settings = _settings(renewal, findings, plugin)
    known = find_alias("certbot", f"dns-{plugin}")
    if not known:
        ini = str(path.absolute()) if path else ""
        return adapter(f"certbot:dns-{plugin}", {"ini": ini}, renewal.called, "certbot")
    slug, alias = known
    fields = alias.fields
    if path is None:
        lacks = f"certbot's credentials of {plugin} could not be read"
        return dns(slug, {}, lacks=lacks)
    values = {fields[key]: value for key, value in settings.items() if key in fields}
    lacks = ""
    if plugin == "rfc2136":
        try:
            values["algorithm"] = algorithm_name(values.get("algorithm") or _DEFAULT_ALGORITHM)
        except InvalidInputError as error:
            lacks = error.message
    lacks = lacks or without_secrets(slug, alias, values, f"certbot's file {shown(path)}")
    left = sorted(set(settings) - set(fields) - set(_WITHOUT_MEANING.get(plugin, ())))
    notes = [
        f"{shown(path)}: the setting {key} is not carried over: `zoneproof credential set"
        f" {renewal.called}-{slug} --field NAME=VALUE` sets what"
        f" `zoneproof provider show {slug}` lists"
        for key in left
    ]
    return dns(slug, values, notes, lacks=lacks)


def _route53(_renewal: CertbotRenewal, _findings: Findings) -> FoundMethod:
    note = (
        "certbot took the AWS keys from its environment, ~/.aws or the machine's role: give the"
        " provider the same"
    )
    return dns("route53", {}, [note])


def _google(renewal: CertbotRenewal, _findings: Findings) -> FoundMethod:
    file = renewal.parameters.text("dns_google_credentials")
    where = f"is in {shown(renewal.locate(file))}" if file else "is the machine's own"
    note = f"the Google service account {where}: give it to the provider"
    fields = {"project": renewal.parameters.text("dns_google_project")}
    return dns("gcloud", fields, [note])


def _acmedns(renewal: CertbotRenewal, findings: Findings) -> FoundMethod:
    _, settings = _settings(renewal, findings, "acmedns")
    return _acme_dns(
        renewal, findings, settings.get("api_url", ""), settings.get("registration_file", "")
    )


def _multi(renewal: CertbotRenewal, findings: Findings) -> FoundMethod:
    path, settings = _settings(renewal, findings, "multi")
    provider = settings.pop("provider", "")
    if path is None or not provider:
        return no_method("certbot's dns-multi names no provider")
    lego = LegoSettings(provider, settings, renewal.locate)
    return lego_settings.read_method(lego, findings)


def _acme_dns(renewal: CertbotRenewal, findings: Findings, server: str, file: str) -> FoundMethod:
    if file:
        with findings.going_on():
            take_registrations(renewal.locate(file), server, findings)
    lacks = "" if server else "the acme-dns server is not named: add the field server"
    return dns("acme-dns", {"server": server}, lacks=lacks)


def _manual(renewal: CertbotRenewal, findings: Findings) -> FoundMethod:
    hook = renewal.parameters.text("manual_auth_hook")
    if "http-01" in renewal.parameters.items("pref_challs")[:1]:
        return http("", "certbot's hook served the files")
    if not hook:
        return dns("manual", {})
    for word in _words(renewal, hook):
        if Path(word).name == "acme-dns-auth.py":
            return _joohoi_hook(renewal, findings, Path(word))
        if Path(word).name == "acme-dns-client":
            note = (
                "its registrations are those of acme-dns-client: `zoneproof import registrations"
                " /etc/acmedns/clientstorage.json`; the server is named there, too: add it as the"
                " field server"
            )
            return dns("acme-dns", {}, [note])
    return no_method(
        "certbot ran its manual_auth_hook for each record, and the provider script is called in"
        " another way (`zoneproof provider show script`)"
    )


def _words(renewal: CertbotRenewal, hook: str) -> list[str]:
    """Return a command's words as a shell sees them; a path with spaces is one, if it is there."""
    if exists(renewal.locate(hook)):
        return [hook]
    try:
        return shlex.split(hook)
    except ValueError:  # a quote is not closed: no shell would run it
        return []


def _joohoi_hook(renewal: CertbotRenewal, findings: Findings, script: Path) -> FoundMethod:
    settings: dict[str, str] = {}
    with findings.going_on():
        matches = _HOOK_SETTING.finditer(read_text(renewal.locate(str(script))))
        settings = {match[1]: match[3] for match in matches}
    file = settings.get("STORAGE_PATH") or str(_STANDARD_FOLDER / "acmedns.json")
    return _acme_dns(renewal, findings, settings.get("ACMEDNS_URL", ""), file)


def _webroot(renewal: CertbotRenewal, _findings: Findings) -> FoundMethod:
    mapped = {
        name: items[0]
        for name, items in renewal.parameters.section("webroot_map").values.items()
        if items
    }
    roots = list(dict.fromkeys([*mapped.values(), *renewal.parameters.items("webroot_path")]))
    if not roots:
        return http("", "it names no webroot")
    others = [f"{name} has {root}" for name, root in mapped.items() if root != roots[0]]
    if others:
        return http(
            roots[0],
            f"its names have several webroots, and {roots[0]} is used for all of them"
            f" ({', '.join(others)}): give those names methods of their own with `zoneproof edit"
            f" {renewal.called} --method METHOD`",
        )
    return http(roots[0])


def _standalone(renewal: CertbotRenewal, _findings: Findings) -> FoundMethod:
    return listener(
        renewal.parameters.text("http01_address"), renewal.parameters.text("http01_port")
    )


_READERS: Mapping[str, Callable[[CertbotRenewal, Findings], FoundMethod]] = {
    "webroot": _webroot,
    "standalone": _standalone,
    "nginx": lambda _renewal, _findings: web_server("certbot", "nginx"),
    "apache": lambda _renewal, _findings: web_server("certbot", "Apache"),
    "manual": _manual,
    "dns-route53": _route53,
    "dns-google": _google,
    "dns-acmedns": _acmedns,
    "dns-multi": _multi,
}


def _settings(
    renewal: CertbotRenewal, findings: Findings, plugin: str
) -> tuple[Path | None, dict[str, str]]:
    """Return the plugin's credentials file, None if none can be read, and its settings by name."""
    underscored = plugin.replace("-", "_")
    named = next(
        (
            renewal.parameters.text(key)
            for key in renewal.parameters.values
            if key.rpartition(":")[2] == f"dns_{underscored}_credentials"
        ),
        "",
    )
    if not named:
        return None, {}
    path = renewal.locate(named)
    try:
        content = read_configobj(path)
    except InvalidInputError as error:
        findings.problems.append(
            f"{shown(renewal.file)}: its credentials are missing: {error.message}"
        )
        return None, {}
    prefix = f"dns_{underscored}_"
    return path, {
        key.rpartition(":")[2].removeprefix(prefix): content.text(key) for key in content.values
    }
