"""Pages from templates: every text is escaped, and shown without what a screen would obey."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from labctl import __version__, figures, tables, tell
from labctl.live.dashboard import notation, places
from labctl.names import printable

if TYPE_CHECKING:
    from jinja2 import Environment


class Pages:
    """The pages of one folder."""

    def __init__(self, folder: Path, stop_token: str) -> None:
        self._environment = _environment()
        self._environment.globals.update(
            folder=str(folder.absolute()),
            stop_token=stop_token,
            version=__version__,
            colours=list(figures.COLOURS),
        )

    def render(self, template: str, **values: Any) -> str:
        """A whole page as HTML."""
        return self._environment.get_template(template).render(**values)


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("labctl.live.dashboard"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalized,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        symbol=notation.symbol,
        value=notation.value,
        headline=notation.headline,
        query=places.query_of,
        json=tables.json_text,
        duration=tell.duration_text,
        minute=lambda text: text[:16].replace("T", " "),
    )
    return environment


def _finalized(value: Any) -> Any:
    return printable(value, keep="\n") if type(value) is str else value
