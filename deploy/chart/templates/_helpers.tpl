{{- define "labels" -}}
app.kubernetes.io/name: nginx
app.kubernetes.io/part-of: wherry
{{- end }}

{{- define "metadata" -}}
name: nginx
namespace: {{ .Release.Namespace }}
labels: {{- include "instance" . | nindent 2 }}
{{- end }}

{{- define "instance" -}}
{{ include "labels" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "account" -}}
kind: ServiceAccount
name: nginx
namespace: {{ .Release.Namespace }}
{{- end }}

{{/* What the namespaced kinds ask for: table.py says what is followed, and a test that this is it. */}}
{{- define "rules" -}}
- apiGroups: [""]
  resources: [services]
  verbs: [list, watch]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [list, watch]
{{- end }}

{{- define "follow" -}}
{{- range .Values.namespaces }}
- --namespace
- {{ . | quote }}
{{- else }}
- --all-namespaces
{{- end }}
{{- with .Values.selector }}
- --selector
- {{ . | quote }}
{{- end }}
{{- with .Values.domain }}
- --domain
- {{ . | quote }}
{{- end }}
{{- if .Values.endpoints }}
- --endpoints
{{- end }}
{{- if ne (toString .Values.settle) "" }}
- --settle
- {{ .Values.settle | int64 | quote }}
{{- end }}
{{- range .Values.trustedProxies }}
- --trusted-proxy
- {{ . | quote }}
{{- end }}
{{- end }}

{{/* What every container has: (dict "root" . "token" BOOL "resources" MAP). */}}
{{- define "container" -}}
image: {{ printf "%s:%s" .root.Values.image.repository (.root.Values.image.tag | default .root.Chart.AppVersion) | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
resources: {{- toYaml .resources | nindent 2 }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
volumeMounts:
  - {name: conf, mountPath: /etc/nginx/conf.d}
  {{- if .token }}
  - {name: token, mountPath: /var/run/secrets/kubernetes.io/serviceaccount, readOnly: true}
  {{- end }}
{{- end }}

{{/* (list . PATH PORT DELAY PERIOD) */}}
{{- define "probe" -}}
httpGet:
  path: {{ index . 1 }}
  port: {{ index . 2 }}
  {{- if (index . 0).Values.hostNetwork }}
  host: 127.0.0.1
  {{- end }}
{{- with index . 3 }}
initialDelaySeconds: {{ . }}
{{- end }}
periodSeconds: {{ index . 4 }}
timeoutSeconds: 5
{{- end }}
