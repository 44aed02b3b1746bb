"""A small client of the Kubernetes API: how a cluster is reached, and the few requests needed."""

from zoneproof.kubernetes.access import ClusterAccess, in_cluster, with_token
from zoneproof.kubernetes.client import KubernetesClient
from zoneproof.kubernetes.kubeconfig import read_kubeconfig

__all__ = [
    "ClusterAccess",
    "KubernetesClient",
    "in_cluster",
    "read_kubeconfig",
    "with_token",
]
