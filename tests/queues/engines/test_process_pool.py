import multiprocessing
import os
import subprocess
import sys
import threading

import engine_services as services
import pytest
from engine_services import Job
from processes import assert_gone, descendants

from seqdocs.queues.engines.process_pool import ProcessPoolEngine
from seqdocs.queues.engines.request import RefusedError


@pytest.fixture(autouse=True)
def _nothing_is_left():
    before = threading.active_count()
    yield
    assert multiprocessing.active_children() == []
    assert threading.active_count() == before


@pytest.fixture
def lives(tmp_path):
    def so_many(count):
        (tmp_path / "lives").write_text("x" * count, "ascii")
        return str(tmp_path / "lives")

    return so_many


def test_workers_stream_and_answer():
    with ProcessPoolEngine(services.make, processes=2) as engine:
        tickets = [engine.submit(Job(n)) for n in (3, 0, 5, 1)]
    assert [ticket.result() for ticket in tickets] == [list(range(n)) for n in (3, 0, 5, 1)]
    with ProcessPoolEngine(services.make_plain, processes=1) as engine:
        assert engine.submit(-3).result() == 3


def test_a_killed_worker_is_replaced_and_its_request_goes_on_where_it_was(lives):
    heard = []
    with ProcessPoolEngine(services.make, processes=1) as engine:
        job = Job(6, "killed", 4, lives(1))
        tickets = [engine.submit(job, on_token=heard.append), engine.submit(Job(2))]
    assert [ticket.result() for ticket in tickets] == [list(range(6)), [0, 1]]
    assert heard == list(range(6))  # none lost, none twice


def test_a_request_that_kills_every_worker_is_refused_and_the_next_is_served(lives):
    with ProcessPoolEngine(services.make, processes=1) as engine:
        tickets = [engine.submit(Job(6, "killed", 4, lives(2))), engine.submit(Job(2))]
    with pytest.raises(RefusedError, match=r"is refused: 2 workers in a row died serving it$") as caught:
        tickets[0].result()
    assert caught.value.reason == "worker lost"
    assert tickets[0].tokens == 4
    assert tickets[1].result() == [0, 1]


@pytest.mark.parametrize(
    ("trouble", "kind", "words"),
    [("raises", RuntimeError, "^TwoWordsError: two words$"), ("ends", EOFError, "^of its own$")],
)
def test_what_a_request_raises_in_its_worker_is_raised_here(trouble, kind, words):
    with ProcessPoolEngine(services.make, processes=1) as engine:
        tickets = [engine.submit(Job(6, trouble, 2)), engine.submit(Job(2))]
    with pytest.raises(kind, match=words):
        tickets[0].result()
    assert tickets[1].result() == [0, 1]


def test_a_service_that_cannot_be_made_fails_its_requests_and_not_the_engine():
    with ProcessPoolEngine(services.make_nothing, processes=1) as engine:
        ticket = engine.submit(1)
    with pytest.raises(ArithmeticError, match="no such model"):
        ticket.result()


def test_a_cancelled_request_stops_and_leaves_nothing_to_the_next():
    def stop(token):
        if token == 2:
            tickets[0].cancel()

    tickets = []
    with ProcessPoolEngine(services.make, processes=1) as engine:
        held = engine.submit(Job(1))  # until its worker is up
        tickets.append(engine.submit(Job(10**9), on_token=stop))
        after = engine.submit(Job(3))
        assert held.result() == [0]
    assert tickets[0].error.reason == "cancelled"
    assert tickets[0].tokens == 3
    assert after.result() == [0, 1, 2]


def test_a_worker_that_hangs_is_killed_when_its_request_is_gone():
    with ProcessPoolEngine(services.make, processes=1, patience=0.01) as engine:
        ticket, after = engine.submit(Job(6, "hangs", 1)), engine.submit(Job(2))
        for _ in ticket:
            break  # the client is gone after the first token
    assert ticket.error.reason == "cancelled"
    assert after.result() == [0, 1]


def test_a_request_that_no_pipe_can_carry_fails_alone():
    with ProcessPoolEngine(services.make, processes=1) as engine:
        tickets = [engine.submit(lambda: 1), engine.submit(Job(2))]
    with pytest.raises(Exception, match="pickle"):
        tickets[0].result()
    assert tickets[1].result() == [0, 1]


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_pool_that_is_closed_leaves_no_process():
    with ProcessPoolEngine(services.make, processes=2) as engine:
        assert [engine.submit(Job(2)).result() for _ in range(4)] == [[0, 1]] * 4
        workers = {child.pid for child in multiprocessing.active_children()}
        assert workers <= descendants()
        with pytest.raises(AssertionError, match=r"are left: .*spawn_main"):
            assert_gone(workers, 0.0)
    assert_gone(workers)


@pytest.mark.parametrize("bad", [{"processes": 0}, {"processes": 1, "retries": -1}])
def test_a_pool_that_could_not_serve_is_refused(bad):
    with pytest.raises(ValueError, match=r"^`processes` is . and `retries` -?."):
        ProcessPoolEngine(services.make, **bad)


def test_a_script_with_a_pool_at_its_top_level_is_not_run_again_in_the_workers(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from engine_services import Job, make\n"
        "from seqdocs.queues.engines.process_pool import ProcessPoolEngine\n"
        "print('once')\n"
        "with ProcessPoolEngine(make, processes=2) as engine:\n"
        "    print(engine.submit(Job(3)).result())\n"
    )
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, env=env, timeout=120, check=False
    )
    assert (done.stdout, done.returncode) == ("once\n[0, 1, 2]\n", 0), done.stderr
