"""Pages that need nothing else: templates of HTML in the house's dress, where every text is text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from markupsafe import Markup

#: A symbol of one letter with an index; mu0_H_x and the like, names of the program, are no symbols.
_SYMBOL: Final = re.compile(r"\b([A-Zktσξ])_([A-Za-z0-9]+)\b")


def render(package: str, template: str, **values: Any) -> str:
    """Fill in a template of a package (in its folder templates/); "house.css" can be included by any."""
    import jinja2

    loaders = [jinja2.PackageLoader(name) for name in dict.fromkeys((package, "labctl.report"))]
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader(loaders),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["notation"] = notation
    return environment.get_template(template).render(**values)


def notation(text: str) -> Markup:
    """Text as HTML, with symbols as the field prints them: H_x is an italic H with the index x."""
    from markupsafe import Markup, escape

    return Markup(_SYMBOL.sub(r"<i>\1</i><sub>\2</sub>", str(escape(text))))
