"""Routes of the local page, its secret, and its content security policy.

The server answers this machine alone, and of it only who knows the first part of the page's path: other users can
reach 127.0.0.1 too, and a web page elsewhere could have its host's name point there. It is no cookie, which a browser
would send to every other port of this machine.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlhf_data.errors import RlhfDataError
from rlhf_data.explore import chart, choices, reading, views
from rlhf_data.explore.questions import ROWS, Questions
from rlhf_data.reports import templates
from rlhf_data.reports.page import shown
from rlhf_data.sql import dictionary

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOST = "127.0.0.1"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def build(project: Path, *, secret: str, port: int) -> Starlette:
    """The application that shows `project` at `/<secret>/`."""
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.routing import Mount, Route
    from starlette.staticfiles import StaticFiles
    from starlette.templating import Jinja2Templates

    templates = Jinja2Templates(env=_environment())
    questions = Questions(project)

    def page(request: Request, name: str, status: int = 200, **context: Any) -> Response:
        facts = {"project": project.name, "revisions": reading.revisions(project), "at": request.query_params.get("at")}
        return templates.TemplateResponse(request, f"{name}.html.jinja", {**facts, **context}, status_code=status)

    def responses(request: Request) -> Response:
        chosen = choices.parsed(request.query_params)
        now = reading.version(project, chosen.at)
        then = reading.version(project, chosen.against) if chosen.against else None
        return page(request, "responses", chosen=chosen, **views.view(chosen, now, then))

    async def sql(request: Request) -> Response:
        query, at = request.query_params.get("query", "").strip(), request.query_params.get("at", "").strip()
        answer, wrong, there = None, None, []
        try:
            answer = await questions.answer(request, at or None, query) if query else None
        except RlhfDataError as error:
            wrong = str(error)
        with suppress(RlhfDataError):  # which the answer says already, as of a revision that is not there
            there = await asyncio.to_thread(reading.tables, project, at or None)
        facts: dict[str, Any] = {"query": query, "answer": answer, "wrong": wrong, "most": ROWS}
        facts |= {"tables": there, "examples": dictionary.EXAMPLES}
        return await asyncio.to_thread(page, request, "sql", 400 if wrong else 200, **facts)

    def failed(request: Request, error: Exception) -> Response:
        return page(request, "failed", 400, kind=type(error).__name__, message=str(error))

    return Starlette(
        routes=[
            Route(f"/{secret}/", responses),
            Route(f"/{secret}/sql", sql),
            Mount(f"/{secret}/static", StaticFiles(directory=Path(__file__).with_name("static"))),
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"], www_redirect=False),
            Middleware(Guard, secret=secret, port=port),
        ],
        exception_handlers={RlhfDataError: failed},
    )


class Guard:
    """Answers who knows the secret, with `HEADERS`; everybody else is told why not."""

    def __init__(self, app: ASGIApp, *, secret: str, port: int) -> None:
        self._app, self._secret, self._port = app, secret, port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, as ASGI has it."""
        from starlette.datastructures import MutableHeaders
        from starlette.requests import Request
        from starlette.responses import PlainTextResponse

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        why = scope["type"] == "http" and refused(Request(scope), self._secret, self._port)
        await (PlainTextResponse(f"{why}\n", 403) if why else self._app)(scope, receive, with_headers)


def refused(request: Request, secret: str, port: int) -> str:
    """Why a request is not answered; empty where it is."""
    if len(request.headers.getlist("host")) != 1:
        return "A request has one Host header."
    if foreign(request.headers, port) and not opened(request):
        return "This page is not for other pages."
    if not secrets.compare_digest(request.url.path.split("/")[1].encode(), secret.encode()):
        return "Open the address that `rlhf-data explore` printed, all of it."
    return ""


def foreign(headers: Mapping[str, str], port: int) -> bool:
    """Whether another web page asks: what it opens, loads or sends says so in its headers."""
    site, origin = headers.get("sec-fetch-site", "none"), headers.get("origin")
    own = {f"http://{host}:{port}" for host in (HOST, "localhost")}
    return site not in ("none", "same-origin") or (origin is not None and origin not in own)


def opened(request: Request) -> bool:
    """Whether a person is led to the first view from elsewhere, as by the file that `--open` hands to the browser."""
    kind = (request.headers.get("sec-fetch-mode"), request.headers.get("sec-fetch-dest"), request.method)
    first = re.fullmatch("/[^/]*/", request.url.path) and not request.url.query
    return kind == ("navigate", "document", "GET") and bool(first)


def _environment() -> Any:
    environment = templates.environment("rlhf_data.explore", "pages", html=True)
    environment.filters.update(shown=shown)
    environment.globals.update(geometry=chart, orders=choices.ORDERS, ranges=choices.RANGES)
    return environment
