"""The providers: one line for each, with its slug, its module and its class."""

from __future__ import annotations

from collections.abc import Mapping

MODULES: Mapping[str, str] = {
    "acme-dns": "acme_dns:AcmeDns",
    "bunny": "bunny:Bunny",
    "all-inkl": "all_inkl:AllInkl",
    "challenge": "challenge:ChallengeService",
    "cloudflare": "cloudflare:Cloudflare",
    "cloudns": "cloudns:ClouDns",
    "combell": "combell:Combell",
    "constellix": "constellix:Constellix",
    "desec": "desec:Desec",
    "digitalocean": "digitalocean:DigitalOcean",
    "dnsimple": "dnsimple:Dnsimple",
    "gandi": "gandi:Gandi",
    "hetzner": "hetzner:Hetzner",
    "linode": "linode:Linode",
    "luadns": "luadns:Luadns",
    "dnsmadeeasy": "dnsmadeeasy:DnsMadeEasy",
    "godaddy": "godaddy:GoDaddy",
    "ionos": "ionos:Ionos",
    "domainoffensive": "domainoffensive:DomainOffensive",
    "dreamhost": "dreamhost:DreamHost",
    "duckdns": "duckdns:DuckDns",
    "dynu": "dynu:Dynu",
    "hurricane": "hurricane:Hurricane",
    "hurricane-dyn": "hurricane_dyn:HurricaneDyn",
    "inwx": "inwx:Inwx",
    "loopia": "loopia:Loopia",
    "manual": "manual:Manual",
    "mythicbeasts": "mythicbeasts:MythicBeasts",
    "namecheap": "namecheap:Namecheap",
    "netlify": "netlify:Netlify",
    "ns1": "ns1:Ns1",
    "porkbun": "porkbun:Porkbun",
    "namecom": "namecom:NameCom",
    "namesilo": "namesilo:NameSilo",
    "pointdns": "pointdns:PointDns",
    "netcup": "netcup:Netcup",
    "rfc2136": "rfc2136:Rfc2136",
    "scaleway": "scaleway:Scaleway",
    "route53": "route53:Route53",
    "script": "script:Script",
    "vercel": "vercel:Vercel",
    "vultr": "vultr:Vultr",
    "simply": "simply:Simply",
    "zilore": "zilore:Zilore",
}
# What stands before the colon of a slug, as in acmesh:dns_cf.
FAMILIES: Mapping[str, str] = {
    "acmesh": "acme_sh:AcmeShScript",
    "certbot": "certbot_plugins:CertbotPlugin",
    "lexicon": "dns_lexicon:LexiconModule",
    "zonomi": "zonomi:Zonomi",
}
