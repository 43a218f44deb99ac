{{/* Names and labels. The name holds the chart's own, for alerts and policies find the operator by it. */}}
{{- define "mcp-cluster-operator.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" (.Release.Name | trunc 42 | trimSuffix "-") .Chart.Name -}}
{{- end -}}
{{- end -}}

{{/* Of one release. These select pods, so they never change. */}}
{{- define "mcp-cluster-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* Of pods: nothing that changes with the chart alone, or the operator would restart for it. */}}
{{- define "mcp-cluster-operator.podLabels" -}}
{{ include "mcp-cluster-operator.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: operator
app.kubernetes.io/part-of: mcp-cluster
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "mcp-cluster-operator.labels" -}}
{{ include "mcp-cluster-operator.podLabels" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "mcp-cluster-operator.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (include "mcp-cluster-operator.fullname" .) -}}
{{- end -}}

{{/* Name of the Secret that the operator makes for itself. */}}
{{- define "mcp-cluster-operator.servingAuthority" -}}
{{- printf "%s-serving-authority" (include "mcp-cluster-operator.fullname" .) -}}
{{- end -}}

{{- define "mcp-cluster-operator.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{- printf "%s@%s" .repository .digest -}}
{{- else -}}
{{- printf "%s:%s" .repository (.tag | default $.Chart.AppVersion) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* "true" when a switch is on: dict "switch" VALUE "api" "group/version/Kind" "root" $ */}}
{{- define "mcp-cluster-operator.isOn" -}}
{{- if eq (toString .switch) "auto" -}}
{{- if .root.Capabilities.APIVersions.Has .api -}}true{{- end -}}
{{- else if .switch -}}true{{- end -}}
{{- end -}}

{{- define "mcp-cluster-operator.monitorLabels" -}}
{{ include "mcp-cluster-operator.labels" . }}
{{- with .Values.monitoring.labels }}
{{ toYaml . }}
{{- end }}
{{- end -}}
