"""`rlhf-data explore`: a page on this machine to read responses, rewards and pairs, and to ask in SQL."""

from __future__ import annotations

import secrets
import socket
import tempfile
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from rlhf_data.commands.projects import Project
from rlhf_data.errors import EngineError, StorageError

NEEDS = ("rapidfuzz", "starlette", "uvicorn")


def main(
    project: Project,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of 127.0.0.1; 0 for any that is free.")] = 0,
    browser: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="The same address each time; a little less safe.")] = False,
) -> None:
    """Read responses side by side in a local web page, and ask in SQL; Ctrl-C ends it."""
    if absent := [name for name in NEEDS if find_spec(name) is None]:
        raise EngineError(f"{', '.join(absent)}: not installed\n  pip install 'rlhf-data[explore]'")
    import uvicorn

    from rlhf_data.explore import address, app, reading

    reading.version(project, None)  # what is wrong with the tables is said here, and the first page waits for nothing
    kept = address.kept(project) if keep else None
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # one that just ended does not hold its port
    try:
        listener.bind((app.HOST, port or (kept.port if kept else 0)))
        listener.listen()  # who follows the address at once waits, and is not turned away
    except OSError as error:
        raise StorageError(
            f"{app.HOST}:{port}: {error.strerror}\n  another --port, or 0 for any that is free"
        ) from error
    port, secret = listener.getsockname()[1], kept.secret if kept else secrets.token_urlsafe()
    if keep:
        address.keep(project, address.Address(port, secret))
    served = app.build(project, secret=secret, port=port)
    # an access log would hold the secret; nothing stands before this server whose headers could be believed
    config = uvicorn.Config(served, log_level="warning", access_log=False, proxy_headers=False, server_header=False)
    where = f"http://{app.HOST}:{port}/{secret}/"
    print(f"Reading {project}\n  {where}\nCtrl-C ends it.", flush=True)
    with tempfile.TemporaryDirectory() as folder, suppress(KeyboardInterrupt):  # for its owner's eyes alone
        if browser:
            typer.launch(_handed_over(where, Path(folder)).as_uri())
        uvicorn.Server(config).run(sockets=[listener])


def _handed_over(address: str, folder: Path) -> Path:
    """A file that leads a browser to the address, which every user would see in the list of processes."""
    path = folder / "explore.html"
    path.write_text(f'<!DOCTYPE html>\n<meta http-equiv="refresh" content="0; url={address}">\n', encoding="utf8")
    return path
