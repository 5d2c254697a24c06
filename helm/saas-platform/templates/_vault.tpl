{{/* What a pod shows to Vault: a token of its account, for Vault alone, that Kubernetes writes afresh. */}}
{{- define "saas.vaultVolume" -}}
- name: vault
  projected:
    defaultMode: 0440
    sources:
      - serviceAccountToken:
          path: token
          audience: {{ .Values.vault.audience }}
          expirationSeconds: 3600
      {{- with .Values.vault.caConfigMap }}
      - configMap:
          name: {{ . }}
          items:
            - key: ca.crt
              path: ca.crt
      {{- end }}
{{- end }}

{{- define "saas.vaultMount" -}}
- name: vault
  mountPath: /var/run/secrets/vault
  readOnly: true
{{- end }}

{{- define "saas.vaultPort" -}}
{{ regexFind "[0-9]+$" (trimSuffix "/" .Values.vault.address) | default (ternary "443" "80" (hasPrefix "https:" .Values.vault.address)) }}
{{- end }}
