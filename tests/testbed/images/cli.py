"""`testbed image`: build this repository's images, load them into the cluster."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from testbed.cluster import choose_provider
from testbed.images.build import ensure_archives
from testbed.images.catalog import IMAGES
from testbed.images.loading import load_images
from testbed.services.secrets import ensure_secret_files

app = typer.Typer(no_args_is_help=True, help="The images of operator, worker and development services.")


@app.command()
def build() -> None:
    """Build all images that are not in the cache as they would be built now."""
    table = Table("image", "tag", "MB", Column("archive", overflow="fold"))
    for image, archive in zip(IMAGES, ensure_archives(IMAGES), strict=True):
        table.add_row(image.name, image.tag, f"{archive.stat().st_size / 1e6:.0f}", str(archive))
    Console(highlight=False).print(table)


@app.command()
def load(
    *, again: Annotated[bool, typer.Option(help="Load also what the cluster has been given before.")] = False
) -> None:
    """Build what is missing and load it into the cluster that runs: all that the development overlay needs."""
    ensure_secret_files()
    load_images(choose_provider(), IMAGES, again=again)
    for image in IMAGES:
        print(image.reference)
