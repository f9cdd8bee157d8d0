"""A language model as judge: a real tiny one by transformers, and a server on loopback that speaks OpenAI's API."""

from __future__ import annotations

import json
import math
import re
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pydantic import TypeAdapter, ValidationError

from rlhf_data.errors import EngineError
from rlhf_data.inference import openai_client
from rlhf_data.inference.protocols import Judge, ResponsePair
from rlhf_data.judges import llm_judge, llm_judge_folder, llm_judge_prompt
from rlhf_data.judges.open import open_judge
from rlhf_data.models import checkpoints
from rlhf_data.params.judges import LlmJudge
from rlhf_data.params.profiles import Params
from rlhf_data.schemas import Message
from rlhf_data.storage import fingerprints

ASKED: list[Message] = [{"role": "user", "content": "Name a fish."}]
TURNS: list[Message] = [*ASKED, {"role": "assistant", "content": "A carp."}, {"role": "user", "content": "And a cat."}]
COMPARISONS = [
    ResponsePair(ASKED, "A carp.", "A cat."),
    ResponsePair(ASKED, "A cat.", "A carp."),
    ResponsePair(TURNS, "Tom.", "Rex, and then some more of him."),
    ResponsePair(ASKED, "A carp.", "A cat."),
]
LONG = ResponsePair(ASKED, "A carp. " * 300, "A cat.")
KEY = "sk-secret-of-the-zoo"


class Reply(NamedTuple):
    """What the server says to a request."""

    status: int
    body: bytes
    kind: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


class Server(ThreadingHTTPServer):
    """Answers each chat request with what `reply` makes of it, and keeps the requests."""

    def __init__(self, reply: Callable[[dict[str, Any]], Reply]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.reply = reply
        self.requests: list[dict[str, Any]] = []
        self.keys: set[str | None] = set()
        self.lock, self.under_way, self.most = threading.Lock(), 0, 0

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with self.server.lock:
            self.server.requests.append(request)
            self.server.keys.add(self.headers["authorization"])
            self.server.under_way += 1
            self.server.most = max(self.server.most, self.server.under_way)
            reply = self.server.reply(request)
        with self.server.lock:
            self.server.under_way -= 1
        self.send_response(reply.status)
        for name, value in (("content-type", reply.kind), ("content-length", str(len(reply.body))), *reply.headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[dict[str, Any]], Reply]], Server]]:
    servers = []

    def started(reply: Callable[[dict[str, Any]], Reply]) -> Server:
        servers.append(Server(reply))
        threading.Thread(target=servers[-1].serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return servers[-1]

    yield started
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="session")
def local(tiny: Params) -> LlmJudge:
    judge = tiny.judges["prompted"]
    assert isinstance(judge, LlmJudge)
    return replace(judge, max_length=400, batch_size=2)


def served(judge: LlmJudge, server: Server, folder: Path, **changes: Any) -> Judge:
    """The judge of a server, as the stages make it."""
    section = replace(judge, engine="openai", model="owl", endpoint=server.endpoint, **changes)
    llm_judge_folder.save(section, folder / "iter0", folder / "prompted")
    return llm_judge.open_llm_judge(section, folder / "prompted")


def completion(text: str | None, *tops: tuple[str, float], finish: str = "stop") -> Reply:
    """A chat completion; `tops` are the likeliest first tokens with their probabilities."""
    likely = [{"token": token, "logprob": math.log(p), "bytes": None} for token, p in tops]
    logprobs = {"content": [{**likely[0], "top_logprobs": likely}]} if likely else None
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": logprobs}
    body = {"id": "1", "object": "chat.completion", "created": 0, "model": "owl", "choices": [choice]}
    return Reply(200, json.dumps(body).encode())


def prefers_the_fish(request: dict[str, Any]) -> Reply:
    """A, with 0.7 against 0.1, where the first response is the carp; B is told without and with a space."""
    first = "[Response A]\nA carp." in request["messages"][0]["content"]
    return completion("A" if first else "B", *([("A", 0.6), (" A", 0.1), ("B", 0.1)] if first else [(" B", 0.9)]))


