"""A server's replies that are no answer: refusals of one prompt are counted, all else is one line that quotes it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from rlhf_data.errors import EngineError
from rlhf_data.generation.openai_engine import OpenaiGenerator
from rlhf_data.inference import openai_client
from rlhf_data.inference.protocols import Completion, Request
from rlhf_data.params.loop import GenerateParams
from rlhf_data.params.profiles import Params

Reply = tuple[int, bytes]


def said(text: str | None, *, finish: str = "stop", tokens: int = 3) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
    usage = {"prompt_tokens": 1, "completion_tokens": tokens, "total_tokens": 1 + tokens}
    return {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice], "usage": usage}


def refusal(message: str, *, code: str | None = "content_filter", param: str | None = None) -> Reply:
    return 400, json.dumps({"error": {"message": message, "type": "invalid", "code": code, "param": param}}).encode()


@pytest.fixture
def serve() -> Iterator[Callable[[Path, Callable[[str], Reply]], str]]:
    """Starts a server of a policy, which replies to what a prompt says."""
    servers = []

    def started(policy: Path, reply: Callable[[str], Reply]) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.answer(
                    200, json.dumps({"object": "list", "data": [{"id": str(policy), "object": "model"}]}).encode()
                )

            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["content-length"])))
                self.answer(*reply(request["messages"][-1]["content"]))

            def answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}/v1"

    yield started
    for server in servers:
        server.shutdown()
        server.server_close()


def requests(*asked: str) -> list[Request]:
    return [Request([{"role": "user", "content": text}], n, 1.0) for n, text in enumerate(asked)]


def generator(policy: Path, tiny: Params, endpoint: str) -> OpenaiGenerator:
    section: GenerateParams = replace(tiny.generate, engine="openai", endpoint=endpoint, batch_size=2)
    return OpenaiGenerator(policy, section)


def test_one_prompt_that_is_refused_is_counted_and_the_others_are_answered(
    serve: Any, policy_dir: Path, tiny: Params, capsys: pytest.CaptureFixture[str]
) -> None:
    replies = {"bad": refusal("not this"), "cut": (200, json.dumps(said("Half", finish="content_filter")).encode())}
    endpoint = serve(policy_dir, lambda text: replies.get(text, (200, json.dumps(said("A carp.")).encode())))
    asked = requests("good", "bad", "good too", "cut", "good again")
    found = dict(generator(policy_dir, tiny, endpoint).generate(asked))
    assert [found[n].text for n in range(5)] == ["A carp.", "", "A carp.", "", "A carp."]
    assert found[1] == Completion("", 0, "stop")
    assert "generate: 2 of 5 refused by the server: " in capsys.readouterr().out


WITHHELD = said(None)
WITHHELD["choices"][0]["message"]["refusal"] = "I would rather not."


@pytest.mark.parametrize("withheld", [
    refusal("not this"),
    refusal("The response was filtered by the content management policy.", code=None),
    (403, b'{"error": {"message": "Your input was flagged", "code": 403}}'),
    (200, json.dumps(said(None, finish="content_filter")).encode()),
    (200, json.dumps(WITHHELD).encode()),
])  # fmt: skip
@pytest.mark.parametrize("asked", ["b", "bg", "bbbbbg"])
def test_a_refused_text_that_is_asked_alone_or_first_is_a_row(
    serve: Any, policy_dir: Path, tiny: Params, asked: str, withheld: Reply, capsys: pytest.CaptureFixture[str]
) -> None:
    endpoint = serve(policy_dir, lambda text: withheld if text == "b" else (200, json.dumps(said("A carp.")).encode()))
    found = dict(generator(policy_dir, tiny, endpoint).generate(requests(*asked)))
    assert [found[n].text for n in range(len(asked))] == ["" if one == "b" else "A carp." for one in asked]
    assert f"generate: {asked.count('b')} of {len(asked)} refused by the server: " in capsys.readouterr().out


def test_half_a_character_is_the_replacement_character(serve: Any, policy_dir: Path, tiny: Params) -> None:
    endpoint = serve(policy_dir, lambda _: (200, json.dumps(said("half \ud83d, whole \U0001f41f")).encode()))
    found = dict(generator(policy_dir, tiny, endpoint).generate(requests("a")))
    assert found[0].text == "half \ufffd, whole \U0001f41f"


@pytest.mark.parametrize(("reply", "quoted"), [
    (refusal("no such role", code=None), "no such role"),
    (refusal("Unsupported parameter: 'max_tokens'", code="unsupported_parameter", param="max_tokens"),
     "it takes no max_tokens, which decides what is sampled"),
    (refusal("extra keys are not supported: top_k", code=None), "it takes no top_k"),
    ((200, b"<html>Welcome</html>"), "Welcome"),
    ((200, json.dumps({**said("x"), "choices": None}).encode()), "no chat completion"),
    ((200, json.dumps({**said("x"), "choices": []}).encode()), "no chat completion"),
    ((200, json.dumps({"choices": None, "error": {"message": "asleep\nfor long", "code": 503}}).encode()),
     r"no chat completion: 'asleep'\n"),
    ((200, json.dumps({**said("x"), "choices": [{"message": {"content": 5}, "finish_reason": "stop"}]}).encode()),
     "no chat completion"),
    ((200, json.dumps({**said("x"), "usage": {"completion_tokens": "many"}}).encode()), "does not say how many tokens"),
    ((200, json.dumps({**said("x"), "usage": None}).encode()), "does not say how many tokens"),
    ((200, json.dumps(said("x", tokens=-1)).encode()), "does not say how many tokens"),
    ((500, b"broken pipe"), "broken pipe"),
])  # fmt: skip
def test_what_is_no_answer_is_an_error_that_quotes_the_server(
    serve: Any, policy_dir: Path, tiny: Params, monkeypatch: pytest.MonkeyPatch, reply: Reply, quoted: str
) -> None:
    monkeypatch.setattr(openai_client, "RETRIES", 0)
    endpoint = serve(policy_dir, lambda _: reply)
    with pytest.raises(EngineError, match=quoted):
        list(generator(policy_dir, tiny, endpoint).generate(requests(*"abcdefgh")))
