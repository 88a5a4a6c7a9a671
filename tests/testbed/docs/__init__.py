"""The documentation as a product: its pages, its site, what is generated, the runbook's counterparts."""
