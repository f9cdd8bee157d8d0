"""Routes of the local page, its token, and its content security policy.

The server answers this machine alone, and of it only who holds the token: other users can reach 127.0.0.1 too, and a
web page elsewhere could have its host's name point there.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlhf_data.errors import RlhfDataError
from rlhf_data.explore import chart, choices, reading, views
from rlhf_data.reports import templates
from rlhf_data.reports.page import shown

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

HOST = "127.0.0.1"
SQL_ROWS = 200  # shown of an answer
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def build(project: Path, *, token: str, port: int) -> Starlette:
    """The application that shows `project` to who has the token."""
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.base import BaseHTTPMiddleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.responses import PlainTextResponse, RedirectResponse
    from starlette.routing import Mount, Route
    from starlette.staticfiles import StaticFiles
    from starlette.templating import Jinja2Templates

    templates = Jinja2Templates(env=_environment())
    cookie = f"explore-{port}"  # browsers share cookies among the ports of a host

    def page(request: Request, name: str, status: int = 200, **context: Any) -> Response:
        facts = {"project": project.name, "revisions": reading.revisions(project), "at": request.query_params.get("at")}
        return templates.TemplateResponse(request, f"{name}.html.jinja", {**facts, **context}, status_code=status)

    def responses(request: Request) -> Response:
        chosen = choices.parsed(request.query_params)
        now = reading.version(project, chosen.at)
        then = reading.version(project, chosen.against) if chosen.against else None
        return page(request, "responses", chosen=chosen, **views.view(chosen, now, then))

    def sql(request: Request) -> Response:
        query, at = request.query_params.get("query", "").strip(), request.query_params.get("at", "").strip()
        answer, wrong = None, None
        try:
            answer = reading.sql(project, at or None, query, most=SQL_ROWS) if query else None
        except RlhfDataError as error:
            wrong = str(error)
        return page(request, "sql", 400 if wrong else 200, query=query, answer=answer, wrong=wrong, most=SQL_ROWS)

    async def guard(request: Request, call_next: Any) -> Response:
        if foreign(request.headers, port):
            return PlainTextResponse("This page is not for other pages.\n", 403, HEADERS)
        given = request.query_params.get("token")
        if given is not None and secrets.compare_digest(given.encode(), token.encode()):
            answer: Response = RedirectResponse(request.url.remove_query_params("token"), status_code=303)
            answer.set_cookie(cookie, token, httponly=True, samesite="strict")
        elif not secrets.compare_digest(request.cookies.get(cookie, "").encode(), token.encode()):
            answer = PlainTextResponse("Open the address that `rlhf-data explore` printed: it holds the token.\n", 403)
        else:
            answer = await call_next(request)
        answer.headers.update(HEADERS)
        return answer

    def failed(request: Request, error: Exception) -> Response:
        return page(request, "failed", 400, kind=type(error).__name__, message=str(error))

    return Starlette(
        routes=[
            Route("/", responses),
            Route("/sql", sql),
            Mount("/static", StaticFiles(directory=Path(__file__).with_name("static"))),
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"], www_redirect=False),
            Middleware(BaseHTTPMiddleware, dispatch=guard),
        ],
        exception_handlers={RlhfDataError: failed},
    )


def foreign(headers: Mapping[str, str], port: int) -> bool:
    """Whether another web page asks: what it opens, loads or sends says so in its headers."""
    site, origin = headers.get("sec-fetch-site", "none"), headers.get("origin")
    own = {f"http://{host}:{port}" for host in (HOST, "localhost")}
    return site not in ("none", "same-origin") or (origin is not None and origin not in own)


def _environment() -> Any:
    environment = templates.environment("rlhf_data.explore", "pages", html=True)
    environment.filters.update(shown=shown)
    environment.globals.update(geometry=chart, orders=choices.ORDERS, ranges=choices.RANGES)
    return environment
