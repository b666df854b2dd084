"""Replicas as Ray actors do what worker processes do, and outlive a machine."""

import os
import sys
import threading
import time

import engine_services as services
import pytest
from engine_services import Job

from seqdocs.queues.engines.ray_replicas import RayReplicasEngine
from seqdocs.queues.engines.request import RefusedError


def add_machine(cluster):
    """One CPU, where actors can import what the tests can."""
    cluster.add_node(num_cpus=1, env_vars={"PYTHONPATH": os.pathsep.join(sys.path)})


@pytest.fixture(scope="module")
def cluster():
    """A head that does no work and two machines of one CPU."""
    pytest.importorskip("ray", reason="needs the package ray, which is in the group `test`")
    if sys.platform != "linux":
        pytest.skip("kills are tested on Linux")
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        there = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        for _ in range(2):
            add_machine(there)
        yield there
        there.shutdown()


@pytest.fixture
def pool(cluster):
    def make(service=services.make, replicas=1, **options):
        return RayReplicasEngine(service, replicas, address=cluster.address, **options)

    before = threading.active_count()
    yield make
    assert threading.active_count() == before


@pytest.fixture
def lives(tmp_path):
    def so_many(count):
        (tmp_path / "lives").write_text("x" * count, "ascii")
        return str(tmp_path / "lives")

    return so_many


def test_replicas_stream_and_answer_and_fail_as_workers_do(pool, lives):
    heard = []
    with pool(replicas=2) as engine:
        tickets = [engine.submit(Job(n)) for n in (3, 0, 5)]
        raises = engine.submit(Job(6, "raises", 2))
        killed = engine.submit(Job(6, "killed", 4, lives(1)), on_token=heard.append)
        after = engine.submit(Job(2))
    assert [ticket.result() for ticket in tickets] == [list(range(n)) for n in (3, 0, 5)]
    with pytest.raises(RuntimeError, match=r"^TwoWordsError: two words$"):
        raises.result()
    assert killed.result() == heard == list(range(6))  # none lost, none twice
    assert after.result() == [0, 1]


def test_a_request_that_kills_every_replica_is_refused_and_the_next_is_served(pool, lives):
    with pool() as engine:
        tickets = [engine.submit(Job(6, "killed", 4, lives(2))), engine.submit(Job(2))]
    with pytest.raises(RefusedError, match=r"2 workers in a row died") as caught:
        tickets[0].result()
    assert caught.value.reason == "worker lost"
    assert tickets[1].result() == [0, 1]


def test_a_cancelled_request_stops_and_leaves_nothing_to_the_next(pool):
    with pool() as engine:
        long, after = engine.submit(Job(10**9)), engine.submit(Job(3))
        for token in long:
            if token == 2:
                break
    assert long.error.reason == "cancelled"
    assert after.result() == [0, 1, 2]


def test_a_machine_that_is_lost_costs_no_request(pool, cluster):
    # A replica may be begun anew on the lost machine, as long as Ray has not noticed that it is lost.
    with pool(replicas=2, patience=0.1, retries=5) as engine:
        tickets = [engine.submit(Job(400)) for _ in range(4)]
        while tickets[0].tokens < 5:
            time.sleep(0.01)
        cluster.remove_node(cluster.worker_nodes.copy().pop(), allow_graceful=False)
        answers = [ticket.result(120) for ticket in tickets]
    add_machine(cluster)
    assert answers == [list(range(400))] * 4


def test_more_replicas_than_the_cluster_has_room_for_are_refused_at_once(pool):
    with pytest.raises(ValueError, match=r"^9 replicas of 0.5 CPUs do not fit the cluster, which has \d$"):
        pool(replicas=9)


@pytest.mark.timeout(60)  # Ray itself would ask for ten minutes, silently
@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.0.0.1:99999"])
def test_a_cluster_that_does_not_answer_is_no_cluster(address):
    ray = pytest.importorskip("ray", reason="needs the package ray, which is in the group `test`")
    assert not ray.is_initialized()  # else that one would be taken
    with pytest.raises(ConnectionError, match=rf"^no Ray cluster answers at {address}: "):
        RayReplicasEngine(services.make, 1, address=address, start_seconds=10)
    assert not ray.is_initialized()


def test_without_ray_one_sentence_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match=r"^replicas as Ray actors need the package ray; install it with"):
        RayReplicasEngine(services.make, 1)
