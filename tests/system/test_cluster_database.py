"""The database is stopped, hangs or fails over while everybody goes on working."""
import threading
import time

import pytest

from b3cluster import BbbAnswer, wait_until
from chaos.fixtures import closing, server  # noqa: F401
from chaos.instances import Instances, Load
from chaos.postgres import PostgresServer, query, seconds_of
from conftest import in_parallel


class Traffic:
    """What people in known meetings do, all the time; none of it may fail."""

    def __init__(self, tenants, meeting_ids):
        self.failures = []
        self.slowest = 0.0
        self._tenants = tenants
        self._meeting_ids = meeting_ids
        self._lock = threading.Lock()
        self._load = Load(len(tenants) * 2, self._round)

    def _round(self, thread, turn):
        tenant = self._tenants[thread % len(self._tenants)]
        meeting_id = self._meeting_ids[turn % len(self._meeting_ids)]
        self._check("join", lambda: tenant.join(meeting_id).status == 302)
        self._check("getMeetings", lambda: set(self._meeting_ids) <= set(tenant.meeting_ids()))
        self._check("isMeetingRunning", lambda: tenant.running(meeting_id) == "false")
        self._check("getMeetingInfo", lambda: tenant.info(meeting_id).success)
        self._check("create again", lambda: tenant.create(meeting_id).success)

    def _check(self, call, work):
        start = time.monotonic()
        try:
            good = work()
        except Exception as error:
            good, call = False, f"{call}: {error!r}"
        with self._lock:
            self.slowest = max(self.slowest, time.monotonic() - start)
            if not good:
                self.failures.append((time.monotonic(), call))

    def rounds(self):
        return self._load.rounds

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self._load.stop()

    def wait_rounds(self, count=5):
        wanted = self._load.rounds + count
        wait_until(lambda: self._load.rounds >= wanted, "the traffic has come to a halt", 30)


@pytest.fixture
def pair_on(server, start_cluster):  # noqa: F811
    """Starts two instances on the test's own server, with a tenant and four known meetings."""
    def start(url=None, settings=None):
        pair = Instances(start_cluster(database_url=url or server.url, settings=settings))
        pair.both = pair.tenants()
        pair.known = [f"known-{i}" for i in range(4)]
        pair.internal = {each: pair.both[0].create(each)["internalMeetingID"]
                         for each in pair.known}
        wait_until(lambda: pair.both[1].meeting_ids() == pair.known, "not seen", 5)
        return pair

    return start


def all_created(pair, meeting_ids):
    for tenant in pair.both:
        for meeting_id in meeting_ids:
            wait_until(lambda: tenant.create(meeting_id).success, "creates do not come back", 15)
    for each, internal_id in pair.internal.items():
        for tenant in pair.both:
            assert tenant.create(each)["internalMeetingID"] == internal_id
    for meeting_id in meeting_ids:
        assert len(pair.nodes.holders("math~" + meeting_id)) == 1


@pytest.mark.parametrize("mode", ["fast", "kill"])
def test_the_database_stops_and_starts_under_traffic(server, pair_on, mode):  # noqa: F811
    pair = pair_on()
    with Traffic(pair.both, pair.known) as traffic:
        traffic.wait_rounds()
        server.stop(mode)
        for round_ in range(2):  # the second time nobody is surprised any more
            for number, tenant in enumerate(pair.both):
                answer, seconds = seconds_of(lambda: tenant.create(f"new-{number}-{round_}"))
                assert not answer.success and answer.http.status == 200, answer
                assert seconds < 2, (number, round_, seconds)
                assert tenant.join(f"new-{number}-{round_}").status == 404
        traffic.wait_rounds()
        assert all(pair.nodes.holders(f"math~new-{n}-{r}") == [] for n in (0, 1) for r in (0, 1))
        server.start()
        all_created(pair, ["new-0-0", "new-1-1"])
        traffic.wait_rounds()
    assert traffic.failures == []
    pair.wait_agreement()


def test_the_database_hangs_under_traffic(server, pair_on):  # noqa: F811
    pair = pair_on()
    with Traffic(pair.both, pair.known) as traffic:
        traffic.wait_rounds()
        server.freeze()
        try:
            # One is waiting when the time limit of the database shows that it hangs; then all know.
            waiting = in_parallel(2, lambda i: seconds_of(
                lambda: BbbAnswer(pair.both[i].get("create", _seconds=30, meetingID=f"new-{i}"))))
            knowing = [seconds_of(lambda: tenant.create("another")) for tenant in pair.both]
        finally:
            server.thaw()
        assert not any(answer.success for answer, _ in waiting + knowing)
        assert all(seconds < 10 for _, seconds in waiting), waiting
        assert all(seconds < 2 for _, seconds in knowing), knowing
        all_created(pair, ["new-0", "new-1", "another"])
    assert traffic.failures == []
    assert traffic.slowest < 3
    pair.wait_agreement()


def test_a_standby_is_promoted_under_traffic(server, pair_on, closing):  # noqa: F811
    standby = closing(PostgresServer(copy_of=server))
    url = (f"postgres://postgres@127.0.0.1:{server.port},127.0.0.1:{standby.port}/postgres"
           "?target_session_attrs=read-write")
    pair = pair_on(url)
    before = {f"before-{i}": pair.both[i % 2].create(f"before-{i}")["internalMeetingID"]
              for i in range(6)}
    wait_until(lambda: standby.has_received_everything_of(server), "the standby lags", 10)
    with Traffic(pair.both, pair.known) as traffic:
        traffic.wait_rounds()
        server.stop("kill")
        standby.promote()
        start = time.monotonic()
        all_created(pair, ["after"])
        assert time.monotonic() - start < 12
        traffic.wait_rounds()
    assert traffic.failures == []
    for meeting_id, internal_id in before.items():
        assert pair.both[1].create(meeting_id)["internalMeetingID"] == internal_id
    pair.wait_agreement()
    assert query(standby.url, "SELECT count(*) > 0 FROM meetings") == [["t"]]


def test_a_primary_that_becomes_read_only_is_left_for_the_new_one(server, pair_on,  # noqa: F811
                                                                  closing):
    """A switch-over: the old one lives on and takes no writes."""
    standby = closing(PostgresServer(copy_of=server))
    pair = pair_on(f"postgres://postgres@127.0.0.1:{server.port},127.0.0.1:{standby.port}/postgres"
                   "?target_session_attrs=read-write")
    wait_until(lambda: standby.has_received_everything_of(server), "the standby lags", 10)
    with Traffic(pair.both, pair.known) as traffic:
        query(server.url, "ALTER SYSTEM SET default_transaction_read_only = on")
        query(server.url, "SELECT pg_reload_conf()")
        standby.promote()
        all_created(pair, ["after"])
    assert traffic.failures == []
    assert query(standby.url, "SELECT count(*) FROM meetings WHERE meeting_id = 'after'") == [["1"]]
    pair.wait_agreement()
