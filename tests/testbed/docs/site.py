"""What MkDocs does besides: the project's own pages join the site, and links out of ``docs`` lead somewhere.

A page is read in two places, here and on a git host, and its links are written for the latter: relative paths of the
repository. Those to the project's pages lead to their place in the site, files of the repository come along as they
are, and a link to a folder becomes its text.
"""

import posixpath
import re
from pathlib import Path
from typing import Any, Final, cast

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

_REPOSITORY: Final = Path(__file__).resolve().parents[3]
_DOCS: Final = _REPOSITORY / "docs"
_PROJECT: Final = {
    name: f"project/{name}" for name in ("ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")
}
_HOME: Final = {"README.md": "index.md"}
_SOURCE: Final = "source"
_LINK: Final = re.compile(r"(?<!\\)(!?)\[([^\]]*)\]\(([^()\s]+)\)")
_CODE: Final = re.compile(r"`[^`]+`")
_SHIM: Final = "assets/iframe-worker.js"
_SHIM_ELSEWHERE: Final = "https://unpkg.com/iframe-worker/shim"
_EVERY: Final = "/*.md"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Name every page of a folder where the navigation has ``folder/*.md``."""
    config.nav = _expanded(cast("list[Any]", config["nav"]))
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the project's pages, and whatever file of the repository a page links to."""
    for name, place in _PROJECT.items():
        files.append(File.generated(config, place, content=(_REPOSITORY / name).read_text(encoding="utf-8")))
    for file in list(files.documentation_pages()):
        for found in _LINK.finditer(file.content_string):
            target = _target(file.src_uri, found[3].partition("#")[0])
            if target is None or not target.is_file() or _own_place(target, files) is not None:
                continue
            place = _place_outside(target)
            if place is not None and files.get_file_from_path(place) is None:
                files.append(File.generated(config, place, abs_src_path=str(target)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links that are right in the repository into links that are right in the site."""
    del config

    def in_the_site(found: re.Match[str]) -> str:
        path, hash_, anchor = found[3].partition("#")
        target = _target(page.file.src_uri, path)
        if target is None or not target.exists():
            return found[0]  # MkDocs says what is wrong with it
        if target.is_dir():
            return found[2]
        place = _own_place(target, files) or _place_outside(target)
        if place is None:
            return found[0]
        relative = posixpath.relpath(place, posixpath.dirname(page.file.src_uri) or ".")
        return f"{found[1]}[{found[2]}]({relative}{hash_}{anchor})"

    return "\n".join(_bars(line) for line in _LINK.sub(in_the_site, markdown).splitlines())


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Have the theme's one script from elsewhere, by which the search works from a disk, be ours."""
    del config
    ours = posixpath.relpath(_SHIM, posixpath.dirname(page.file.dest_uri) or ".")
    return output.replace(_SHIM_ELSEWHERE, ours)


def on_post_template(output_content: str, template_name: str, config: MkDocsConfig) -> str:
    """The same in what is no page: the one for addresses that are not there."""
    del template_name, config
    return output_content.replace(_SHIM_ELSEWHERE, f"/{_SHIM}")


def _bars(line: str) -> str:
    """A row of a table: a git host needs a backslash before a bar in backquotes, and Python-Markdown would show it."""
    return _CODE.sub(lambda found: found[0].replace("\\|", "|"), line) if line.startswith("|") else line


def _expanded(items: list[Any]) -> list[Any]:
    result: list[Any] = []
    for item in items:
        if isinstance(item, dict):
            ((title, value),) = cast("dict[str, Any]", item).items()
            if isinstance(value, str) and value.endswith(_EVERY):
                value = sorted(
                    f"{value.removesuffix(_EVERY)}/{path.name}" for path in (_DOCS / value).parent.glob("*.md")
                )
            elif isinstance(value, list):
                value = _expanded(cast("list[Any]", value))
            result.append({title: value})
        else:
            result.append(item)
    return result


def _target(source: str, path: str) -> Path | None:
    """The file or folder of the repository that a link means; None for an anchor or an address."""
    if not path or "://" in path or path.startswith(("mailto:", "/")):
        return None
    project = {place: name for name, place in _PROJECT.items()}
    origin = _REPOSITORY / project[source] if source in project else _DOCS / source
    return (origin.parent / path).resolve()


def _own_place(target: Path, files: Files) -> str | None:
    """Where a file of ``docs`` is in the site; None for others, and for those that the site leaves out."""
    if not target.is_relative_to(_DOCS):
        return None
    file = files.get_file_from_path(target.relative_to(_DOCS).as_posix())
    return None if file is None or file.inclusion.is_excluded() else file.src_uri


def _place_outside(target: Path) -> str | None:
    """Where any other file of the repository is in the site."""
    if not target.is_relative_to(_REPOSITORY):
        return None
    name = target.relative_to(_REPOSITORY).as_posix()
    return (_PROJECT | _HOME).get(name) or f"{_SOURCE}/{name}"
