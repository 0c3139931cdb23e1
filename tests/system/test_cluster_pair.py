"""Two instances on one PostgreSQL: what one does the other knows, also when one of them dies."""
import statistics
import time

import pytest

from b3cluster import wait_until
from chaos.fixtures import (bouncer, closing, pair, proxy, server,  # noqa: F401
                            start_pair)
from chaos.instances import IMPATIENT, Load
from chaos.postgres import query
from conftest import in_parallel


def delays_until_seen(one, other, count):
    """Seconds from the answer of a create at `one` until `other` lists the meeting."""
    delays = []
    for i in range(count):
        assert one.create(f"seen-{i}").success
        start = time.monotonic()
        wait_until(lambda: f"seen-{i}" in other.meeting_ids(), "it never appeared", 5, 0.002)
        delays.append(time.monotonic() - start)
    return delays


# -- creates of one id ----------------------------------------------------------------------------

@pytest.mark.parametrize("refusing", [0, 2], ids=["a-slow-node", "slow-and-refusing-nodes"])
def test_fifty_parallel_creates_give_one_meeting_on_troubled_nodes(start_pair, refusing):
    pair = start_pair({"B3SCALE_REFRESH_INTERVAL": "10m"})  # so that nobody knows of the trouble
    tenants = pair.tenants()
    for name in pair.nodes.nodes:
        pair.nodes.fault(name, "create", "ok", latency_ms=700)
    for number in range(refusing):
        pair.nodes.down(f"node{number + 1}")
    answers = in_parallel(50, lambda i: tenants[i % 2].create("lecture"))
    assert all(answer.success for answer in answers), [a for a in answers if not a.success][:3]
    assert len({answer["internalMeetingID"] for answer in answers}) == 1
    for number in range(refusing):
        pair.nodes.up(f"node{number + 1}")
    assert len(pair.nodes.holders("math~lecture")) == 1


def test_parallel_creates_of_many_ids_are_joinable_on_the_other_at_once(pair):
    tenants = pair.tenants()

    def create_and_join(i):
        for n in range(8):
            created = tenants[i % 2].create(f"room-{i}-{n}")
            assert created.success, created
            assert tenants[(i + 1) % 2].join(f"room-{i}-{n}").status == 302

    in_parallel(12, create_and_join)
    assert len(pair.wait_agreement()) == 96


# -- kill -9 --------------------------------------------------------------------------------------

def test_nothing_acknowledged_is_lost_when_an_instance_is_killed_under_load(start_pair):
    pair = start_pair(IMPATIENT)  # reservations that the dead one left expire soon
    tenants = pair.tenants()
    acknowledged = {}

    def create(thread, turn):
        meeting_id = f"room-{thread}-{turn}"
        answer = tenants[thread % 2].create(meeting_id)
        if answer.success:
            acknowledged[meeting_id] = answer["internalMeetingID"]

    with Load(8, create):
        wait_until(lambda: len(acknowledged) >= 40, "creates do not proceed", 30)
        pair.kill(0)
        count = len(acknowledged)
        wait_until(lambda: len(acknowledged) >= count + 10, "the other one does not go on", 30)
    for meeting_id in acknowledged:
        assert tenants[1].join(meeting_id).status == 302, meeting_id
    pair.start(0)
    for meeting_id, internal_id in acknowledged.items():
        assert tenants[0].join(meeting_id).status == 302, meeting_id
        assert tenants[0].info(meeting_id)["internalMeetingID"] == internal_id
    pair.wait_agreement()


# -- the feed -------------------------------------------------------------------------------------

@pytest.mark.parametrize("break_it", ["cut", "stall", "terminate"])
def test_after_a_break_of_the_database_connection_the_feed_catches_up(proxy, start_pair,
                                                                      postgres_url, break_it):
    pair = start_pair(urls=[postgres_url, proxy.url])
    one, other = pair.tenants()
    assert one.create("before").success
    wait_until(lambda: other.meeting_ids() == ["before"], "the feed does not work at all", 5)
    if break_it == "terminate":
        query(postgres_url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                            "datname = current_database() AND pid <> pg_backend_pid()")
    else:
        getattr(proxy, break_it)()
    wait_until(lambda: one.create("meanwhile").success, "the other one suffers, too", 10)
    if break_it != "terminate":
        assert other.meeting_ids() == ["before"], "the connection was not broken"
        assert other.join("before").status == 302
    assert one.end("before").success
    proxy.heal()
    wait_until(lambda: other.meeting_ids() == ["meanwhile"], "the feed did not come back", 15)
    assert other.create("after").success
    wait_until(lambda: one.meeting_ids() == ["after", "meanwhile"], "not heard of", 5)


def test_with_a_listen_url_the_other_instance_knows_at_once(start_pair, postgres_url):
    pair = start_pair({"B3SCALE_DB_LISTEN_URL": postgres_url})
    delays = delays_until_seen(*pair.tenants(), 20)
    assert statistics.median(delays) < 0.06, sorted(delays)


def test_without_a_listen_url_the_other_instance_knows_soon(pair):
    delays = delays_until_seen(*pair.tenants(), 10)
    assert statistics.median(delays) < 0.3, sorted(delays)


def test_changes_are_announced_again_after_the_listener_lost_its_connection(proxy, start_pair,
                                                                            postgres_url):
    pair = start_pair({"B3SCALE_DB_LISTEN_URL": proxy.url})
    tenants = pair.tenants()
    proxy.break_connections()
    assert tenants[0].create("polled").success
    wait_until(lambda: tenants[1].meeting_ids() == ["polled"], "polling does not help out", 3)

    def quick():
        tenants[0].create("probe")
        start = time.monotonic()
        wait_until(lambda: "probe" in tenants[1].meeting_ids(), "not seen", 3, 0.002)
        tenants[0].end("probe")
        wait_until(lambda: "probe" not in tenants[1].meeting_ids(), "not gone", 3, 0.002)
        return time.monotonic() - start < 0.08

    wait_until(lambda: all(quick() for _ in range(4)), "it went on polling only", 15)


# -- PgBouncer ------------------------------------------------------------------------------------

def test_behind_a_transaction_pooler_everything_works_as_without(bouncer, start_pair):
    pair = start_pair(urls=[bouncer.url] * 2)
    tenants = one, other = pair.tenants()
    for i in range(10):
        assert one.create(f"room-{i}").success
        assert other.join(f"room-{i}").status == 302
    answers = in_parallel(30, lambda i: tenants[i % 2].create("lecture"))
    assert all(answer.success for answer in answers)
    assert len({answer["internalMeetingID"] for answer in answers}) == 1
    assert one.end("lecture").success
    wait_until(lambda: other.join("lecture").status == 404, "the other still knows it", 3)
    delays = delays_until_seen(one, other, 8)
    assert statistics.median(delays) < 0.3, sorted(delays)
    pair.kill(0)
    assert other.join("room-3").status == 302
    pair.start(0)
    assert one.join("room-3").status == 302
    pair.wait_agreement()


def test_behind_a_pooler_with_a_listen_url_around_it(bouncer, start_pair, postgres_url):
    pair = start_pair({"B3SCALE_DB_LISTEN_URL": postgres_url}, urls=[bouncer.url] * 2)
    delays = delays_until_seen(*pair.tenants(), 20)
    assert statistics.median(delays) < 0.06, sorted(delays)
