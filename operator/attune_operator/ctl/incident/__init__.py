"""`attune incident`: what the runbook wants kept of a violation of the order or a crash loop, in one archive.

`parts` says what is collected and by whom, `archive` writes it to disk as it comes, `redaction` masks what must not
leave the cluster, `findings` reads out of pods and executions what an SRE would look for first.
"""
