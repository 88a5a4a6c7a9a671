"""Container images: building them with or without a Docker daemon and a registry, loading them into the cluster."""
