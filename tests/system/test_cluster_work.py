"""Who does the periodic work, restarts nobody notices, and clocks that jump."""
import email.utils
import http.client
import pathlib
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.parse

import pytest

from b3cluster import Daemon, Tenant, fetch, wait_until
from chaos.fixtures import start_pair  # noqa: F401
from chaos.instances import IMPATIENT, Load


# -- leases ---------------------------------------------------------------------------------------

INTERVAL = 0.2  # B3SCALE_REFRESH_INTERVAL in QUICK


def polls_per_second(pair, seconds=2.0):
    """node name -> how often it is polled"""
    before, start = pair.polls(), time.monotonic()
    time.sleep(seconds)
    after, passed = pair.polls(), time.monotonic() - start
    return {name: (after[name] - before[name]) / passed for name in before}


def wait_polled_by_one(pair):
    once = 1 / INTERVAL
    wait_until(lambda: all(0.3 * once < rate < 1.35 * once
                           for rate in polls_per_second(pair).values()),
               "nodes are polled by several instances, or by none", 20)


def test_each_node_is_polled_by_one_instance_only(start_pair):
    pair = start_pair(nodes=4)
    wait_polled_by_one(pair)
    # ... and what it learns the other knows as well.
    pair.nodes.down("node1")
    for number in (0, 1):
        wait_until(lambda: not pair.backends(number)["node1"]["eligible"], "not noticed", 5)


def test_the_other_instance_takes_over_from_a_killed_one_within_ten_seconds(start_pair):
    pair = start_pair(nodes=4)
    wait_polled_by_one(pair)
    pair.kill(0)
    assert pair.wait_polled(12) < 10.5
    pair.start(0)
    wait_polled_by_one(pair)


def test_an_instance_that_is_stopped_hands_its_work_over_at_once(start_pair):
    pair = start_pair(nodes=4)
    wait_polled_by_one(pair)
    pair.stop(1)
    assert pair.wait_polled(6) < 4


def test_an_instance_that_was_frozen_finds_its_place_again(start_pair):
    """SIGSTOP, as a virtual machine that is moved: the other takes over, then both share again."""
    pair = start_pair(nodes=4)
    one, other = pair.tenants()
    wait_polled_by_one(pair)
    pair[0].process.signal(signal.SIGSTOP)
    try:
        assert pair.wait_polled(12) < 10.5
        assert other.create("meanwhile").success
    finally:
        pair[0].process.signal(signal.SIGCONT)
    wait_until(lambda: one.meeting_ids() == ["meanwhile"], "it does not catch up", 5)
    wait_polled_by_one(pair)
    pair.wait_agreement()


# -- restarts without a failed request ------------------------------------------------------------

class KeptAlive:
    """One client with one connection, as an application has it. It never tries anything twice."""

    def __init__(self, tenant):
        place = urllib.parse.urlsplit(tenant.url)
        self._tenant = tenant
        self._connection = http.client.HTTPConnection(place.hostname, place.port, timeout=20)

    def get(self, call, **parameters):
        target = urllib.parse.urlsplit(self._tenant.signed_url(call, **parameters))
        self._connection.request("GET", f"{target.path}?{target.query}")
        response = self._connection.getresponse()
        return response.status, response.read()


