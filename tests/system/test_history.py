"""The judge of the chaos runs rejects bad histories, and only those."""
import pytest

from chaos.history import Call, Event, problems_of

PLACES = {"A": ("room", "node1"), "B": ("room", "node2")}


def create(start, end, run, **more):
    return Call(start, end, "create", "room", "ok", run, **more)


def info(start, end, run, **more):
    return Call(start, end, "info", "room", "ok", run, **more)


def join(start, end, node, **more):
    return Call(start, end, "join", "room", "ok", node=node, **more)


def end(start, finish, outcome="ok"):
    return Call(start, finish, "end", "room", outcome)


def judge(*calls, events=(), final=None):
    return problems_of(calls, events, PLACES, final)


def test_a_quiet_life_is_fine():
    assert judge(create(0, 1, "A"), join(2, 3, "node1"), create(4, 5, "A"), end(6, 7),
                 create(8, 9, "B"), join(10, 11, "node2"), final={"room": [("node2", "B")]}) == []


def test_two_runs_that_take_turns_are_rejected():
    [problem] = judge(create(0, 1, "A"), create(2, 3, "B"), create(4, 5, "A"), end(1, 9))
    assert "took turns" in problem


def test_overlapping_calls_may_have_happened_in_any_order():
    assert judge(create(0, 10, "A"), end(1, 9), create(2, 8, "B")) == []
    assert judge(create(0, 10, "A"), end(0, 20, "none"), create(2, 8, "B"), create(9, 30, "A"),
                 create(25, 26, "B")) != []


def test_a_meeting_that_is_replaced_needs_a_reason():
    [problem] = judge(create(0, 1, "A"), create(2, 3, "B"))
    assert "replaced" in problem
    for reason in (Event(1.2, 1.8, "down", "node1"), Event(1.5, 1.5, "lost", "node1")):
        assert judge(create(0, 1, "A"), create(2, 3, "B"), events=[reason]) == []
    assert judge(create(0, 1, "A"), create(2, 3, "B"), events=[Event(1, 2, "lost", "node2")])
    assert judge(create(0, 1, "A"), create(2, 3, "B"), events=[Event(5, 6, "lost", "node1")])
    assert judge(create(0, 1, "A"), end(1, 2, "refused"), create(2, 3, "B"))


def test_a_run_cannot_have_been_seen_before_it_was_born():
    calls = [create(0, 1, "A"), create(5, 6, "B", slack=5), create(7, 8, "A", slack=8)]
    assert problems_of(calls, [], PLACES, births={"A": 0, "B": 5.5}) == [
        "room: A was replaced by B, and nothing had happened to it"]
    fresh = [*calls[:2], create(7, 8, "A")]
    assert "took turns" in problems_of(fresh, [], PLACES, births={"A": 0, "B": 5.5})[0]


def test_an_end_without_an_answer_may_have_happened_later():
    assert judge(create(0, 1, "A"), end(1, 2, "none"), create(8, 9, "B")) == []


def test_an_ended_meeting_must_not_come_back():
    [problem] = judge(create(0, 1, "A"), end(2, 3), info(4, 5, "A"))
    assert "came back" in problem
    assert judge(create(0, 1, "A"), end(2, 3), info(3.5, 4, "A", slack=1)) == []
    assert judge(create(0, 1, "A"), end(2, 5), info(4, 6, "A")) == []


def test_a_join_to_a_node_that_does_not_have_the_meeting_is_rejected():
    [problem] = judge(create(0, 1, "A"), join(2, 3, "node3"))
    assert "led to node3" in problem
    moved = [create(0, 1, "A"), end(2, 3), create(4, 5, "B")]
    assert judge(*moved, join(6, 7, "node1"))
    assert judge(*moved, join(5.5, 7, "node1", slack=1)) == [], "it may lag a little"
    assert judge(*moved, join(2, 6, "node1")) == [] == judge(*moved, join(2, 6, "node2"))


def test_a_join_may_lead_to_a_meeting_whose_create_was_never_answered():
    assert judge(Call(0, 1, "create", "room", "none"), join(2, 3, "node2")) == []


def test_an_acknowledged_meeting_must_be_there_in_the_end():
    assert "is lost" in judge(create(0, 1, "A"), final={})[0]
    assert "is lost" in judge(create(0, 1, "A"), final={"room": [("node2", "B")]})[0]
    assert judge(create(0, 1, "A"), end(2, 3), final={}) == []
    assert judge(create(0, 1, "A"), final={}, events=[Event(5, 6, "lost", "node1")]) == []
    away = [Event(5, 6, "down", "node1")]
    assert judge(create(0, 1, "A"), final={}, events=away), "it was away, not lost"
    assert judge(create(0, 1, "A"), final={"room": [("node2", "B")]}, events=away) == []
    # Nobody was told of this one.
    assert problems_of([Call(0, 1, "create", "room", "none")], final={}) == []


@pytest.mark.parametrize("runs", [[("node1", "A"), ("node2", "B")], [("node1", "A")] * 2])
def test_a_meeting_on_two_nodes_in_the_end_is_rejected(runs):
    assert "several nodes" in judge(create(0, 1, "A"), end(1, 2), final={"room": runs})[0]


def test_a_meeting_nobody_asked_for_is_rejected():
    assert "nobody called" in judge(final={"ghost": [("node1", "A")]})[0]
