"""Servers that are not what they say: the key reaches no other host and no message, and each fault is one line."""

from __future__ import annotations

import base64
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from rlhf_data.errors import EngineError
from rlhf_data.generation.openai_engine import OpenaiGenerator
from rlhf_data.inference import openai_client
from rlhf_data.inference.protocols import Request, ResponsePair
from rlhf_data.judges.llm_judge_openai import ServedLlmJudge
from rlhf_data.params.judges import LlmJudge
from rlhf_data.params.profiles import Params
from rlhf_data.schemas import Message

KEY = "sk-proj-9fJ2kLmQx7ZtBv4w"
ASKED: list[Message] = [{"role": "user", "content": "Name a fish."}]
ONE_LINE = re.compile(r"\A[^\n]{1,900}\n  [^\n]+\Z")
Reply = tuple[int, bytes, dict[str, str]]


class Server(ThreadingHTTPServer):
    """Answers every request alike, and keeps the headers of each."""

    def __init__(self, reply: Reply, models: Reply) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.reply, self.models = reply, models
        self.seen: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.answer(*self.server.models)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.answer(*self.server.reply)

    def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.server.seen.append(str(self.headers))
        self.send_response(status)
        for name, value in {"content-type": "application/json", "content-length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def serve(policy_dir: Path) -> Iterator[Callable[..., Server]]:
    """Starts a server that serves the policy, unless it is told to answer that question otherwise."""
    servers = []
    listed = json.dumps({"object": "list", "data": [{"id": str(policy_dir), "object": "model"}]}).encode()

    def started(reply: Reply, models: Reply = (200, listed, {})) -> Server:
        servers.append(Server(reply, models))
        threading.Thread(target=servers[-1].serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return servers[-1]

    yield started
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def asked(policy_dir: Path, tiny: Params, monkeypatch: pytest.MonkeyPatch) -> dict[str, Callable[[str], object]]:
    """Who asks a server: the generator, and the judge in both ways."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    judge = tiny.judges["prompted"]
    assert isinstance(judge, LlmJudge)

    def generate(url: str) -> object:
        section = replace(tiny.generate, engine="openai", endpoint=url, batch_size=1)
        return list(OpenaiGenerator(policy_dir, section).generate([Request(ASKED, 0, 1.0)]))

    def ask(url: str, verdict: Any) -> object:
        section = replace(judge, engine="openai", model="owl", endpoint=url, verdict=verdict, batch_size=1)
        return ServedLlmJudge(section).prefer([ResponsePair(ASKED, "A carp.", "A cat.")])

    return {
        "generator": generate,
        "judge of letters": lambda url: ask(url, "logits"),
        "judge of texts": lambda url: ask(url, "text"),
    }


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_takes_the_key_nowhere(
    serve: Any, asked: dict[str, Callable[[str], object]], status: int, refused: Callable[..., None]
) -> None:
    other = serve((200, b"{}", {}))
    away: Reply = (status, b"", {"location": f"{other.url}/chat/completions"})
    for server in (serve(away), serve(away, away)):
        for ask in asked.values():
            started = time.monotonic()
            with pytest.raises(EngineError, match=ONE_LINE):
                ask(server.url)
            assert time.monotonic() - started < 5
        assert any(KEY in one for one in server.seen)
    assert other.seen == []
    refused("servers: redirects", 2 * len(asked))


ECHOES = {
    "whole": KEY,
    "upper case": KEY.upper(),
    "in parts": f"{KEY[:9]} then {KEY[9:]}",
    "base64": base64.b64encode(f"Bearer {KEY}".encode()).decode(),
    "URL-encoded": quote("".join(f"%{ord(one):02x}" for one in KEY)),
    "spaced": " ".join(KEY),
    "far down": "x" * 10**5 + KEY,
    "in a terminal's dress": f"\x1b[2J\u202e{KEY}\x9b\u2066",
    "lines": "\n".join([KEY] * 1000),
}


def bodies(said: str) -> list[Reply]:
    """The ways in which a server can say it."""
    error = {"error": {"message": said, "type": "error", "param": said, "code": said}}
    choice = {"index": 0, "message": {"role": "assistant", "content": None, "refusal": None}, "finish_reason": said}
    return [
        *((status, json.dumps(error).encode(), {}) for status in (400, 401, 403, 404, 422)),
        (400, said.encode(), {"content-type": "text/plain"}),
        (200, json.dumps(error).encode(), {}),
        (200, json.dumps(said).encode(), {}),
        (200, json.dumps({"choices": [choice | {"message": said}]}).encode(), {}),
        (200, json.dumps({"choices": said}).encode(), {}),
        (200, f"<html>{said}".encode(), {"content-type": "text/html"}),
        (200, f'{{"{said}'.encode(), {}),
    ]


CASES = [
    (name, number) for name in ECHOES for number in range(len(bodies(""))) if name == "whole" or number in (1, 5, 9)
]


@pytest.mark.parametrize(("name", "number"), CASES)
def test_an_echo_of_the_key_is_masked_in_one_line(
    serve: Any, asked: dict[str, Callable[[str], object]], name: str, number: int, refused: Callable[..., None]
) -> None:
    reply = bodies(ECHOES[name])[number]
    tried = [(ask, serve(reply)) for ask in asked.values()] + [(asked["generator"], serve(reply, reply))]
    for ask, server in tried:
        with pytest.raises(EngineError) as caught:
            ask(server.url)
        said = str(caught.value)
        assert ONE_LINE.match(said), said
        assert said.replace("\n", "").isprintable()
        letters = "".join(one for one in said if one.isascii() and one.isalnum()).lower()
        assert not any(KEY[at : at + 8].lower() in letters for at in range(8, len(KEY) - 7)), said
        assert base64.b64encode(KEY.encode()).decode()[:8].lower() not in letters
    refused("servers: echoes of the key", len(tried))


ODD: dict[str, Reply] = {
    "deep": (200, b"[" * 10**5, {}),
    "deep object": (200, b'{"choices": ' + b'{"a": ' * 10**5, {}),
    "no UTF-8": (200, b'{"choices": "\xff\xfe"}', {}),
    "an unknown charset": (200, b"{}", {"content-type": "application/json; charset=zoo"}),
    "broken gzip": (200, b"no gzip", {"content-encoding": "gzip"}),
    "an unknown encoding": (200, b"{}", {"content-encoding": "zoo"}),
    "no body": (204, b"", {}),
    "null": (200, b"null", {}),
    "a number": (200, b"1e999", {}),
    "cut": (200, b'{"choices"', {"content-length": "10000"}),
    "a status of its own": (299, b"", {}),
    "an error of its own": (499, b"\x00\x1b[2J", {}),
    "choices of null": (200, b'{"choices": [null]}', {}),
    "an empty list": (200, b'{"choices": []}', {}),
    "an object for choices": (200, b'{"choices": {"0": 1}}', {}),
    "an error beside": (200, b'{"choices": null, "error": {"message": {"a": [1]}}}', {}),
    "an error in words": (200, b'{"choices": null, "error": "asleep"}', {}),
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_answer_is_one_line(
    serve: Any, asked: dict[str, Callable[[str], object]], name: str, refused: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(openai_client, "RETRIES", 0)
    tried = [(ask, serve(ODD[name])) for ask in asked.values()] + [(asked["generator"], serve(ODD[name], ODD[name]))]
    for ask, server in tried:
        with pytest.raises(EngineError, match=ONE_LINE) as caught:
            ask(server.url)
        assert str(caught.value).replace("\n", "").isprintable()
    refused("servers: odd answers", len(tried))
