"""Who measures what: each unit once on its kind of machine, and again elsewhere when a machine is lost."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from seqdocs.bench.dispatch import TRIES, Dispatch, NodeLostError, Unit, units

GOOD = {"reason": None, "record": "{}", "log": ""}


def survey(kind, names="abc", devices=("cpu",)):
    """A machine of a kind: its records have the keys of that kind."""
    return {
        "slugs": {device: f"{device}-{kind}" for device in devices},
        "keys": {name: {device: f"{name} {device} {kind}" for device in devices} for name in names},
    }


def wanted(surveys, names="abc", device=None):
    return units(surveys, [SimpleNamespace(name=name) for name in names], device)


class Crew:
    """Machines that do what a script says: by machine and name of the experiment, how it ends."""

    def __init__(self, nodes, script=None):
        self.nodes, self.script = set(nodes), script or {}
        self.running = {}
        self.begun = []

    def alive(self):
        return set(self.nodes)

    def free(self):
        return self.nodes - set(self.running)

    def begin(self, node, unit):
        assert node not in self.running, "two at once on a machine"
        self.running[node] = unit
        self.begun.append((node, unit.name))

    def wait(self):
        assert self.running, "nothing would ever come back"
        node, unit = next(iter(self.running.items()))
        del self.running[node]
        end = self.script.get((node, unit.name), GOOD)
        if end == "node dies":
            self.nodes.discard(node)
        return node, NodeLostError(end) if isinstance(end, str) else end


def run(surveys, crew, due=None):
    """Return what ended where, what was lost, and what was dropped why."""
    ended, lost, dropped = [], [], []
    Dispatch(
        surveys,
        began=lambda unit, node: None,
        ended=lambda unit, node, outcome: ended.append((unit.slug, unit.name, node)),
        lost=lambda unit, node, reason: lost.append((unit.name, node, reason)),
        dropped=lambda unit, reason: dropped.append((unit.slug, unit.name, reason)),
    ).run(wanted(surveys) if due is None else due, crew)
    return ended, lost, dropped


def test_machines_of_a_kind_share_their_units_and_other_kinds_have_their_own():
    surveys = {1: survey("x"), 2: survey("x"), 3: survey("y", devices=("cpu", "cuda"))}
    every = wanted(surveys)
    assert [unit.slug for unit in every] == ["cpu-x", "cpu-y", "cuda-y"] * 3
    assert wanted(surveys, "a", "cuda") == [Unit("a", "cuda", "cuda-y", "a cuda y")]
    ended, lost, dropped = run(surveys, Crew(surveys))
    assert sorted(one[:2] for one in ended) == sorted((unit.slug, unit.name) for unit in every)
    assert {node for slug, _, node in ended if slug == "cpu-x"} == {1, 2}
    assert {node for slug, _, node in ended if slug.endswith("-y")} == {3}
    assert lost == dropped == []


def test_nothing_to_do_asks_no_machine():
    assert run({1: survey("x")}, Crew([]), due=[]) == ([], [], [])


def test_what_a_dead_machine_had_is_done_by_another_of_its_kind():
    surveys = {1: survey("x"), 2: survey("x")}
    crew = Crew(surveys, {(1, "a"): "node dies"})
    ended, lost, dropped = run(surveys, crew)
    assert sorted(ended) == [("cpu-x", name, 2) for name in "abc"]
    assert (lost, dropped) == ([("a", 1, "node dies")], [])


def test_an_experiment_that_ends_its_machines_fails_and_the_others_go_on():
    surveys = {node: survey("x") for node in range(1, 6)}
    crew = Crew(surveys, {(node, "b"): "actor ends" for node in surveys})
    ended, lost, dropped = run(surveys, crew)
    assert sorted(name for _, name, _ in ended) == ["a", "c"]
    assert len({node for _, node, _ in lost}) == len(lost) == TRIES
    assert dropped == [("cpu-x", "b", "its machine was lost 3 times, at last: actor ends")]


def test_no_machine_is_given_again_what_it_was_lost_with():
    crew = Crew([1], {(1, "a"): "actor ends"})
    ended, _, dropped = run({1: survey("x")}, crew)
    assert crew.begun == [(1, "a"), (1, "b"), (1, "c")]
    assert [name for _, name, _ in ended] == ["b", "c"]
    assert dropped == [("cpu-x", "a", "its machine was lost 1 times, at last: actor ends")]


def test_when_a_kind_is_gone_another_kind_must_do_and_a_device_that_none_has_fails():
    surveys = {1: survey("x", devices=("cpu", "cuda")), 2: survey("y")}
    crew = Crew(surveys, {(1, "a"): "node dies"})
    ended, _, dropped = run(surveys, crew)
    assert sorted(ended) == [("cpu-y", name, 2) for name in "abc"]
    assert {(slug, reason) for slug, _, reason in dropped if slug == "cpu-x"} == {("cpu-x", None)}
    assert dict.fromkeys(reason for slug, _, reason in dropped if slug == "cuda-x") == {
        "no machine with `cuda` is left": None
    }


def test_when_all_machines_are_gone_everything_that_waits_fails():
    crew = Crew([1], {(1, "b"): "node dies"})
    ended, _, dropped = run({1: survey("x")}, crew)
    assert [name for _, name, _ in ended] == ["a"]
    assert dropped == [
        ("cpu-x", "b", "no machine with `cpu` is left; the last was lost: node dies"),
        ("cpu-x", "c", "no machine with `cpu` is left"),
    ]


def test_a_machine_that_comes_back_goes_on():
    class Returning(Crew):
        """After a loss the machine is away for two looks."""

        away = 0

        def free(self):
            return set() if self.away else super().free()

        def wait(self):
            if self.away:
                self.away -= 1
                return None
            end = super().wait()
            self.away = 2 * isinstance(end[1], NodeLostError)
            return end

    crew = Returning([1], {(1, "a"): "actor ends"})
    ended, _, dropped = run({1: survey("x")}, crew)
    assert [name for _, name, _ in ended] == ["b", "c"]
    assert [name for _, name, _ in dropped] == ["a"]


@pytest.mark.parametrize("reason", [None, "ValueError: no"])
def test_an_experiment_that_fails_is_not_tried_again(reason):
    crew = Crew([1, 2], {(1, "a"): GOOD | {"reason": reason}})
    run({1: survey("x"), 2: survey("x")}, crew)
    assert sorted(name for _, name in crew.begun) == ["a", "b", "c"]
