"""`attune incident`: what the runbook wants kept of a violation of the order or a crash loop, in one archive.

`cluster_parts` and `executor_parts` collect, `collecting` keeps account, `redaction` masks what must not leave the
cluster, `archive` writes it to disk as it comes, `findings` reads out of it what an SRE would look for first, and
`index` says what is what.
"""
