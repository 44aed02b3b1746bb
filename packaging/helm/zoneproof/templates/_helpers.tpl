{{- define "zoneproof.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* The prefix of all names: the release's, with the chart's unless it has that already. */}}
{{- define "zoneproof.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "zoneproof.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "zoneproof.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Labels by which a part's pods are selected: (list $ "webhook"). */}}
{{- define "zoneproof.selector" -}}
{{- $top := index . 0 -}}
app.kubernetes.io/name: {{ include "zoneproof.name" $top }}
app.kubernetes.io/instance: {{ $top.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "zoneproof.labels" -}}
{{- $top := index . 0 -}}
{{ include "zoneproof.selector" . }}
app.kubernetes.io/version: {{ $top.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $top.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $top.Chart.Name $top.Chart.Version | replace "+" "_" }}
{{- with $top.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "zoneproof.image" -}}
{{- if .Values.image.digest -}}
{{ printf "%s@%s" .Values.image.repository .Values.image.digest | quote }}
{{- else -}}
{{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) | quote }}
{{- end -}}
{{- end -}}

{{/* What all containers have: (list $ part-values). */}}
{{- define "zoneproof.container" -}}
{{- $top := index . 0 -}}
image: {{ include "zoneproof.image" $top }}
imagePullPolicy: {{ $top.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end -}}

{{/* What all pods have: (list $ part-values). */}}
{{- define "zoneproof.pod" -}}
{{- $top := index . 0 -}}
{{- $part := index . 1 -}}
securityContext:
  runAsNonRoot: true
  runAsUser: 953
  runAsGroup: 953
  fsGroup: 953
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with $top.Values.imagePullSecrets }}
imagePullSecrets:
{{ toYaml . | indent 2 }}
{{- end }}
{{- with $part.nodeSelector }}
nodeSelector:
{{ toYaml . | indent 2 }}
{{- end }}
{{- with $part.tolerations }}
tolerations:
{{ toYaml . | indent 2 }}
{{- end }}
{{- with $part.affinity }}
affinity:
{{ toYaml . | indent 2 }}
{{- end }}
{{- with $part.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{/* Labels of a part's pods: (list $ "webhook" part-values). */}}
{{- define "zoneproof.podLabels" -}}
{{ include "zoneproof.labels" . }}
{{- with (index . 2).podLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The egress of a network policy: DNS, ports of APIs, and what is added: (list networkPolicy). */}}
{{- define "zoneproof.egress" -}}
{{- $policy := index . 0 -}}
- ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
- to:
    - ipBlock:
        cidr: 0.0.0.0/0
        {{- if $policy.blockMetadata }}
        except: [169.254.169.254/32]
        {{- end }}
    - ipBlock:
        cidr: ::/0
        {{- if $policy.blockMetadata }}
        except: ["fd00:ec2::254/128"]
        {{- end }}
  ports:
    {{- range $policy.ports }}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
    {{- if not $policy.blockMetadata }}
    - {port: 80, protocol: TCP}
    - {port: 988, protocol: TCP}  # where GKE has led them by the time the policy is asked
    {{- end }}
{{- with $policy.egress }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The container that fills a home from an archive: (list $ home). */}}
{{- define "zoneproof.import" -}}
{{- $home := index . 1 -}}
- name: import
  {{- include "zoneproof.container" . | nindent 2 }}
  args:
    - import
    - archive
    - /archive/{{ $home.archiveKey }}
    - --passphrase
    - "@/archive/{{ $home.passphraseKey }}"
    - --yes
  env:
    - {name: ZONEPROOF_HOME, value: /data/home}
  volumeMounts:
    - {name: data, mountPath: /data}
    - {name: tmp, mountPath: /tmp}
    - {name: archive, mountPath: /archive, readOnly: true}
{{- end -}}

{{/* The rule by which Secrets are read: of these names, or all. */}}
{{- define "zoneproof.readSecrets" -}}
- apiGroups: [""]
  resources: [secrets]
  verbs: [get]
  {{- with .names }}
  resourceNames:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{- define "zoneproof.managerEnv" -}}
- {name: ZONEPROOF_HOME, value: /data/home}
{{- if .vaultKey.secretName }}
- {name: ZONEPROOF_VAULT_KEY_FILE, value: /vault-key/{{ .vaultKey.key }}}
{{- end }}
{{- with .env }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "zoneproof.managerMounts" -}}
- {name: data, mountPath: /data}
- {name: tmp, mountPath: /tmp}
- {name: config, mountPath: /etc/zoneproof, readOnly: true}
{{- if .vaultKey.secretName }}
- {name: vault-key, mountPath: /vault-key, readOnly: true}
{{- end }}
{{- end -}}

{{/* An address with a port, as Zoneproof reads it: (list address port). */}}
{{- define "zoneproof.endpoint" -}}
{{- $address := index . 0 -}}
{{- if contains ":" $address -}}[{{ $address }}]{{- else -}}{{ $address }}{{- end -}}:{{ index . 1 }}
{{- end -}}

{{/* All addresses with a port, as a list of TOML: (list $ port). */}}
{{- define "zoneproof.endpoints" -}}
{{- $port := index . 1 -}}
{{- $found := list -}}
{{- range (index . 0).Values.listenAddresses -}}
{{- $found = append $found (include "zoneproof.endpoint" (list . $port)) -}}
{{- end -}}
{{ $found | toJson }}
{{- end -}}
