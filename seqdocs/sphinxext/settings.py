"""Where things are: one dataclass, so that the tiny sites of the tests are configured like the real one."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path

from docutils.nodes import Node
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

LOGGER = logging.getLogger(__name__)
FOR_SPHINX = "seqdocs_"  # prefix of the settings in conf.py
PACKAGE = "seqdocs"
VARIABLE = "SEQDOCS_SHOWN"  # names the file of records to show
Host = Sphinx | BuildEnvironment  # events bring the one, directives and transforms have the other


@dataclass(frozen=True)
class Settings:
    """The settings; in ``conf.py`` each is called ``seqdocs_<name>``. Paths are relative to ``root``.

    Args:
        root: the checkout, relative to the folder of the sources.
        shown: the file that names the records to show; the variable ``SEQDOCS_SHOWN`` wins over it.
        repository: address of the repository; by default that of ``GITHUB_REPOSITORY`` or of pyproject.toml.
        branch: what links into the repository point at.
        sources_page: docname of the page whose anchors claims refer to.
        references_page: docname of the bibliography.
        api: docname prefix of the generated API pages.
        base: folder of the sources; not a setting of its own.
    """

    root: str = ".."
    shown: str = "docs/_build/records/shown.json"
    repository: str = ""
    branch: str = "main"
    sources_page: str = "sources"
    references_page: str = "references"
    api: str = "reference/api"
    base: Path = Path()

    @property
    def root_path(self) -> Path:
        """The checkout, absolute."""
        return (self.base / self.root).resolve()

    @property
    def shown_path(self) -> Path:
        """The file that names the records to show, absolute."""
        return self.root_path / (os.environ.get(VARIABLE) or self.shown)

    @property
    def repository_url(self) -> str:
        """Address of the repository without a trailing slash; empty when nobody gave one."""
        if self.repository:
            return self.repository.rstrip("/")
        if name := os.environ.get("GITHUB_REPOSITORY"):
            return f"{os.environ.get('GITHUB_SERVER_URL', 'https://github.com')}/{name}"
        pyproject = self.root_path / "pyproject.toml"
        if not pyproject.is_file():
            return ""
        urls = tomllib.loads(pyproject.read_text("utf8")).get("project", {}).get("urls", {})
        return str(urls.get("Source", "")).rstrip("/")

    def view_url(self, path: str, lines: tuple[int, int] | None = None) -> str:
        """Address of a file in the repository, at lines if given; empty without a repository."""
        if not self.repository_url:
            return ""
        anchor = f"#L{lines[0]}-L{lines[1]}" if lines else ""
        return f"{self.repository_url}/blob/{self.branch}/{path}{anchor}"

    def edit_url(self, path: str) -> str:
        """Address at which a file of the repository can be edited; empty without a repository."""
        return f"{self.repository_url}/edit/{self.branch}/{path}" if self.repository_url else ""


def settings(host: Host) -> Settings:
    """Read the settings out of Sphinx's configuration."""
    names = [field.name for field in fields(Settings) if field.name != "base"]
    return Settings(
        **{name: getattr(host.config, FOR_SPHINX + name) for name in names}, base=Path(host.srcdir)
    )


def env_of(host: Host) -> BuildEnvironment:
    """The environment of a build."""
    return host if isinstance(host, BuildEnvironment) else host.env


def warn(message: str, subtype: str, location: Node | str | None = None) -> None:
    """Warn the way all components do: of type ``seqdocs``, with a subtype and a place."""
    LOGGER.warning(message, type="seqdocs", subtype=subtype, location=location)


def setup_settings(app: Sphinx) -> None:
    """Register every field; a changed one draws all pages again."""
    for field in fields(Settings):
        if field.name != "base":
            app.add_config_value(FOR_SPHINX + field.name, field.default, "env", types=[str])
