"""`attune`, also `kubectl attune`: what an SRE asks and does, with the credentials of their kubeconfig alone.

Policies, their statuses and the ExecutorConfig are read and patched at the Kubernetes API. Executions are the
executor's: its HTTP API is reached through the Kubernetes API as well. Neither database nor broker is asked.
"""
