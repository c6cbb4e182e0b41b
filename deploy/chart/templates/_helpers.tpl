{{- define "impasto.labels" -}}
app.kubernetes.io/name: impasto
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* Nothing runs as root or writes outside its volumes. Service links would put variables into the environment that begin like Impasto's own. */}}
{{- define "impasto.pod" -}}
enableServiceLinks: false
automountServiceAccountToken: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: { type: RuntimeDefault }
{{- with .Values.image.pullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "impasto.container" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
{{- end }}

{{/* Settings of a values file as variables: slots of a worker is IMPASTO_WORKER__SLOTS. */}}
{{- define "impasto.settings" -}}
{{- $server := .server }}
{{- range $key, $value := .settings }}
- { name: {{ printf "IMPASTO_%s__%s" $server (upper $key) }}, value: {{ if kindIs "float64" $value }}{{ int64 $value | quote }}{{ else }}{{ $value | quote }}{{ end }} }
{{- end }}
{{- end }}

{{/* What placing a pod takes. */}}
{{- define "impasto.placement" -}}
{{- with .nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Workers of one kind: `root`, `name`, `image` and `pool`. They serve nothing, so there is nothing to probe: a worker that falls silent loses its lease, and one that dies is started again. */}}
{{- define "impasto.workers" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .root.Release.Name }}-{{ .name }}
  labels: {{ include "impasto.labels" .root | nindent 4 }}
    app.kubernetes.io/component: {{ .name }}
spec:
  replicas: {{ .pool.replicas }}
  selector:
    matchLabels: {{ include "impasto.labels" .root | nindent 6 }}
      app.kubernetes.io/component: {{ .name }}
  template:
    metadata:
      labels: {{ include "impasto.labels" .root | nindent 8 }}
        app.kubernetes.io/component: {{ .name }}
    spec:
      {{- include "impasto.pod" .root | nindent 6 }}
      {{- with .pool.runtimeClassName }}
      runtimeClassName: {{ . }}
      {{- end }}
      {{- include "impasto.placement" .pool | nindent 6 }}
      # On SIGTERM a worker returns its tasks and stops.
      terminationGracePeriodSeconds: 60
      containers:
        - name: worker
          image: {{ .image }}
          imagePullPolicy: {{ .root.Values.image.pullPolicy }}
          args: [worker]
          env:
            - { name: IMPASTO_WORKER__COORDINATOR, value: "http://{{ .root.Release.Name }}-coordinator:7421" }
            - { name: IMPASTO_WORKER__CACHE_DIR, value: /var/cache/impasto/blobs }
            - { name: IMPASTO_WORKER__MODELS_DIR, value: /var/cache/impasto/models }
            {{- if .pool.resource }}
            # The container sees only its own GPU or slice, which is number 0.
            - { name: IMPASTO_WORKER__DEVICE, value: "cuda:0" }
            {{- end }}
            {{- include "impasto.settings" (dict "server" "WORKER" "settings" .pool.settings) | nindent 12 }}
          resources:
            {{- $resources := deepCopy (.pool.resources | default dict) }}
            {{- if .pool.resource }}
            {{- $resources = mergeOverwrite $resources (dict "limits" (dict .pool.resource 1)) }}
            {{- end }}
            {{- toYaml $resources | nindent 12 }}
          {{- include "impasto.container" .root | nindent 10 }}
          volumeMounts:
            - { name: cache, mountPath: /var/cache/impasto }
            - { name: scratch, mountPath: /tmp }
      volumes:
        - name: cache
          emptyDir: { sizeLimit: {{ .pool.cache }} }
        - name: scratch
          emptyDir: {}
{{- end }}
