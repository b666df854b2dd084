"""``python -m seqdocs serve``: it serves, drains when told to stop, and says what it lacks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
from processes import assert_gone, descendants

from seqdocs.queues.http.cli import main

SMALL = [
    "--width",
    "64",
    "--layers",
    "4",
    "--heads",
    "2",
    "--context",
    "100100",
    "--memory",
    "102400",
    "--port",
    "0",
]


def test_without_the_extra_one_sentence_says_how_to_get_it(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main([]) == 2
    wanted = "serve: it needs starlette and uvicorn; install them with `pip install seqdocs[serving]`\n"
    assert capsys.readouterr().err == wanted


def test_without_ray_one_sentence_says_how_to_get_it(monkeypatch, capsys):
    pytest.importorskip("uvicorn", reason="needs uvicorn, which is in the group `test`")
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main(["--engine", "ray", "--port", "0"]) == 2
    wanted = (
        "serve: replicas as Ray actors need the package ray; install it with `pip install seqdocs[ray]`\n"
    )
    assert capsys.readouterr().err == wanted


def test_sizes_that_do_not_fit_are_refused_in_one_sentence(capsys):
    pytest.importorskip("uvicorn", reason="needs uvicorn, which is in the group `test`")
    assert main(["--width", "10", "--heads", "3", "--port", "0"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("serve: ")
    assert said.count("\n") == 1


@contextmanager
def streaming(engine, tokens):
    """A server in a process of its own, and the rest of an answer that has begun."""
    openai = pytest.importorskip("openai", reason="needs openai, which is in the group `test`")
    pytest.importorskip("uvicorn", reason="needs uvicorn, which is in the group `test`")
    command = [sys.executable, "-m", "seqdocs", "serve", "--engine", engine, "--size", "1", *SMALL]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as server:
        try:
            address = server.stdout.readline().split()[-1]
            with openai.OpenAI(base_url=address, api_key="none", max_retries=0) as client:
                pieces = client.completions.create(
                    model="seqdocs", prompt="Once", max_tokens=tokens, stream=True,
                    stream_options={"include_usage": True},
                )  # fmt: skip
                next(iter(pieces))
                yield server, pieces
        finally:
            server.kill()


@pytest.mark.parametrize("engine", ["continuous", "static", "processes", "ray"])
def test_told_to_stop_it_serves_who_is_inside_and_ends(engine):
    if engine == "ray":
        pytest.importorskip("ray", reason="needs the package ray, which is in the group `test`")
    with streaming(engine, 300) as (server, pieces):
        children = descendants(server.pid)
        server.send_signal(signal.SIGTERM)
        *_, last = pieces
        assert last.usage.completion_tokens == 300
        assert abs(server.wait(60)) == signal.SIGTERM  # Ray makes an exit status of the signal
    assert (len(children) > 0) == (engine in ("processes", "ray") and sys.platform == "linux")
    assert_gone(children)


def test_told_twice_it_waits_for_nobody():
    openai = pytest.importorskip("openai", reason="needs openai, which is in the group `test`")
    with streaming("continuous", 100_000) as (server, pieces):
        for _ in range(3):  # two that come at the same time are one
            server.send_signal(signal.SIGINT)
            time.sleep(0.5)
        with pytest.raises(openai.APIError, match="the engine was closed before"):
            list(pieces)
        server.wait(60)
