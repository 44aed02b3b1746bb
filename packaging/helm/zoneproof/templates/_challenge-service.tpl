{{/* The name of all objects of the challenge service. */}}
{{- define "zoneproof.challengeName" -}}
{{ include "zoneproof.fullname" . }}-challenge
{{- end -}}

{{/* The name of the StatefulSet of nodes, which is another one than that of the one pod. */}}
{{- define "zoneproof.nodesName" -}}
{{ include "zoneproof.fullname" . }}-nodes
{{- end -}}

{{/* What cannot be, as a sentence. */}}
{{- define "zoneproof.challengeValues" -}}
{{- $service := .Values.challengeService -}}
{{- $database := $service.database -}}
{{- if and $service.nodes (not $database.url) -}}
{{- fail "challengeService.database.url: several nodes share a PostgreSQL database: write postgresql://user@host/database" -}}
{{- end -}}
{{- if and $database.url (not $service.nodes) -}}
{{- fail "challengeService.nodes: list the nodes that share challengeService.database" -}}
{{- end -}}
{{- if or (regexMatch "^[a-z]+://[^/?@]*:[^/?]*@" $database.url) (contains "password=" $database.url) -}}
{{- fail "challengeService.database.url: omit the password, and name the Secret that holds it as existingSecret" -}}
{{- end -}}
{{- if and $service.nodes (eq $service.tls.mode "auto") -}}
{{- fail "challengeService.tls.mode: 'auto' is for one pod: several nodes need 'file' with a Secret, or 'off' behind an ingress" -}}
{{- end -}}
{{- if and (eq $service.tls.mode "auto") (not $service.tls.agreeTos) -}}
{{- fail "challengeService.tls.agreeTos: with tls.mode 'auto', read the CA's terms of service and set it to true" -}}
{{- end -}}
{{- $below := printf ".%s" $service.zone -}}
{{- $nameserver := $service.nameserver | default (printf "ns1%s" $below) -}}
{{- if and (not $service.nodes) (not $service.addresses) (hasSuffix $below $nameserver) -}}
{{- fail "challengeService.addresses: list the public addresses of the load balancer, such as [192.0.2.1]: the name server in the zone needs them" -}}
{{- end -}}
{{- if and $service.apiName (eq $service.tls.mode "auto") (not $service.extraConfig) (not (hasSuffix $below $service.apiName)) -}}
{{- fail (printf "challengeService.apiName: with tls.mode 'auto' it is a name in the zone, such as api%s" $below) -}}
{{- end -}}
{{- $machines := list -}}
{{- $names := list -}}
{{- range $service.nodes -}}
{{- $names = append $names .name -}}
{{- if .machine -}}{{- $machines = append $machines .machine -}}{{- end -}}
{{- end -}}
{{- if ne (len $names) (len (uniq $names)) -}}
{{- fail "challengeService.nodes: two have the same name" -}}
{{- end -}}
{{- if and $machines (ne (len (uniq $machines)) (len $names)) -}}
{{- fail "challengeService.nodes: give each a machine of its own, or none of them one" -}}
{{- end -}}
{{- end -}}

{{/* The name of a node's file, less .toml: that of its pod, or of its machine: (list $ index node). */}}
{{- define "zoneproof.nodeKey" -}}
{{- $node := index . 2 -}}
{{ $node.machine | default (printf "%s-%d" (include "zoneproof.nodesName" (index . 0)) (index . 1)) }}
{{- end -}}

{{/* The name server of a node: (list zone node). */}}
{{- define "zoneproof.nameserver" -}}
{{- $node := index . 1 -}}
{{ $node.nameserver | default (printf "%s.%s" $node.name (index . 0)) }}
{{- end -}}

{{/* Names with their addresses, as records of the zone: (list zone host addresses). */}}
{{- define "zoneproof.addressRecords" -}}
{{- $zone := index . 0 -}}
{{- $host := index . 1 -}}
{{- if hasSuffix (printf ".%s" $zone) $host }}
{{- range index . 2 }}
{{ $host }}. {{ ternary "AAAA" "A" (contains ":" .) }} {{ . }}
{{- end }}
{{- end }}
{{- end -}}

