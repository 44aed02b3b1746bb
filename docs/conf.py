"""Builds the pages of this folder into a site that a browser reads without a server: scripts/docs.

Sphinx, with MyST for Markdown and the theme furo. The pages are for any reader of Markdown, so the
navigation stands here and not in them.
"""

import gc
from collections.abc import Iterable
from pathlib import Path

from sphinx.application import Sphinx

gc.disable()  # what Sphinx makes of the pages lives to the end, and is large

project = "Zoneproof"
extensions = ["myst_parser"]
myst_heading_anchors = 4
html_theme = "furo"
html_title = "Zoneproof"
html_static_path = ["site"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
html_use_index = False
highlight_language = "text"

# Short titles, because the menu is narrow. "self" is the first page.
NAVIGATION = {
    "Start": {
        "Choose your method": "self",
        "Installing": "install",
        "Tutorial": "tutorial",
        "Compared with others": "compared",
    },
    "How names are validated": {
        "All providers": "all-providers",
        "Credentials": "credentials",
        "Delegation": "delegation",
        "Match rules": "match-rules",
        "dns-persist-01": "dns-persist-01",
        "dns-account-01": "dns-account-01",
        "http-01": "http-01",
        "Manual records": "manual",
        "Propagation": "propagation",
    },
    "Certificates": {
        "Manager: commands, files, settings": "manager",
        "Renewals": "renewals",
        "Deployment": "deployment",
        "Notifications": "notifications",
        "Web pages": "web",
        "REST API of the manager": "web-api",
        "Kubernetes": "kubernetes",
        "Accounts at CAs": "accounts",
        "certs.toml": "certs-toml",
        "Moving a home, backups": "moving-a-home",
    },
    "The challenge service": {
        "Configuration and API": "challenge-service",
        "Operating it": "operating-the-challenge-service",
        "Several nodes": "several-nodes",
        "Its clients": "challenge-clients",
        "Tenants and licence keys": "licence-keys",
        "Its pages": "challenge-pages",
        "REST API": "rest-api",
    },
    "Coming from": {
        "certbot": "coming-from-certbot",
        "acme.sh": "coming-from-acme-sh",
        "lego": "coming-from-lego",
        "acme-dns": "moving-from-acme-dns",
    },
    "Reference": {
        "Benchmarks": "benchmarks",
        "Architecture": "architecture",
        "ACME client as a library": "acme-client",
        "What providers promise": "providers",
        "Writing a provider": "providers/writing-one",
        "How providers are tested": "providers/README",
    },
}
# A page, and the folder whose pages stand below it.
FOLDERS = {"all-providers": "providers", "deployment": "deployment"}
_HERE = Path(__file__).parent


def toctree(entries: Iterable[str], caption: str = "") -> str:
    """Return a part of the navigation as MyST has it."""
    options = [":hidden:", *([f":caption: {caption}"] if caption else [])]
    return "\n".join(["", "```{toctree}", *options, "", *entries, "```", ""])


def pages_below(folder: str) -> list[str]:
    """Return the pages of a folder, by title, except those that the navigation names itself."""
    named = {page for pages in NAVIGATION.values() for page in pages.values()}
    entries = []
    for path in (_HERE / folder).glob("*.md"):
        title = path.read_text("utf-8").partition("\n")[0].removeprefix("# ")
        short = title.rpartition(": ")[2]  # of "Deployment task `copy`: Copy files"
        if f"{folder}/{path.stem}" not in named:
            entries.append(f"{short} <{folder}/{path.stem}>")
    return sorted(entries, key=str.casefold)


def add_navigation(_: Sphinx, page: str, source: list[str]) -> None:
    """Append the navigation to the pages that hold it."""
    if page == "index":
        for caption, pages in NAVIGATION.items():
            source[0] += toctree((f"{title} <{one}>" for title, one in pages.items()), caption)
    elif folder := FOLDERS.get(page):
        source[0] += toctree(pages_below(folder))


def setup(app: Sphinx) -> None:
    """Tell Sphinx."""
    app.connect("source-read", add_navigation)
