"""Gives images to the cluster that runs, each once.

What a cluster was given is remembered under the id of its kube-system namespace, which a new cluster has a new one of.
"""

from collections.abc import Sequence

from testbed.cache import cache_root
from testbed.cluster import Provider
from testbed.images.build import ensure_archives
from testbed.images.catalog import Image
from testbed.progress import step


def load_images(provider: Provider, images: Sequence[Image], *, again: bool = False) -> None:
    """Build what the cache lacks, then load what the cluster has not been given; all of it when `again`.

    Raises:
        DockerError: a build failed, or there is nothing to build with.
        ClusterError: the cluster does not run, or refuses an image.
    """
    cluster = provider.kubectl().get("namespace", "kube-system")["metadata"]["uid"]
    remembered = cache_root() / "loaded-images" / cluster
    remembered.mkdir(parents=True, exist_ok=True)
    missing = [image for image in images if again or not (remembered / image.reference).exists()]
    for image, archive in zip(missing, ensure_archives(missing), strict=True):
        with step(f"Loading {image.name} into the {provider.name} cluster"):
            provider.load_image(archive, image.reference)
        (remembered / image.reference).touch()
