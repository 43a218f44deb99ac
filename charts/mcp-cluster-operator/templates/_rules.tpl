{{/*
The operator's rights: no wildcard, no pods/exec, no list of Secrets, no right to give rights. Sorted by group and resource.
What is said of objects in namespaces becomes a ClusterRole, or a Role in each of watchNamespaces.
*/}}
{{- define "mcp-cluster-operator.namespacedRules" -}}
{{- $managed := list "get" "list" "watch" "create" "patch" -}}
- apiGroups: ['']
  resources: [configmaps, serviceaccounts, services]
  verbs: {{ toJson $managed }}
# Volumes grow, and go with members that are removed; those of backups are made. They are not watched.
- apiGroups: ['']
  resources: [persistentvolumeclaims]
  verbs: [get, list, create, patch, delete]
- apiGroups: ['']
  resources: [pods]
  verbs: [get, list, watch, delete]
# The last line of a server that does not start.
- apiGroups: ['']
  resources: [pods/log]
  verbs: [get]
# By name only: those a spec names, and those made for a cluster.
- apiGroups: ['']
  resources: [secrets]
  verbs: [get, create, patch]
- apiGroups: [apps]
  resources: [statefulsets]
  verbs: [get, list, watch, create, patch, delete]
# The schedule of backups goes on while the operator is down.
- apiGroups: [batch]
  resources: [cronjobs]
  verbs: [get, list, watch, create, patch, delete]
# A first backup, and the backup that a new cluster begins with.
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create]
{{- if .Values.certManager.enabled }}
# Certificates of pods whose McpCluster names an issuer.
- apiGroups: [cert-manager.io]
  resources: [certificaterequests]
  verbs: [get, list, create, delete]
- apiGroups: [cert-manager.io]
  resources: [issuers]
  verbs: [get]
{{- end }}
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: {{ toJson $managed }}
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
- apiGroups: [mcpcluster.io]
  resources: [mcpclusters]
  verbs: [get, list, watch]
# Owner references that block the owner's deletion need it where admission checks that.
- apiGroups: [mcpcluster.io]
  resources: [mcpclusters/finalizers]
  verbs: [update]
- apiGroups: [mcpcluster.io]
  resources: [mcpclusters/status]
  verbs: [patch]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: {{ toJson $managed }}
{{- end -}}

{{/* What has no namespace. Without the first of these rights a check is left out; without the second no pod gets a certificate. */}}
{{- define "mcp-cluster-operator.clusterScopedRules" -}}
# Whether the sidecars of a cluster may review tokens, when its spec asks for that; the right to is not ours to give.
- apiGroups: [authorization.k8s.io]
  resources: [subjectaccessreviews]
  verbs: [create]
{{- if .Values.certManager.enabled }}
- apiGroups: [cert-manager.io]
  resources: [clusterissuers]
  verbs: [get]
{{- end }}
# Whether volumes can grow.
- apiGroups: [storage.k8s.io]
  resources: [storageclasses]
  verbs: [get]
# Whose token it is that asks for a certificate.
- apiGroups: [authentication.k8s.io]
  resources: [tokenreviews]
  verbs: [create]
{{- end -}}

{{/* In the namespace of the operator itself. */}}
{{- define "mcp-cluster-operator.leaderElectionRules" -}}
# A name cannot restrict what is being created.
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [{{ include "mcp-cluster-operator.fullname" . }}]
  verbs: [get, update]
{{- end -}}

{{/* In the namespace of the operator itself, for the authority of its HTTPS listener. */}}
{{- define "mcp-cluster-operator.servingRules" -}}
# A name cannot restrict what is being created.
- apiGroups: ['']
  resources: [secrets]
  verbs: [create]
- apiGroups: ['']
  resources: [secrets]
  resourceNames: [{{ include "mcp-cluster-operator.servingAuthority" . }}]
  verbs: [get, patch]
# The Secret goes with the Service, so with the release.
- apiGroups: ['']
  resources: [services]
  resourceNames: [{{ include "mcp-cluster-operator.fullname" . }}]
  verbs: [get]
{{- end -}}

{{/* Whom the API server trusts when it asks the webhook; the rest of the configuration is the chart's. */}}
{{- define "mcp-cluster-operator.webhookRules" -}}
- apiGroups: [admissionregistration.k8s.io]
  resources: [validatingwebhookconfigurations]
  resourceNames: [{{ include "mcp-cluster-operator.fullname" . }}]
  verbs: [get, patch]
{{- end -}}
