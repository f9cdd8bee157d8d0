"""Where the browser is that tests drive, and how it is started without a network."""

from __future__ import annotations

import shutil

PATH = shutil.which("chromium")
ABSENT = "no chromium: apt-get install chromium"
FLAGS = [
    "--no-sandbox",  # a container may run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NO_NETWORK = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
REBOUND = "--host-resolver-rules=MAP evil.example 127.0.0.1, EXCLUDE localhost, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
