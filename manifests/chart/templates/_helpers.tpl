{{- /* "cluster" where every namespace is served, else "namespaces"; an empty list means all, as in operator.watch. */ -}}
{{- define "attune.mode" -}}
{{- $listed := .Values.watch.namespaces -}}
{{- if kindIs "invalid" $listed -}}namespaces
{{- else if or (empty $listed) (has "*" $listed) -}}cluster
{{- else -}}namespaces
{{- end -}}
{{- end -}}

{{- /* The served namespaces as JSON: the release's own unless values say otherwise. */ -}}
{{- define "attune.watchedNamespaces" -}}
{{- $listed := .Values.watch.namespaces -}}
{{- if kindIs "invalid" $listed -}}{{- list .Release.Namespace | toJson -}}
{{- else -}}{{- $listed | uniq | toJson -}}
{{- end -}}
{{- end -}}

{{- define "attune.watchedNamespacesVariable" -}}
{{- if not (kindIs "invalid" .Values.watch.namespaces) -}}
- name: ATTUNE__OPERATOR__WATCH__NAMESPACES
  value: {{ .Values.watch.namespaces | toJson | quote }}
{{- end -}}
{{- end -}}
