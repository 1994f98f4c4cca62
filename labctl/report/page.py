"""Pages that need nothing else: templates of HTML in the house's dress, where every text is text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from markupsafe import Markup

#: A symbol of one letter with an index; mu0_H_x and the like, names of the program, are no symbols.
_SYMBOL: Final = re.compile(r"\b([A-Zktσξ])_([A-Za-z0-9]+)\b")
_LONG: Final = re.compile(r".{1,30}", re.DOTALL)


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
    environment.filters |= {"notation": notation, "breakable": breakable}
    return environment.get_template(template).render(**values)


def breakable(text: str) -> Markup:
    """Text as HTML that may be broken within words of more than 30 signs, as check sums are."""
    from markupsafe import Markup, escape

    pieces = (Markup("<wbr>").join(escape(part) for part in _LONG.findall(word)) for word in text.split(" "))
    return Markup(" ").join(pieces)


def notation(text: str) -> Markup:
    """Text as HTML, with symbols as the field prints them: H_x is H with the index x, both italic."""
    from markupsafe import Markup, escape

    def printed(match: re.Match[str]) -> str:
        letter, index = match.groups()
        return f"<i>{letter}</i><sub>{f'<i>{index}</i>' if set(index) <= set('xyz') else index}</sub>"

    return Markup(_SYMBOL.sub(printed, str(escape(text))))
