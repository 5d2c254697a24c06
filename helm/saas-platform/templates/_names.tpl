{{/* One platform for each namespace, so names are fixed: those of the plain manifests. */}}
{{- define "saas.labels" -}}
app: {{ .app }}
app.kubernetes.io/part-of: saas-platform
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "saas.image" -}}
{{ .root.Values.image.prefix }}saas-{{ .app }}:{{ .root.Values.image.tag | default .root.Chart.AppVersion }}
{{- end }}

{{- define "saas.secret" -}}
{{ .Values.secret.existing | default "saas-secrets" }}
{{- end }}

{{- define "saas.secretKey" -}}
- name: {{ .key }}
  valueFrom:
    secretKeyRef:
      name: {{ include "saas.secret" .root }}
      key: {{ .key }}
      {{- if or .optional .root.Values.vault.enabled }}
      optional: true
      {{- end }}
{{- end }}
