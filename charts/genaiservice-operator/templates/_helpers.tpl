{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{- define "genai.name" -}}
genaiservice-operator
{{- end }}

{{/* What a pod or a Service is found by; never changes over the life of a release. */}}
{{- define "genai.selector" -}}
app.kubernetes.io/name: {{ include "genai.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "genai.labels" -}}
{{ include "genai.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | quote }}
{{- end }}

{{/* A digest wins over a tag; without either the version of the chart is the tag. */}}
{{- define "genai.imageOf" -}}
{{- if .image.digest -}}
{{ .image.repository }}@{{ .image.digest }}
{{- else -}}
{{ .image.repository }}:{{ .image.tag | default .version }}
{{- end -}}
{{- end }}

{{- define "genai.image" -}}
{{ include "genai.imageOf" (dict "image" .Values.image "version" .Chart.AppVersion) }}
{{- end }}

{{/* The guard lives in the operator's image unless the values name another one. */}}
{{- define "genai.guardImage" -}}
{{- if .Values.guard.image.repository -}}
{{ include "genai.imageOf" (dict "image" .Values.guard.image "version" .Chart.AppVersion) }}
{{- else -}}
{{ include "genai.image" . }}
{{- end -}}
{{- end }}

{{- define "genai.serviceAccount" -}}
{{ .Values.serviceAccount.name }}
{{- end }}

{{/* The user name under which the API server knows the operator. */}}
{{- define "genai.operatorUser" -}}
system:serviceaccount:{{ .Release.Namespace }}:{{ include "genai.serviceAccount" . }}
{{- end }}

{{/* Namespaces in which no policy of this chart may ever stop a pod: the cluster's own and ours. */}}
{{- define "genai.namespaceSelector" -}}
matchExpressions:
  - key: kubernetes.io/metadata.name
    operator: NotIn
    values:
      {{- range (prepend (concat (list "kube-system") .Values.admission.exemptNamespaces) .Release.Namespace) | uniq }}
      - {{ . | quote }}
      {{- end }}
{{- end }}

{{/* A list of strings as CEL. */}}
{{- define "genai.cel.strings" -}}
[{{ range $i, $s := . }}{{ if $i }}, {{ end }}'{{ $s }}'{{ end }}]
{{- end }}

{{/* The user names of a controller of the cluster, with and without credentials of its own. */}}
{{- define "genai.cel.controller" -}}
['system:serviceaccount:kube-system:{{ . }}', 'system:kube-controller-manager']
{{- end }}

{{/*
CEL: whether a new pod of the service may start. A managed pod comes from the template that was
admitted (workload.yaml sees to that), so it may start while a newer declaration is refused; only a
suspension holds it.
*/}}
{{- define "genai.cel.open" -}}
params.spec.rolloutAllowed
|| params.metadata.labels['compliance.genai.dev/mode'] == 'managed'
  && params.metadata.labels[?'compliance.genai.dev/suspended'].orValue('') != 'true'
{{- end }}