def refused(status: int, message: str, *, code: str | None = None, wait: str | None = None) -> Reply:
    body = {"error": {"message": message, "type": "error", "code": code}}
    return Reply(status, json.dumps(body).encode(), headers=(("retry-after", wait),) if wait else ())


WITHHELD = Reply(
    200, completion(None).body.replace(b'"content": null', b'"content": null, "refusal": "I would rather not."')
)


@pytest.mark.parametrize("batch_size", [1, 3])
def test_verdicts_are_the_models_own(policy_dir: Path, tiny: Params, local: LlmJudge, batch_size: int) -> None:
    import torch

    tokens, model = checkpoints.tokenizer(policy_dir), checkpoints.causal(policy_dir, precision="fp32")
    letters = tokens.convert_tokens_to_ids(["A", "B"])
    expected = []
    for one in COMPARISONS:
        text = f"<|user|>{llm_judge_prompt.question(one)[0]['content']}<|eot|><|assistant|>"
        with torch.inference_mode():
            logits = model(torch.tensor([tokens(text)["input_ids"]])).logits[0, -1]
        expected.append(logits[letters].softmax(0)[0].item())
    how = {"score": tiny.score, "max_length": tiny.train_reward.max_length}
    judge = open_judge(policy_dir, replace(local, batch_size=batch_size), **how)  # type: ignore[arg-type]
    found = judge.prefer(COMPARISONS)
    assert found == pytest.approx(expected, abs=1e-5)
    assert found[0] == found[3]
    assert judge.prefer([]) == []


def test_what_is_too_long_gets_no_verdict_and_is_said(
    policy_dir: Path, local: LlmJudge, capsys: pytest.CaptureFixture[str]
) -> None:
    found = llm_judge.open_llm_judge(local, policy_dir).prefer([COMPARISONS[0], LONG])
    assert [math.isnan(p) for p in found] == [False, True]
    assert "no verdict on 1 of 2 comparisons, 1 of them too long" in capsys.readouterr().out


@pytest.mark.parametrize(("max_tokens", "expected"), [(1, 1.0), (4, math.nan)])
def test_a_written_verdict_is_read(
    policy_dir: Path, local: LlmJudge, tmp_path: Path, max_tokens: int, expected: float
) -> None:
    tokens, model = checkpoints.tokenizer(policy_dir), checkpoints.causal(policy_dir, precision="fp32")
    model.get_input_embeddings().weight.data[tokens.convert_tokens_to_ids("A"), 0] = 50  # it writes A again and again
    model.save_pretrained(tmp_path)
    tokens.save_pretrained(tmp_path)
    judge = llm_judge.open_llm_judge(replace(local, verdict="text", max_tokens=max_tokens), tmp_path)
    assert judge.prefer(COMPARISONS) == pytest.approx([expected] * 4, nan_ok=True)


