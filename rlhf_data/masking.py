"""Secrets in what is printed, masked: an API key that a server says again, and what a URL holds of passwords and keys.

https://me:pass@word@host:8/store?sig=abc  →  https://…@host:8/store?…
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from urllib.parse import quote

KEY, HIDDEN = "<key>", "…"
RUN = 8  # letters and digits of a key in a row that say too much of it
LONGEST = 2**16  # characters of a text that are looked at
URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")
ODD_PORT = re.compile(r":(?!\d*$)[^\]]*$")  # after a host: the password of a user


def without_key(said: str, key: str | None) -> str:
    """A text without the runs of `RUN` letters and digits or more that it has of `key`, whatever stands between them.

    In upper or lower case, backwards, as base64, hexadecimal, URL-encoded or escaped. What is long is cut.
    """
    said = said[:LONGEST]
    if not key:
        return said
    if len(_letters(key)) < RUN:
        return said.replace(key, KEY)
    known = {form[at : at + RUN] for form in map(_letters, _forms(key)) for at in range(len(form) - RUN + 1)}
    places = [at for at, one in enumerate(said) if one.isascii() and one.isalnum()]
    letters = _letters(said)
    found = list[tuple[int, int]]()  # ranges of letters
    for at in range(len(letters) - RUN + 1):
        if letters[at : at + RUN] in known:
            start = found.pop()[0] if found and at <= found[-1][1] else at
            found.append((start, at + RUN))
    for start, end in reversed(found):
        said = said[: places[start]] + KEY + said[places[end - 1] + 1 :]
    return said


def urls(said: str) -> str:
    """A text whose URLs have no user, password, query and fragment."""
    return URL.sub(lambda found: url(found[0]), said)


def url(text: str) -> str:
    """A URL without user, password, query and fragment; a path stays as it is.

    A password may hold what should be encoded there, an @, / or ?: rather too much is masked than too little.
    """
    scheme, mark, rest = text.partition("://")
    if not mark:
        return text
    before, query = re.split(r"(?=[?#])", f"{rest}?", maxsplit=1)
    host = before.partition("/")[0]
    if "@" in host or ODD_PORT.search(host):
        before = f"{HIDDEN}@{before.rpartition('@')[2]}" if "@" in before else HIDDEN
    return f"{scheme}://{before}{query[0] + HIDDEN if query != '?' else ''}"


def _letters(text: str) -> str:
    return "".join(one for one in text if one.isascii() and one.isalnum()).lower()


def _forms(key: str) -> Iterator[str]:
    octets = key.encode()
    yield from (key, key[::-1], octets.hex(), quote(key, safe=""), "".join(f"u{ord(one):04x}" for one in key))
    for before in range(3):  # base64 of a text with the key in it depends on where it stands
        yield base64.b64encode(bytes(before) + octets).decode()[before + bool(before) :].rstrip("=")


def line(error: Exception) -> str:
    """An error's message on one line, without the passwords of its URLs; its kind where it says nothing."""
    said = "; ".join(line.strip() for line in str(error).splitlines() if line.strip())
    return urls(said) or type(error).__name__
