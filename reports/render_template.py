"""The templates of this package, filled in."""

from __future__ import annotations

from collections.abc import Callable

from reports.page import Page


def render_page(template: str, page: Page, escape: Callable[[str], str], **syntax: str) -> str:
    """``templates/<template>`` with ``page``; in it, ``|escaped`` is ``escape``.

    ``syntax``: jinja2 delimiters, where the usual ones mean something in the language written. An
    undefined name is an error, not an empty string.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("reports"),
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        **syntax,  # type: ignore[arg-type]
    )
    environment.filters["escaped"] = escape
    return environment.get_template(template).render(page=page)
