"""Pages from templates: every text is escaped, and shown without what a screen would obey."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from labctl import figures, tables
from labctl.live.dashboard import notation, places
from labctl.names import printable

if TYPE_CHECKING:
    from jinja2 import Environment


class Pages:
    """The pages of one folder."""

    def __init__(self, folder: Path, stop_token: str) -> None:
        self._environment = _environment()
        self._everywhere: dict[str, Any] = {
            "folder": str(folder.absolute()),
            "stop_token": stop_token,
            "colours": list(figures.COLOURS),
        }

    def render(self, template: str, **values: Any) -> str:
        """A whole page as HTML."""
        return self._environment.get_template(template).render(**self._everywhere, **values)


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
        pieces=notation.html,
        value=notation.value,
        headline=notation.headline,
        query=places.query_of,
        json=tables.json_text,
        minute=_minute,
    )
    return environment


def _minute(moment: str) -> str:
    """A moment in ISO 8601 as people write it, to the minute."""
    return moment[:16].replace("T", " ")


def _finalized(value: Any) -> Any:
    return printable(value, keep="\n") if type(value) is str else value
