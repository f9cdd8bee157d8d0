"""Keys in any dress and the secrets of URLs are masked; words without them stay."""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable
from urllib.parse import quote

import pytest

from rlhf_data import masking

KEY = "sk-proj-9fJ2/kLm+Qx7_Zt4=Bv"
DRESSES: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "upper case": str.upper,
    "lower case": str.lower,
    "backwards": lambda key: key[::-1],
    "base64": lambda key: base64.b64encode(key.encode()).decode(),
    "base64 of the header": lambda key: base64.b64encode(f"Bearer {key}".encode()).decode(),
    "base64 for URLs": lambda key: base64.urlsafe_b64encode(f"x{key}".encode()).decode(),
    "hexadecimal": lambda key: key.encode().hex(),
    "URL-encoded": lambda key: quote(key, safe=""),
    "every byte URL-encoded": lambda key: "".join(f"%{one:02X}" for one in key.encode()),
    "escaped": lambda key: "".join(f"\\u{ord(one):04x}" for one in key),
    "JSON": json.dumps,
    "spaced": " ".join,
    "with control characters": "\x1b".join,
    "in lines": "\n".join,
    "first half": lambda key: key[: len(key) // 2],
    "second half": lambda key: key[len(key) // 2 :],
    "in parts": lambda key: " and ".join(key[at : at + 13] for at in range(0, len(key) - 13, 13)),
}


@pytest.mark.parametrize("dress", DRESSES)
def test_no_run_of_a_key_is_left(dress: str, refused: Callable[..., None]) -> None:
    rng = random.Random(dress)
    for _ in range(50):
        key = "sk-" + "".join(rng.choices(string.ascii_letters + string.digits + "-_", k=rng.randint(24, 80)))
        said = masking.without_key(f"0 {DRESSES[dress](key)} 0", key)
        assert "<key>" in said
        left = "".join(one for one in said.replace("<key>", "").replace(" and ", "") if one.isalnum())
        assert len(left.replace("QmVhcmVyI", "")) <= 9, said  # less than a run; that is "Bearer"
    refused("echoes of a key", 50)


@pytest.mark.parametrize(("said", "key", "shown"), [
    ("no such model", KEY, "no such model"),
    (f"a {KEY} b", KEY, "a <key> b"),
    (f"a {KEY}{KEY} b", KEY, "a <key> b"),
    (f"{KEY[:7]} stays, {KEY[:12]} goes", KEY, "sk-proj stays, <key> goes"),
    ("the key EMPTY is short", "EMPTY", "the key <key> is short"),
    ("no key at all", None, "no key at all"),
    ("no key at all", "", "no key at all"),
    ("a" * 10**6, KEY, "a" * 65536),
])  # fmt: skip
def test_what_is_no_key_stays(said: str, key: str | None, shown: str) -> None:
    assert masking.without_key(said, key) == shown


@pytest.mark.parametrize(("url", "shown"), [
    ("s3://bucket/store", "s3://bucket/store"),
    ("/mnt/store", "/mnt/store"),
    ("https://host:8080/store", "https://host:8080/store"),
    ("https://[::1]:80/store", "https://[::1]:80/store"),
    ("s3://bucket/a@b", "s3://bucket/a@b"),
    ("ssh://me@host/store", "ssh://…@host/store"),
    ("ssh://me:secret@host:22/store", "ssh://…@host:22/store"),
    ("ssh://me:sec@ret@host/store", "ssh://…@host/store"),
    ("ssh://me:sec/ret@host/store", "ssh://…@host/store"),
    ("ssh://me:sec@/ret@host/store", "ssh://…@host/store"),
    ("ssh://me:sec?ret@host/store", "ssh://…?…"),
    ("ssh://me:sec#ret@host/store", "ssh://…#…"),
    ("https://host/store?sig=secret&x=1", "https://host/store?…"),
    ("https://me:secret@host/store?sig=sec@ret#secret", "https://…@host/store?…"),
    ("azure://box/store#secret", "azure://box/store#…"),
])  # fmt: skip
def test_urls_show_no_secret(url: str, shown: str, refused: Callable[..., None]) -> None:
    assert masking.url(url) == shown
    said = masking.urls(f"cannot reach {url} at all, nor {url}")
    assert said == f"cannot reach {shown} at all, nor {shown}"
    if "secret" in url:
        refused("secrets in URLs")