def test_instances_are_restarted_one_after_the_other_without_a_failed_request(start_pair):
    """The supervisor keeps the sockets; what comes in meanwhile waits in them."""
    pair = start_pair(nodes=2)
    sockets = [socket.create_server(("127.0.0.1", 0), backlog=256) for _ in range(2)]
    made = pair[0].admin().add_frontend("math")
    for number in (0, 1):
        pair.stop(number)

    def start(number):
        address = "127.0.0.1:%d" % sockets[number].getsockname()[1]
        daemon = Daemon(pathlib.Path(pair.cluster.binaries) / "b3scaled",
                        pair.cluster._log(f"inheriting{number}"),
                        {**pair.cluster.settings, "B3SCALE_LISTEN_HTTP": address},
                        listener=sockets[number])
        assert daemon.address == address
        pair.daemons[number] = daemon
        pair.cluster.daemons.append(daemon)

    for number in (0, 1):
        start(number)
    pair.cluster.daemon, pair.cluster.admin = pair[0], pair[0].admin()
    tenants = [Tenant(daemon.url, "math", made["bbb"]["secret"]) for daemon in pair.daemons]
    pair.cluster.wait_eligible()
    assert tenants[0].create("room").success
    wait_until(lambda: tenants[1].meeting_ids() == ["room"], "not seen", 3)

    clients = [KeptAlive(tenants[i % 2]) for i in range(8)]
    wrong = []

    def call(thread, turn):
        kind = ("join", "getMeetings", "create")[turn % 3]
        parameters = {"join": {"meetingID": "room", "fullName": "Ada", "password": "ap"},
                      "getMeetings": {},
                      "create": {"meetingID": f"room-{thread}-{turn % 30}", "name": "Room",
                                 "attendeePW": "ap", "moderatorPW": "mp"}}[kind]
        status, body = clients[thread].get(kind, **parameters)
        if status != (302 if kind == "join" else 200) or b"FAILED" in body:
            wrong.append((kind, status, body[:300]))
        time.sleep(0.005)

    with Load(8, call) as load:
        for _ in range(2):
            for number in (0, 1):
                rounds = load.rounds
                pair.stop(number)
                start(number)
                wait_until(lambda: load.rounds > rounds + 80, "the load stands still", 20)
    assert load.errors == [] and wrong == [], (load.errors[:3], wrong[:3], load.rounds)
    for each in sockets:
        each.close()


# -- clocks ---------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def stepped_clock(tmp_path_factory):
    """A library for LD_PRELOAD; see chaos/stepped_clock.c."""
    library = tmp_path_factory.mktemp("clock") / "stepped_clock.so"
    source = pathlib.Path(__file__).parent / "chaos/stepped_clock.c"
    compiler = shutil.which("clang-19") or shutil.which("cc")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
    return library


@pytest.mark.parametrize("step", ["+3600", "-3600"])
def test_a_step_of_the_clock_changes_no_health_and_no_placement(start_pair, tmp_path, stepped_clock,
                                                                 step):
    file = tmp_path / "clock"
    file.write_text("0")
    pair = start_pair(IMPATIENT, nodes=2)
    one, other = pair.tenants()
    pair.stop(0)
    pair.start(0, LD_PRELOAD=str(stepped_clock), STEPPED_CLOCK=str(file))
    pair.cluster.admin = pair.admin(0)
    internal = {f"room-{i}": one.create(f"room-{i}")["internalMeetingID"] for i in range(6)}
    places = {each: pair.node_of(one, each) for each in internal}
    load_before = expected_load(pair)
    for name in pair.nodes.nodes:  # one create stays open, so that a reservation has an age
        pair.nodes.fault(name, "create", "hang", times=1)
    opened = threading.Thread(target=lambda: one.create("open"))
    opened.start()
    wait_until(lambda: "open" in str(pair.admin(0).get("/meetings")), "not reserved")

    file.write_text(step)
    wait_until(lambda: abs(clock_of(pair[0]) - time.time()) > 3000, "the clock did not step", 10)
    start = time.monotonic()
    while time.monotonic() - start < 1.5:
        for number in (0, 1):
            for name, backend in pair.backends(number).items():
                assert backend["health"]["state"] == "usable", (number, name, backend)
                assert backend["eligible"], (number, name, backend)
    assert "open" in str(pair.admin(0).get("/meetings")), "a young reservation expired"
    # Nothing has aged: expectations fade within minutes, and one create more is under way.
    load_now = expected_load(pair)
    assert 0.98 * load_before <= load_now <= 1.3 * load_before, (load_before, load_now)
    opened.join()
    for name in pair.nodes.nodes:
        pair.nodes.heal(name)
    for tenant in (one, other):
        for meeting_id, internal_id in internal.items():
            answer = tenant.create(meeting_id)
            assert answer["internalMeetingID"] == internal_id, answer
            assert tenant.join(meeting_id).status == 302
    assert {each: pair.node_of(one, each) for each in internal} == places
    assert one.create("after").success and other.create("after").success
    # Steps back leave no dead leases, no silent feed.
    pair.wait_polled()
    assert other.end("after").success
    wait_until(lambda: "after" not in one.meeting_ids(), "the feed stands still", 3)


def expected_load(pair):
    return sum(backend["expected_load"] for backend in pair.backends().values())


def clock_of(daemon):
    """What time it is for the daemon, by the Date of its answers."""
    date = fetch(daemon.url + "/health").headers["date"]
    return email.utils.parsedate_to_datetime(date).timestamp()