@pytest.mark.parametrize(("verdict", "sure"), [("logits", 0.875), ("text", 1.0)])
def test_a_servers_verdicts(
    serve: Any, local: LlmJudge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verdict: Any, sure: float
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    limited = iter([True, True])

    def reply(request: dict[str, Any]) -> Reply:
        return refused(429, "slowly", wait="0.01") if next(limited, False) else prefers_the_fish(request)

    server = serve(reply)
    judge = served(local, server, tmp_path, verdict=verdict)
    assert judge.prefer(COMPARISONS) == pytest.approx([sure, 0.0, 0.0, sure])
    assert len(server.requests) == len(COMPARISONS) + 2
    assert server.most <= local.batch_size
    assert server.keys == {f"Bearer {KEY}"}
    assert all(request["model"] == "owl" and request["temperature"] == 0 for request in server.requests)
    assert KEY not in (tmp_path / "prompted" / "judge.json").read_text()


def test_answers_without_a_letter_are_no_verdict(
    serve: Any, local: LlmJudge, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, reply in enumerate(
        (
            completion("C", ("C", 0.9), ("Both", 0.1)),
            completion(None, finish="content_filter"),
            WITHHELD,
            refused(400, "not this", code="content_filter"),
            refused(400, "This model's maximum context length is 8 tokens."),
            refused(400, "too long", code="context_length_exceeded"),
        )
    ):
        judge = served(local, serve(lambda _, reply=reply: reply), tmp_path / str(number))
        assert all(map(math.isnan, judge.prefer(COMPARISONS[:2])))
        long = 2 if b"long" in reply.body or b"length" in reply.body else 0
        assert f"no verdict on 2 of 2 comparisons, {long} of them too long" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (completion("A"), "its answers have no log-probabilities\n  ask for verdict: text"),
        (Reply(200, b"<html>Welcome</html>", "text/html"), "its answer is no chat completion: '<html>Welcome"),
        (Reply(200, b'{"choices": []}'), "its answer is no chat completion"),
        (Reply(200, b'{"choices": [{"message": 3, "logprobs": {"content": 3}}]}'), "its answer is no chat completion"),
        (Reply(200, b"[1, 2]"), "its answer is no chat completion"),
        (Reply(200, b'{"choices": [{'), "is the server running"),
        (Reply(200, f'"{KEY}"'.encode()), "<key>"),
        (refused(401, f"Incorrect API key: {KEY}"), "<key>"),
        (refused(400, "logprobs is not known"), "logprobs is not known"),
        (refused(404, "no model owl"), "no model owl"),
        (Reply(200, b'{"choices": null, "error": {"message": "asleep", "code": 503}}'), "no chat completion: 'asleep'"),
        (
            refused(400, "'max_tokens' is not supported with this model.", code="unsupported_parameter"),
            "takes no max_tokens: ",
        ),
        (refused(400, "'temperature' does not support 0.0", code="unsupported_value"), "wants reasoning: true"),
        (refused(400, "unknown field: top_logprobs"), "ask for verdict: text"),
        (Reply(200, completion("A", ("A", 1.0)).body.replace(b"0.0", b"1e5")), "its answer is no chat completion"),
        (refused(500, "broken"), "broken"),
        (refused(503, "asleep"), "asleep"),
    ],
)
def test_what_is_no_verdict_is_an_error_that_names_the_server(
    serve: Any, local: LlmJudge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reply: Reply, said: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setattr(openai_client, "RETRIES", 1)
    server = serve(lambda request: reply)
    with pytest.raises(EngineError) as caught:
        served(local, server, tmp_path).prefer(COMPARISONS[:1])
    assert f"judge owl at {server.endpoint}: " in str(caught.value)
    assert said in str(caught.value)
    assert KEY not in str(caught.value)
    assert len(server.requests) == (2 if reply.status >= 500 else 1)  # what is not the server's own fault stays


def test_a_refusal_of_one_comparison_is_counted_and_the_others_are_judged(
    serve: Any, local: LlmJudge, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filtered = refused(400, "The response was filtered\ndue to our policy.", code="content_filter")

    def reply(request: dict[str, Any]) -> Reply:
        return filtered if "Tea." in request["messages"][0]["content"] else completion("B", ("B", 0.9))

    asked = [ResponsePair(ASKED, "A carp.", other) for other in ("A pike.", "Tea.", "A perch.", "An eel.")]
    found = served(local, serve(reply), tmp_path).prefer(asked)
    assert [math.isnan(one) for one in found] == [False, True, False, False]
    said = capsys.readouterr().out
    assert "no verdict on 1 of 4 comparisons, 0 of them too long" in said
    assert re.search(r"1 of 4 refused by the server: .*The response was filtered", said)
    assert "due to our policy" not in said.splitlines()[-1].split("filtered")[0]


def test_a_server_that_refuses_all_is_an_error_after_few_requests(serve: Any, local: LlmJudge, tmp_path: Path) -> None:
    server = serve(lambda request: refused(400, "unknown parameter: logprobs"))
    with pytest.raises(EngineError, match="unknown parameter: logprobs"):
        served(local, server, tmp_path).prefer([ResponsePair(ASKED, "A carp.", f"Tea {n}.") for n in range(50)])
    assert len(server.requests) <= 2 * local.batch_size


def test_a_redirect_takes_no_key_to_another_host(
    serve: Any, local: LlmJudge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    other = serve(lambda request: completion("A", ("A", 0.9)))
    to = (("location", f"{other.endpoint}/chat/completions"),)
    for status in (301, 302, 307, 308):
        with pytest.raises(EngineError):
            served(
                local, serve(lambda _, status=status: Reply(status, b"", headers=to)), tmp_path / str(status)
            ).prefer(COMPARISONS[:1])
    assert other.requests == []
    assert other.keys == set()


def test_a_model_that_reasons_is_asked_without_temperature(serve: Any, local: LlmJudge, tmp_path: Path) -> None:
    server = serve(lambda request: completion("<think>\nA is longer.\n</think>\n**B**"))
    assert served(local, server, tmp_path, verdict="text", reasoning=True, max_tokens=99).prefer(COMPARISONS[:1]) == [
        0.0
    ]
    assert set(server.requests[0]) == {"model", "messages", "max_completion_tokens"}
    assert server.requests[0]["max_completion_tokens"] == 99
    with pytest.raises(ValidationError, match="reasoning goes with engine: openai and verdict: text"):
        served(local, server, tmp_path / "b", verdict="logits", reasoning=True)


def test_a_rate_limit_without_end_is_an_error(serve: Any, local: LlmJudge, tmp_path: Path) -> None:
    server = serve(lambda request: refused(429, "slowly", wait="0.01"))
    with pytest.raises(EngineError, match=r"slowly[\s\S]*lower the judge's batch_size"):
        served(local, server, tmp_path).prefer(COMPARISONS[:1])
    assert len(server.requests) == 1 + openai_client.RETRIES


def test_a_server_that_is_down(local: LlmJudge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_client, "RETRIES", 1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    section = replace(local, engine="openai", endpoint=endpoint)
    llm_judge_folder.save(section, tmp_path, tmp_path / "prompted")
    with pytest.raises(EngineError, match=f"{endpoint}: Connection error.*\n.*is the server running"):
        llm_judge.open_llm_judge(section, tmp_path / "prompted").prefer(COMPARISONS)


def test_what_stands_for_the_judge(policy_dir: Path, local: LlmJudge, tmp_path: Path) -> None:
    llm_judge_folder.save(local, policy_dir, tmp_path / "copy")
    assert fingerprints.job(tmp_path / "copy") == fingerprints.job(policy_dir)
    elsewhere = shutil.copytree(policy_dir, tmp_path / "elsewhere")
    llm_judge_folder.save(replace(local, model=str(elsewhere)), tmp_path, tmp_path / "other")
    assert fingerprints.job(tmp_path / "other") == fingerprints.job(policy_dir)

    pinned = replace(local, model="zoo/owl", revision="c0ffee")
    llm_judge_folder.save(pinned, policy_dir, tmp_path / "hub")
    assert llm_judge_folder.named(pinned, tmp_path / "hub") == {"model": "zoo/owl", "revision": "c0ffee"}
    with pytest.raises(
        EngineError, match=r"zoo/owl: no folder, and the hub does not give it[\s\S]*name its `revision`"
    ):
        llm_judge_folder.save(replace(local, model="zoo/owl"), policy_dir, tmp_path / "none")
    with pytest.raises(EngineError, match="data/models/zoo: no such folder"):
        llm_judge_folder.save(replace(local, model="data/models/zoo"), policy_dir, tmp_path / "none")


def test_a_folder_of_another_judge_is_refused(policy_dir: Path, local: LlmJudge, tmp_path: Path) -> None:
    server = replace(local, engine="openai", model="owl", endpoint="http://127.0.0.1:1/v1")
    llm_judge_folder.save(server, policy_dir, tmp_path / "server")
    for section, folder in (
        (replace(server, endpoint="http://127.0.0.1:2/v1"), tmp_path / "server"),
        (replace(server, model="cat"), tmp_path / "server"),
        (local, tmp_path / "server"),
        (server, policy_dir),
    ):
        with pytest.raises(EngineError, match="made for another judge"):
            llm_judge.open_llm_judge(section, folder)


@pytest.mark.parametrize("endpoint", ["localhost:8000", "http://me:key@zoo.org/v1", "http://zoo.org/v1?key=a"])
def test_an_endpoint_holds_no_secret(local: LlmJudge, endpoint: str) -> None:
    check = partial(TypeAdapter(LlmJudge).validate_python)
    values = vars(replace(local, engine="openai", endpoint="https://zoo.org/v1"))
    check(values)
    with pytest.raises(ValidationError, match="endpoint"):
        check(values | {"endpoint": endpoint})
