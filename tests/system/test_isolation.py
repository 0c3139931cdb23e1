"""An instance that reaches the database and no node: it gives nothing up, and the others go on."""
import pathlib
import shutil
import subprocess
import time
import urllib.parse

import pytest

from b3cluster import wait_until
from chaos.fixtures import closing, start_pair  # noqa: F401
from chaos.instances import IMPATIENT
from chaos.postgres import query

GIVE_UP_SECONDS = 2  # as IMPATIENT says


@pytest.fixture(scope="module")
def cut_off(tmp_path_factory):
    """A library for LD_PRELOAD; see chaos/cut_off.c."""
    library = tmp_path_factory.mktemp("cut") / "cut_off.so"
    source = pathlib.Path(__file__).parent / "chaos/cut_off.c"
    compiler = shutil.which("clang-19") or shutil.which("cc")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
    return library


@pytest.fixture
def isolated(start_pair, cut_off, tmp_path):
    """A pair whose instance 1 loses the nodes while the file `pair.cut` exists."""
    pair = start_pair(IMPATIENT)
    pair.cut = tmp_path / "cut"
    ports = [str(urllib.parse.urlsplit(node["url"]).port) for node in pair.nodes.nodes.values()]
    pair.stop(1)
    pair.start(1, LD_PRELOAD=str(cut_off), CUT_OFF=str(pair.cut), CUT_OFF_PORTS=",".join(ports))
    pair.ids = [pair.admin(number).get("/status")["instance_id"] for number in (0, 1)]
    wait_until(lambda: leases_of(pair, 1), "instance 1 polls nothing", 20, 0.1)
    return pair


def leases_of(pair, number):
    url = pair[0].settings["B3SCALE_DB_URL"]
    rows = query(url, f"SELECT name FROM leases WHERE holder = '{pair.ids[number]}'")
    return {name for [name] in rows if name.startswith("refresh/")}


def said(pair, number, text):
    return [event for event in pair[number].process.events() if text in event.get("message", "")]


def instances(pair, number=0):
    return set(pair.admin(number).get("/status")["instances"])


def step_back(pair):
    pair.cut.touch()
    wait_until(lambda: said(pair, 1, "no node can be reached from here"), "not noticed", 20, 0.1)
    wait_until(lambda: len(leases_of(pair, 0)) == 3 and not leases_of(pair, 1),
               "it keeps its leases", 20, 0.1)


def test_who_reaches_no_node_gives_none_up_and_leaves_the_work_to_others(isolated):
    pair = isolated
    one, other = pair.tenants()
    runs = {f"room-{i}": one.create(f"room-{i}")["internalMeetingID"] for i in range(6)}
    assert all(runs.values())
    pair.wait_agreement()
    step_back(pair)
    assert instances(pair) == {pair.ids[0]}

    # Far longer than a dead node gets: all of them are polled and none is given up.
    end = time.monotonic() + 3 * GIVE_UP_SECONDS
    while time.monotonic() < end:
        pair.wait_polled()
        for number in (0, 1):
            health = {name: pair.health(name, number) for name in pair.nodes.nodes}
            assert set(health.values()) == {"usable"}, health
        assert not leases_of(pair, 1)
    for number in (0, 1):
        assert not said(pair, number, "backend given up")
    assert other.meeting_ids() == sorted(runs)
    for meeting_id, run in runs.items():
        assert other.join(meeting_id).status == 302  # from memory
        assert one.info(meeting_id)["internalMeetingID"] == run
    assert one.create("made-meanwhile").success
    wait_until(lambda: other.join("made-meanwhile").status == 302, "it hears of nothing", 5)

    pair.cut.unlink()
    wait_until(lambda: said(pair, 1, "nodes can be reached from here again"), "no return", 20, 0.1)
    wait_until(lambda: leases_of(pair, 1), "it takes no share of the work again", 20, 0.1)
    assert instances(pair) == set(pair.ids)
    assert other.create("made-there").success
    assert len(pair.wait_agreement()) == 8


def test_a_node_that_dies_meanwhile_is_given_up_by_who_reaches_the_others(isolated):
    pair = isolated
    one, other = pair.tenants()
    assert one.create("lecture").success
    node = pair.node_of(one, "lecture")
    step_back(pair)
    pair.nodes.down(node)
    pair.wait_health(node, "given_up")
    assert said(pair, 0, "backend given up") and not said(pair, 1, "backend given up")
    assert {pair.health(name, 1) for name in pair.nodes.nodes if name != node} == {"usable"}
    assert one.create("lecture").success
    wait_until(lambda: other.join("lecture").status == 302, "it does not hear of the move", 5)
    assert pair.node_of(one, "lecture") != node


def test_the_last_one_that_reaches_nodes_dies_and_the_other_gives_nothing_up(isolated):
    """It could be the network; until it reaches one, it changes nothing."""
    pair = isolated
    one, other = pair.tenants()
    assert one.create("lecture").success
    wait_until(lambda: other.meeting_ids() == ["lecture"], "not seen", 5)
    step_back(pair)
    pair.kill(0)
    end = time.monotonic() + 4 * GIVE_UP_SECONDS
    while time.monotonic() < end:
        assert {pair.health(name, 1) for name in pair.nodes.nodes} == {"usable"}
        assert other.join("lecture").status == 302
        time.sleep(0.3)
    pair.cut.unlink()
    wait_until(lambda: len(leases_of(pair, 1)) == 3, "it does not take over", 40, 0.1)
    pair.wait_polled()
    assert other.create("another").success
    assert not said(pair, 1, "backend given up")
