"""Jinja templates that lie beside the modules that fill them; a value that a template names and lacks is an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import jinja2


def environment(package: str, folder: str = ".", *, html: bool = False) -> jinja2.Environment:
    """The templates in a folder of a package; as `html` every value is escaped, else none is."""
    import jinja2

    return jinja2.Environment(
        loader=jinja2.PackageLoader(package, folder),
        autoescape=html,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
