"""What the API server asks of every extension: its groups, resources and OpenAPI documents.

As legacy discovery has them (Kubernetes 1.27 to 1.37): an aggregator that would like the newer form
takes this too. Without them the APIService counts as unavailable, and namespaces cannot be deleted.
"""

from __future__ import annotations

from typing import Any, Final

from zoneproof import __version__
from zoneproof.certmanager.payload import API_VERSION, KIND

VERSION: Final = "v1alpha1"
RESOURCE: Final = "zoneproof"
_TITLE = "Zoneproof webhook solver"


def group_list(group: str) -> dict[str, Any]:
    """Return the answer at ``/apis``."""
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(group)]}


def api_group(group: str) -> dict[str, Any]:
    """Return the answer at ``/apis/GROUP``."""
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(group)}


def resource_list(group: str) -> dict[str, Any]:
    """Return the answer at ``/apis/GROUP/v1alpha1``."""
    kind_group, _, kind_version = API_VERSION.partition("/")
    resource = {
        "name": RESOURCE,
        "singularName": RESOURCE,
        "namespaced": False,
        "group": kind_group,
        "version": kind_version,
        "kind": KIND,
        "verbs": ["create"],
    }
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": f"{group}/{VERSION}",
        "resources": [resource],
    }


def openapi_v2() -> dict[str, Any]:
    """Return the answer at ``/openapi/v2``: valid, and without what nobody reads."""
    return {"swagger": "2.0", "info": _info(), "paths": {}}


def openapi_v3_index(group: str) -> dict[str, Any]:
    """Return the answer at ``/openapi/v3``."""
    path = f"apis/{group}/{VERSION}"
    return {"paths": {path: {"serverRelativeURL": f"/openapi/v3/{path}?hash={__version__}"}}}


def openapi_v3() -> dict[str, Any]:
    """Return the document that the index leads to."""
    return {"openapi": "3.0.0", "info": _info(), "paths": {}}


def _info() -> dict[str, str]:
    return {"title": _TITLE, "version": __version__}


def _group(group: str) -> dict[str, Any]:
    version = {"groupVersion": f"{group}/{VERSION}", "version": VERSION}
    return {"name": group, "versions": [version], "preferredVersion": version}
