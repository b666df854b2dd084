"""The HTTP front: OpenAI's own client and a load tool are answered, and who leaves costs nothing."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager

import pytest
from engine_fakes import POISON, FakeModel, answer_of

from seqdocs.queues.engines.continuous_batch import ContinuousBatchEngine
from seqdocs.queues.engines.decoder import kv_bytes_per_position
from seqdocs.queues.engines.request import Request
from seqdocs.queues.engines.serial import SerialEngine
from seqdocs.queues.http import engines
from seqdocs.queues.http.engines import ENGINES, Setup
from seqdocs.queues.http.text import Decoder
from tests.queues.http.front import front, wait_for

pytest.importorskip("uvicorn", reason="needs uvicorn, which is in the group `test`")
openai = pytest.importorskip("openai", reason="needs openai, which is in the group `test`")
httpx = pytest.importorskip("httpx2", reason="needs httpx2, which openai brings")


def text_of(tokens):
    decoder = Decoder()
    return "".join(map(decoder.add, tokens)) + decoder.end()


@contextmanager
def served(before=lambda readings: None, **options):
    """A fake model behind a continuous batch: the engine, its model, the address."""
    model = FakeModel(40, 4, before=before)
    with ContinuousBatchEngine(model, 8, chunk=16, **options) as engine, front(engine) as address:
        yield engine, model, address


def slowly(readings):
    time.sleep(0.005)


def client(address):
    return openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0)


ASKED = Request((1, 2, 3), 9)


def test_the_official_client_gets_the_answer_in_one_piece():
    with served() as (_, _, address), client(address) as asks:
        answer = asks.completions.create(model="m", prompt=[1, 2, 3], max_tokens=9)
    assert answer.choices[0].text == text_of(answer_of(ASKED))
    assert answer.choices[0].finish_reason == "length"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (3, 9)


def test_the_official_client_gets_the_answer_token_by_token():
    with served() as (_, _, address), client(address) as asks:
        pieces = list(
            asks.completions.create(
                model="m", prompt=[1, 2, 3], max_tokens=9, stream=True, stream_options={"include_usage": True}
            )
        )
    *texts, last = pieces
    assert "".join(piece.choices[0].text for piece in texts) == text_of(answer_of(ASKED))
    assert len(texts) > 5
    assert [piece.choices[0].finish_reason for piece in texts][-2:] == [None, "length"]
    assert (last.choices, last.usage.completion_tokens) == ([], 9)


def test_a_stop_character_ends_the_answer_and_is_not_part_of_it():
    answer = answer_of(ASKED)
    with served() as (_, _, address), client(address) as asks:
        got = asks.completions.create(model="m", prompt=[1, 2, 3], max_tokens=9, stop=chr(answer[4]))
    cut = answer[: answer.index(answer[4])]
    assert (got.choices[0].text, got.choices[0].finish_reason) == (text_of(cut), "stop")


def test_the_models_are_listed():
    with served() as (_, _, address), client(address) as asks:
        assert [one.id for one in asks.models.list()] == ["m"]
        assert asks.models.retrieve("m").id == "m"
        with pytest.raises(openai.NotFoundError, match="there is no model 'gpt'"):
            asks.models.retrieve("gpt")


@pytest.mark.parametrize(
    ("method", "path", "content", "status", "sentence"),
    [
        ("POST", "/v1/completions", b"{", 400, "the body is no JSON that can be read"),
        ("POST", "/v1/completions", b'{"model": "m", "prompt": ""}', 400, "its prompt is empty"),
        ("POST", "/v1/completions", b'{"model": "m", "prompt": [1], "max_tokens": 0}', 400, "is 0; it is at"),
        (
            "POST",
            "/v1/completions",
            b'{"model": "m", "prompt": [1], "max_tokens": 99}',
            400,
            "context has 64",
        ),
        ("POST", "/v1/completions", b'{"model": "m", "prompt": [999]}', 400, "its prompt holds token 999"),
        ("POST", "/v1/completions", b'{"model": "x", "prompt": [1]}', 404, "'m' is served here"),
        ("POST", "/v1/completions", b" " * 1_000_001, 413, "the body is too long; it may have 1000000 bytes"),
        ("GET", "/v1/completions", b"", 405, "GET /v1/completions is not served here; POST"),
        ("POST", "/v1/chat/completions", b"{}", 404, "POST /v1/chat/completions is not served here; POST"),
        ("GET", "/", b"", 404, "GET / is not served here"),
        ("POST", "/metrics", b"", 405, "POST /metrics is not served here; POST"),
        (
            "GET",
            "/metrics?latency_target_seconds=soon",
            b"",
            400,
            '`latency_target_seconds` is "soon"; it is',
        ),
        ("GET", "/metrics?latency_target_seconds=-1", b"", 400, '`latency_target_seconds` is "-1"; it is'),
        ("GET", "/metrics?latency_target_seconds=nan", b"", 400, '`latency_target_seconds` is "nan"; it is'),
        ("GET", "/metrics?window=3", b"", 400, 'there is no parameter "window"; there is latency_target'),
    ],
)
def test_malformed_input_gets_a_status_and_one_sentence(method, path, content, status, sentence):
    with served() as (_, _, address):
        answer = httpx.request(method, address + path, content=content)
    told = answer.json()["error"]
    assert answer.status_code == status
    assert sentence in told["message"]
    assert "\n" not in told["message"]
    assert told["type"] == "invalid_request_error"


def test_a_full_engine_asks_to_try_again():
    with served(slowly, limit=1) as (engine, _, address), client(address) as asks:
        ticket = engine.submit(Request((1,), 60))
        with pytest.raises(openai.RateLimitError, match="lets in 1 requests at a time") as refused:
            asks.completions.create(model="m", prompt=[1])
        assert refused.value.response.headers["retry-after"] == "1"
        ticket.cancel()


def test_a_closed_engine_says_so():
    with served() as (engine, _, address), client(address) as asks:
        engine.close()
        with pytest.raises(openai.InternalServerError, match="the engine is closed") as refused:
            asks.completions.create(model="m", prompt=[1])
        assert refused.value.status_code == 503


def test_a_fault_of_the_model_is_told_by_name_alone():
    with served() as (_, _, address), client(address) as asks:
        with pytest.raises(
            openai.InternalServerError, match="failed on this request: ArithmeticError"
        ) as told:
            asks.completions.create(model="m", prompt=[POISON])
        assert str(POISON) not in told.value.response.text


def test_a_fault_in_the_middle_ends_the_stream_with_an_error():
    def fails_late(readings):
        if any(one.start > 8 for one in readings):
            raise OSError("the memory of another planet")

    with served(fails_late) as (_, _, address), client(address) as asks:
        stream = asks.completions.create(model="m", prompt=[1, 2, 3], max_tokens=20, stream=True)
        assert next(iter(stream)).choices[0].finish_reason is None
        with pytest.raises(openai.APIError, match="the model failed on this request: OSError"):
            list(stream)


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_cancels_its_request(stream):
    with served(slowly) as (engine, model, address):
        host, port = address.removeprefix("http://").split(":")
        body = json.dumps({"model": "m", "prompt": [1], "max_tokens": 60, "stream": stream}).encode()
        head = f"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        with socket.create_connection((host, int(port))) as line:
            line.sendall(head + body)
            wait_for(lambda: len(model.steps) > 3)
        wait_for(lambda: not engine._inside)
        assert len(model.steps) < 60


@pytest.mark.skipif(shutil.which("ab") is None, reason="needs ab (Debian's apache2-utils)")
@pytest.mark.parametrize("stream", [True, False])
def test_a_load_tool_finds_no_error(stream, tmp_path):
    body = tmp_path / "body.json"
    body.write_text(json.dumps({"model": "m", "prompt": [1, 2, 3], "max_tokens": 9, "stream": stream}))
    with served() as (_, model, address):
        command = ["ab", "-q", "-l", "-n", "300", "-c", "16", "-p", body, "-T", "application/json"]
        done = subprocess.run(
            [*command, f"{address}/v1/completions"], capture_output=True, text=True, timeout=120, check=False
        )
    assert done.returncode == 0, done.stderr
    said = dict(line.split(":", 1) for line in done.stdout.splitlines() if ":" in line)
    assert said["Complete requests"].strip() == "300"
    assert said["Failed requests"].strip() == "0"
    assert "Non-2xx responses" not in said
    assert max(map(len, model.steps)) > 1  # it really asked for several at a time


def test_half_a_character_at_the_end_is_said():
    def serve(request):
        yield from (72, 195)  # the first byte of two

    with SerialEngine(serve) as engine, front(engine) as address, client(address) as asks:
        asked = {"model": "m", "prompt": [1], "max_tokens": 2}
        assert asks.completions.create(**asked).choices[0].text == "H�"
        assert "".join(one.choices[0].text for one in asks.completions.create(**asked, stream=True)) == "H�"


@pytest.mark.parametrize("name", sorted(set(ENGINES) - {"static"}))
def test_every_engine_gives_the_same_answer_over_http(name):
    setup = Setup(width=16, layers=1, heads=2, context=64, size=1, memory=256)
    alone = list(setup.serve()(Request((72, 105), 12)))
    if name == "ray":
        pytest.importorskip("ray", reason="needs the package ray, which is in the group `test`")
    at = setup.kv_bytes_per_position()
    with ENGINES[name](setup) as engine, front(engine, at) as address, client(address) as asks:
        answer = asks.completions.create(model="m", prompt="Hi", max_tokens=12)
        told = httpx.get(f"{address}/metrics", params={"latency_target_seconds": 3600}).json()
    assert answer.choices[0].text == text_of(alone)
    assert (told["answered"], told["refused"]) == (1, 0)
    assert told["throughput_tokens_per_second"] == told["goodput_tokens_per_second"] > 0
    assert 0 <= told["queue_wait_seconds"]["mean"] <= told["first_token_seconds"]["mean"]
    assert told["kv_peak_bytes"] == at * {"dynamic": 64, "continuous": 16}.get(name, 13)


def test_metrics_of_nobody_are_none_and_of_whoever_is_inside_are_left_out():
    with served(slowly) as (engine, _, address), client(address) as asks:
        empty = httpx.get(f"{address}/metrics").json()
        pieces = asks.completions.create(model="m", prompt=[1], max_tokens=60, stream=True)
        next(iter(pieces))
        meanwhile = httpx.get(f"{address}/metrics").json()
        pieces.close()
        wait_for(lambda: not engine._inside)
        after = httpx.get(f"{address}/metrics").json()
    assert (empty["answered"], empty["latency_seconds"], empty["latency_target_seconds"]) == (0, None, 1.0)
    assert (meanwhile["answered"], meanwhile["refused"]) == (0, 0)
    assert (after["answered"], after["refused"]) == (0, 1)


def test_processes_are_no_more_than_cores(monkeypatch):
    monkeypatch.setattr(engines, "ProcessPoolEngine", lambda make, processes, **options: processes)
    for cores, size, workers in ((4, 16, 4), (None, 16, 1), (64, 16, 16)):
        monkeypatch.setattr(engines.os, "cpu_count", lambda cores=cores: cores)
        assert ENGINES["processes"](Setup(size=size)) == workers


def test_a_setup_knows_the_bytes_of_a_position_of_its_model():
    for setup in (Setup(width=16, layers=3, heads=2, context=64), Setup(width=24, layers=1, heads=1)):
        assert setup.kv_bytes_per_position() == kv_bytes_per_position(setup.model())
