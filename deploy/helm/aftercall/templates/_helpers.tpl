{{- define "aftercall.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "aftercall.selector" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with get . "component" }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end -}}

{{- define "aftercall.labels" -}}
{{ include "aftercall.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{- define "aftercall.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "aftercall.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "aftercall.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end -}}

{{- define "aftercall.buildId" -}}
{{- default (default .Chart.AppVersion .Values.image.tag) .Values.versioning.buildId -}}
{{- end -}}

{{/* A value as text: numbers without an exponent. */}}
{{- define "aftercall.text" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) -}}{{ int64 . }}{{- else -}}{{ toString . }}{{- end -}}
{{- end -}}

{{/* Whether serve or worker keep anything in the shared volume. */}}
{{- define "aftercall.shared" -}}
{{- if or (hasPrefix "file:" .Values.storage.recordingsUrl) (hasPrefix "file:" .Values.storage.dialLedgerUrl) -}}yes{{- end -}}
{{- end -}}

{{- define "aftercall.tlsToTemporal" -}}
{{- with .Values.temporal }}{{ if or .tls.enabled .tls.caSecret .tls.clientSecret .apiKey.existingSecret }}yes{{ end }}{{ end -}}
{{- end -}}

{{/* Refuses what would lose data or stand open. The schema refuses what it can say. */}}
{{- define "aftercall.check" -}}
{{- if and (eq .Values.inbox.driver "sqlite") (gt (int .Values.serve.replicas) 1) -}}
{{- fail "serve.replicas: an inbox of SQLite is one serve's; set inbox.driver to postgres for more" -}}
{{- end -}}
{{- if and (eq .Values.inbox.driver "postgres") (not .Values.inbox.postgres.existingSecret) -}}
{{- fail "inbox.postgres.existingSecret: name the Secret with the URL of the database" -}}
{{- end -}}
{{- range $name, $url := dict "recordingsUrl" .Values.storage.recordingsUrl "dialLedgerUrl" .Values.storage.dialLedgerUrl -}}
{{- if and (hasPrefix "file:" $url) (not (hasPrefix "file:/data/" $url)) -}}
{{- fail (printf "storage.%s: a folder must be below /data, where the volume is; anything else is lost with the pod" $name) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.codec.enabled (not .Values.secrets.keys.codecToken) -}}
{{- fail "secrets.keys.codecToken: the codec listener decrypts everything, and needs a token here" -}}
{{- end -}}
{{- if and .Values.keda.enabled .Values.temporal.tls.enabled (not .Values.temporal.apiKey.existingSecret) (not .Values.temporal.tls.clientSecret) (not .Values.temporal.tls.caSecret) -}}
{{- fail "keda.enabled: KEDA speaks TLS to Temporal with an API key or certificates: name them in temporal" -}}
{{- end -}}
{{- if and .Values.networkPolicy.enabled (not .Values.metrics.enabled) .Values.metrics.serviceMonitor.enabled -}}
{{- fail "metrics.serviceMonitor: there is nothing to scrape while metrics.enabled is false" -}}
{{- end -}}
{{- end -}}

{{/* The environment of serve, worker or setup: .root, .role. */}}
{{- define "aftercall.env" -}}
{{- $v := .root.Values -}}
{{- $serve := eq .role "serve" -}}
{{- $worker := eq .role "worker" -}}
- {name: TEMPORAL_ADDRESS, value: {{ $v.temporal.address | quote }}}
- {name: TEMPORAL_NAMESPACE, value: {{ $v.temporal.namespace | quote }}}
{{- if $v.temporal.apiKey.existingSecret }}
- {name: TEMPORAL_API_KEY_FILE, value: /run/temporal/key/api_key}
{{- end }}
{{- if include "aftercall.tlsToTemporal" .root }}
- {name: TEMPORAL_TLS, value: "true"}
{{- end }}
{{- with $v.temporal.tls.serverName }}
- {name: TEMPORAL_TLS_SERVER_NAME, value: {{ . | quote }}}
{{- end }}
{{- if $v.temporal.tls.caSecret }}
- {name: TEMPORAL_TLS_SERVER_CA_CERT_PATH, value: /run/temporal/ca/ca.crt}
{{- end }}
{{- if $v.temporal.tls.clientSecret }}
- {name: TEMPORAL_TLS_CLIENT_CERT_PATH, value: /run/temporal/client/tls.crt}
- {name: TEMPORAL_TLS_CLIENT_KEY_PATH, value: /run/temporal/client/tls.key}
{{- end }}
{{- if and $v.versioning.enabled (has .role (list "worker" "promote")) }}
- {name: TEMPORAL_DEPLOYMENT_NAME, value: {{ default (include "aftercall.fullname" .root) $v.versioning.deploymentName | quote }}}
- {name: TEMPORAL_WORKER_BUILD_ID, value: {{ include "aftercall.buildId" .root | quote }}}
{{- end }}
{{- if $serve }}
- {name: AFTERCALL_HTTP_ADDR, value: "0.0.0.0:8080"}
- {name: AFTERCALL_WEBHOOK_ADDR, value: "0.0.0.0:8082"}
{{- if eq $v.inbox.driver "postgres" }}
- name: AFTERCALL_INBOX_URL
  valueFrom: {secretKeyRef: {name: {{ $v.inbox.postgres.existingSecret }}, key: {{ $v.inbox.postgres.key }}}}
{{- else }}
- {name: AFTERCALL_INBOX_URL, value: "sqlite:/data/inbox/inbox.db"}
{{- end }}
{{- if $v.codec.enabled }}
- {name: AFTERCALL_CODEC_ADDR, value: "0.0.0.0:{{ $v.codec.port }}"}
{{- end }}
{{- end }}
{{- if or $serve $worker }}
- {name: AFTERCALL_RECORDINGS_URL, value: {{ $v.storage.recordingsUrl | quote }}}
- {name: AFTERCALL_DIAL_LEDGER_URL, value: {{ $v.storage.dialLedgerUrl | quote }}}
{{- if $v.metrics.enabled }}
- {name: AFTERCALL_METRICS_ADDR, value: "0.0.0.0:{{ $v.metrics.port }}"}
{{- end }}
{{- if $v.tls.existingSecret }}
- {name: AFTERCALL_TLS_CERT_FILE, value: /run/tls/tls.crt}
- {name: AFTERCALL_TLS_KEY_FILE, value: /run/tls/tls.key}
{{- end }}
{{- end }}
{{- range $setting, $key := include "aftercall.secretFiles" . | fromYaml }}
- {name: {{ $setting }}_FILE, value: /run/secrets/aftercall/{{ $key }}}
{{- end }}
{{- range $name, $value := $v.settings }}
- {name: {{ $name }}, value: {{ include "aftercall.text" $value | quote }}}
{{- end }}
{{- with $v.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The secrets that a role reads, by setting. serve has the AppsIds for the operators' commands that run in it. */}}
{{- define "aftercall.secretFiles" -}}
{{- $k := .root.Values.secrets.keys -}}
{{- $all := dict -}}
{{- if has .role (list "serve" "worker") -}}
{{- $_ := set $all "AFTERCALL_ENCRYPTION_KEYS" $k.encryptionKeys -}}
{{- $_ := set $all "AFTERCALL_HASH_KEY" $k.hashKey -}}
{{- $_ := set $all "AFTERCALL_ADMIN_TOKEN" $k.adminToken -}}
{{- end -}}
{{- if eq .role "serve" -}}
{{- $_ := set $all "AFTERCALL_WEBHOOK_CREDENTIALS" $k.webhookCredentials -}}
{{- $_ := set $all "AFTERCALL_API_KEYS" $k.apiKeys -}}
{{- $_ := set $all "AFTERCALL_CODEC_TOKEN" $k.codecToken -}}
{{- end -}}
{{- if has .role (list "serve" "worker") -}}
{{- $_ := set $all "AFTERCALL_UNIFONIC_APPS_ID" $k.unifonicAppsId -}}
{{- $_ := set $all "AFTERCALL_CALLBACK_SECRETS" $k.callbackSecrets -}}
{{- $_ := set $all "AFTERCALL_UNIFONIC_MASKING_APPS_ID" $k.unifonicMaskingAppsId -}}
{{- end -}}
{{- range $setting, $key := $all -}}
{{- if $key }}
{{ $setting }}: {{ $key }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "aftercall.volumes" -}}
{{- $v := .root.Values -}}
{{- $files := include "aftercall.secretFiles" . | fromYaml -}}
{{- if $files }}
- name: secrets
  secret:
    secretName: {{ $v.secrets.existingSecret }}
    defaultMode: 0440
    items:
      {{- range $key := values $files | sortAlpha }}
      - {key: {{ $key }}, path: {{ $key }}}
      {{- end }}
{{- end }}
{{- if $v.temporal.apiKey.existingSecret }}
- name: temporal-key
  secret: {secretName: {{ $v.temporal.apiKey.existingSecret }}, defaultMode: 0440, items: [{key: {{ $v.temporal.apiKey.key }}, path: api_key}]}
{{- end }}
{{- if $v.temporal.tls.caSecret }}
- name: temporal-ca
  secret: {secretName: {{ $v.temporal.tls.caSecret }}, defaultMode: 0440, items: [{key: ca.crt, path: ca.crt}]}
{{- end }}
{{- if $v.temporal.tls.clientSecret }}
- name: temporal-client
  secret: {secretName: {{ $v.temporal.tls.clientSecret }}, defaultMode: 0440}
{{- end }}
{{- if has .role (list "serve" "worker") }}
{{- if $v.tls.existingSecret }}
- name: tls
  secret: {secretName: {{ $v.tls.existingSecret }}, defaultMode: 0440}
{{- end }}
{{- if include "aftercall.shared" .root }}
- name: shared
  persistentVolumeClaim: {claimName: {{ default (printf "%s-shared" (include "aftercall.fullname" .root)) $v.storage.volume.existingClaim }}}
{{- end }}
{{- end }}
{{- with $v.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "aftercall.mounts" -}}
{{- $v := .root.Values -}}
{{- if include "aftercall.secretFiles" . | fromYaml }}
- {name: secrets, mountPath: /run/secrets/aftercall, readOnly: true}
{{- end }}
{{- if $v.temporal.apiKey.existingSecret }}
- {name: temporal-key, mountPath: /run/temporal/key, readOnly: true}
{{- end }}
{{- if $v.temporal.tls.caSecret }}
- {name: temporal-ca, mountPath: /run/temporal/ca, readOnly: true}
{{- end }}
{{- if $v.temporal.tls.clientSecret }}
- {name: temporal-client, mountPath: /run/temporal/client, readOnly: true}
{{- end }}
{{- if has .role (list "serve" "worker") }}
{{- if $v.tls.existingSecret }}
- {name: tls, mountPath: /run/tls, readOnly: true}
{{- end }}
{{- range $url := list $v.storage.recordingsUrl $v.storage.dialLedgerUrl | uniq }}
{{- if hasPrefix "file:" $url }}
- {name: shared, mountPath: {{ trimPrefix "file:" $url }}, subPath: {{ base $url }}}
{{- end }}
{{- end }}
{{- if and (eq .role "serve") (eq $v.inbox.driver "sqlite") }}
- {name: inbox, mountPath: /data/inbox}
{{- end }}
{{- end }}
{{- with $v.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* A pod of serve, worker or setup: .root, .role, .of (values of the role). */}}
{{- define "aftercall.pod" -}}
{{- $v := .root.Values -}}
metadata:
  labels:
    {{- include "aftercall.labels" (dict "root" .root "component" .role) | nindent 4 }}
    {{- with get .of "podLabels" }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with get .of "podAnnotations" }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ include "aftercall.serviceAccount" .root }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- with $v.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  {{- if not (has .role (list "serve" "worker")) }}
  restartPolicy: OnFailure
  {{- else }}
  terminationGracePeriodSeconds: 60 # AFTERCALL_DRAIN, then ten seconds at most
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    fsGroup: 65532
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile: {type: RuntimeDefault}
  {{- with get .of "priorityClassName" }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with get .of "nodeSelector" }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with get .of "tolerations" }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with get .of "affinity" }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with get .of "topologySpreadConstraints" }}
  topologySpreadConstraints:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: {{ .role }}
      image: {{ include "aftercall.image" .root | quote }}
      imagePullPolicy: {{ $v.image.pullPolicy }}
      args: {{ default (list .role) (get . "args") | toJson }}
      securityContext:
        readOnlyRootFilesystem: true
        allowPrivilegeEscalation: false
        capabilities: {drop: [ALL]}
      env:
        {{- include "aftercall.env" . | nindent 8 }}
      {{- with $v.extraEnvFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- if eq .role "serve" }}
      ports:
        - {name: http, containerPort: 8080}
        - {name: webhook, containerPort: 8082}
        {{- if $v.codec.enabled }}
        - {name: codec, containerPort: {{ $v.codec.port }}}
        {{- end }}
        {{- if $v.metrics.enabled }}
        - {name: metrics, containerPort: {{ $v.metrics.port }}}
        {{- end }}
      startupProbe:
        exec: {command: [/usr/local/bin/aftercall, health]}
        periodSeconds: 2
        timeoutSeconds: 10
        failureThreshold: 60
      readinessProbe: # 503 while it drains, or its inbox cannot commit
        httpGet: {path: /healthz, port: webhook{{ if $v.tls.existingSecret }}, scheme: HTTPS{{ end }}}
        periodSeconds: 2
        timeoutSeconds: 5
        failureThreshold: 2
      {{- else if eq .role "worker" }}
      {{- if $v.metrics.enabled }}
      ports:
        - {name: metrics, containerPort: {{ $v.metrics.port }}}
      {{- end }}
      readinessProbe:
        exec: {command: [/usr/local/bin/aftercall, health]}
        periodSeconds: 10
        timeoutSeconds: 10
      {{- end }}
      {{- with get .of "livenessProbe" }}
      livenessProbe:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with get .of "resources" }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with include "aftercall.mounts" . | trim }}
      volumeMounts:
        {{- . | nindent 8 }}
      {{- end }}
  {{- with include "aftercall.volumes" . | trim }}
  volumes:
    {{- . | nindent 4 }}
  {{- end }}
{{- end -}}