{{/* zoneproof.toml without the zones, which can change without a restart: (list $ node-or-nil). */}}
{{- define "zoneproof.challengeSettings" -}}
{{- $top := index . 0 -}}
{{- $node := index . 1 -}}
{{- $service := $top.Values.challengeService -}}
{{- $zone := $service.zone -}}
database = {{ $service.database.url | default "/data/challenge.db" | quote }}

[dns]
listen = {{ include "zoneproof.endpoints" (list $top 5353) }}
workers = {{ $service.workers }}

{{- with $node }}

[node]
name = {{ .name | quote }}
address = {{ include "zoneproof.endpoint" (list (.peerAddress | default (first .addresses)) 53) | quote }}
replica = "/data/replica.db"
{{- end }}

[api]
listen = {{ include "zoneproof.endpoints" (list $top 8443) }}
open_registration = {{ $service.openRegistration }}
trusted_proxies = {{ $service.trustedProxies | toJson }}
tls = {{ $service.tls.mode | quote }}
{{- if eq $service.tls.mode "auto" }}
domain = {{ $service.apiName | default (printf "api.%s" $zone) | quote }}
acme_directory = {{ $service.tls.directory | quote }}
acme_email = {{ $service.tls.email | quote }}
acme_agree_tos = {{ $service.tls.agreeTos }}
{{- else if eq $service.tls.mode "file" }}
certificate = "/tls/tls.crt"
key = "/tls/tls.key"
{{- end }}

[pages]
hosts = [{{ $service.apiName | default (printf "api.%s" $zone) | quote }}]

[log]
format = "json"

[metrics]
listen = {{ include "zoneproof.endpoint" (list (first $top.Values.listenAddresses) 9153) | quote }}
{{- end -}}

{{/* The zones of zoneproof.toml, which are the same at all nodes. */}}
{{- define "zoneproof.challengeZones" -}}
{{- $service := .Values.challengeService -}}
{{- $zone := $service.zone -}}
{{- $api := $service.apiName | default (printf "api.%s" $zone) -}}
{{- $nameservers := list -}}
{{- $records := "" -}}
{{- range $service.nodes -}}
{{- $host := include "zoneproof.nameserver" (list $zone .) -}}
{{- $nameservers = append $nameservers $host -}}
{{- $records = print $records (include "zoneproof.addressRecords" (list $zone $host .addresses)) -}}
{{- end -}}
{{- if not $service.nodes -}}
{{- $host := $service.nameserver | default (printf "ns1.%s" $zone) -}}
{{- $nameservers = list $host -}}
{{- if ne $host $api -}}
{{- $records = include "zoneproof.addressRecords" (list $zone $host $service.addresses) -}}
{{- end -}}
{{- end -}}
{{- $records = print $records (include "zoneproof.addressRecords" (list $zone $api $service.addresses)) -}}
[[zones]]
name = {{ $zone | quote }}
nameservers = {{ $nameservers | toJson }}
hostmaster = {{ $service.hostmaster | default (printf "hostmaster@%s" $zone) | quote }}
records = '''{{ $records }}
'''
{{- with $service.extraConfig }}

{{ . }}
{{- end }}
{{- end -}}

{{/* Where pods of nodes may run: each machine once; what the values say goes over that. */}}
{{- define "zoneproof.nodeAffinity" -}}
{{- $service := .Values.challengeService -}}
{{- $apart := dict "labelSelector" (dict "matchLabels" (include "zoneproof.selector" (list . "challenge-service") | fromYaml)) "topologyKey" "kubernetes.io/hostname" -}}
{{- $affinity := dict "podAntiAffinity" (dict "requiredDuringSchedulingIgnoredDuringExecution" (list $apart)) -}}
{{- $affinity = mergeOverwrite $affinity (deepCopy $service.affinity) -}}
{{- $terms := list -}}
{{- range $service.nodes -}}
{{- if .machine -}}
{{- $field := dict "key" "metadata.name" "operator" "In" "values" (list .machine) -}}
{{- $terms = append $terms (dict "matchFields" (list $field)) -}}
{{- end -}}
{{- end -}}
{{- if $terms -}}
{{- $required := dict "nodeSelectorTerms" $terms -}}
{{- $_ := set $affinity "nodeAffinity" (dict "requiredDuringSchedulingIgnoredDuringExecution" $required) -}}
{{- end -}}
{{ $affinity | toYaml }}
{{- end -}}
