"""The combinations of values with which the chart is rendered in tests."""

from __future__ import annotations

from typing import Any

SERVICE: dict[str, Any] = {
    "enabled": True,
    "zone": "auth.example.org",
    "addresses": ["192.0.2.1", "2001:db8::1"],
    "tls": {"agreeTos": True},
}
OPENSHIFT_DNS: dict[str, Any] = {
    "to": [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "openshift-dns"}}}
    ],
    "ports": [{"port": 5353, "protocol": "UDP"}, {"port": 5353, "protocol": "TCP"}],
}
CERTS = '[[certificate]]\nidentifiers = ["www.example.com"]\n'
NODES: dict[str, Any] = {
    **SERVICE,
    "addresses": ["192.0.2.10"],
    "tls": {"mode": "file", "secretName": "api-tls"},
    "nodes": [
        {
            "name": "ns1",
            "addresses": ["192.0.2.1", "2001:db8::1"],
            "loadBalancerIP": "192.0.2.1",
            "annotations": {"a": "b"},
        },
        {"name": "ns2", "addresses": ["2001:db8::2"]},
        {"name": "ns3", "addresses": ["192.0.2.3"], "peerAddress": "10.0.0.3"},
    ],
    "database": {"url": "postgresql://zoneproof@db/zoneproof", "existingSecret": "db-app"},
}
ON_MACHINES: dict[str, Any] = {
    **NODES,
    "nodes": [
        {"name": "a", "machine": "worker-1", "addresses": ["192.0.2.1"]},
        {
            "name": "b",
            "machine": "worker-2.example.net",
            "addresses": ["192.0.2.2"],
            "nameserver": "dns2.example.net",
        },
    ],
}
CASES: dict[str, dict[str, Any]] = {
    "defaults": {},
    "narrow webhook": {
        "webhook": {
            "groupName": "acme.example.com",
            "secrets": {"namespaces": ["cert-manager", "shop"], "names": ["cloudflare"]},
            "networkPolicy": {
                "apiServerCIDRs": ["10.0.0.0/28"],
                "ports": [443, 6443, 8080],
                "egress": [OPENSHIFT_DNS],
            },
            "podDisruptionBudget": {"maxUnavailable": "50%"},
        },
        "image": {"repository": "registry.example.com/zoneproof", "digest": "sha256:" + "0" * 64},
        "imagePullSecrets": [{"name": "registry"}],
        "commonLabels": {"team": "dns"},
    },
    "wide webhook": {
        "webhook": {
            "replicas": 3,
            "secrets": {"allNamespaces": True},
            "home": {"secretName": "zoneproof-home"},
            "dns": {
                "propagation": "authoritative+30",
                "propagationTimeout": 300,
                "resolvers": ["9.9.9.9", "https://dns.example/dns-query"],
            },
            "networkPolicy": {"enabled": False},
            "podDisruptionBudget": {"enabled": False},
        },
    },
    "webhook on the network of the machines": {
        "webhook": {"hostNetwork": True, "port": 9444},
    },
    "workload identity of Azure": {
        "webhook": {
            "serviceAccount": {"annotations": {"azure.workload.identity/client-id": "c"}},
            "podLabels": {"azure.workload.identity/use": "true"},
            "env": [{"name": "A", "value": "b"}],
            "networkPolicy": {"blockMetadata": False},
            "tolerations": [{"key": "spot", "operator": "Exists"}],
            "nodeSelector": {"kubernetes.io/os": "linux"},
            "affinity": {"nodeAffinity": {}},
            "priorityClassName": "system-cluster-critical",
            "podAnnotations": {"a": "b"},
        },
    },
    "challenge service": {
        "webhook": {"enabled": False},
        "challengeService": {
            **SERVICE,
            "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
            "networkPolicy": {"metricsNamespaces": ["monitoring"], "egress": [OPENSHIFT_DNS]},
            "tls": {"mode": "auto", "email": "dns@example.org", "agreeTos": True},
        },
    },
    "challenge service with a class": {
        "webhook": {"enabled": False},
        "challengeService": {
            **SERVICE,
            "service": {"loadBalancerClass": "networking.gke.io/l4-regional-external"},
        },
    },
    "nodes with a class": {
        "webhook": {"enabled": False},
        "challengeService": {
            **NODES,
            "service": {"type": "ClusterIP", "loadBalancerClass": "service.k8s.aws/nlb"},
        },
    },
    "challenge service with files": {
        "webhook": {"enabled": False},
        "challengeService": {
            **SERVICE,
            "tls": {"mode": "file", "secretName": "api-tls"},
            "service": {"type": "NodePort", "annotations": {"a": "b"}},
            "persistence": {"existingClaim": "old"},
            "extraConfig": (
                "[[zones]]\nname = 'auth.example.net'\nnameservers = ['ns1.auth.example.org']\n"
                "hostmaster = 'dns@example.org'"
            ),
        },
    },
    "challenge service behind a proxy": {
        "webhook": {"enabled": False},
        "challengeService": {
            **SERVICE,
            "tls": {"mode": "off"},
            "apiName": "auth-api.example.org",
            "trustedProxies": ["10.0.0.0/8"],
            "service": {"loadBalancerIP": "192.0.2.1"},
            "persistence": {"storageClassName": "fast"},
            "networkPolicy": {"enabled": False},
        },
    },
    "nodes": {"webhook": {"enabled": False}, "challengeService": NODES},
    "nodes behind an ingress": {
        "webhook": {"enabled": False},
        "challengeService": {
            **NODES,
            "tls": {"mode": "off"},
            "service": {"type": "ClusterIP"},
            "trustedProxies": ["10.0.0.0/8"],
            "podDisruptionBudget": {"enabled": False},
            "serviceMonitor": {"enabled": True},
            "database": {
                "url": "postgresql://zoneproof@a:5433,b:5433/zoneproof",
                "caSecret": "db-ca",
            },
            "networkPolicy": {
                "databasePorts": [5433],
                "databasePeers": [{"podSelector": {"matchLabels": {"app": "postgres"}}}],
                "egress": [OPENSHIFT_DNS],
            },
            "affinity": {
                "podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": []},
            },
        },
    },
    "nodes on machines": {"webhook": {"enabled": False}, "challengeService": ON_MACHINES},
    "manager with pages": {
        "webhook": {"enabled": False},
        "manager": {
            "enabled": True,
            "web": {
                "enabled": True,
                "hosts": ["certs.example.com"],
                "tls": {"secretName": "pages-tls"},
                "proxies": ["10.0.0.0/8", "fd00::/8"],
                "userHeader": "X-Remote-User",
                "service": {"type": "LoadBalancer", "annotations": {"a": "b"}},
            },
            "networkPolicy": {
                "webPeers": [{"ipBlock": {"cidr": "10.0.0.0/8"}}],
                "egress": [OPENSHIFT_DNS],
            },
        },
    },
    "manager with pages and its own certificate": {
        "webhook": {"enabled": False},
        "manager": {"enabled": True, "web": {"enabled": True, "tls": {"managed": "pages"}}},
    },
    "manager with pages for port-forward": {
        "webhook": {"enabled": False},
        "manager": {"enabled": True, "web": {"enabled": True}},
    },
    "manager": {
        "webhook": {"enabled": False},
        "manager": {
            "enabled": True,
            "certs": CERTS,
            "settings": 'account = "letsencrypt"\n',
            "home": {"secretName": "zoneproof-home"},
            "vaultKey": {"secretName": "zoneproof-vault"},
            "secrets": {"namespaces": ["istio-ingress"], "names": ["www-tls"]},
        },
    },
    "manager alone": {
        "webhook": {"enabled": False},
        "manager": {"enabled": True, "persistence": {"existingClaim": "old"}},
    },
    "two families": {
        "listenAddresses": ["0.0.0.0", "::"],
        "challengeService": SERVICE,
    },
    "everything": {
        "challengeService": SERVICE,
        "manager": {"enabled": True, "certs": CERTS},
        "fullnameOverride": "dns",
    },
}
