"""The audit, through two instances on one database."""
import datetime
import json
import urllib.parse

import pytest

from b3cluster import access_token, fetch, text_of, wait_until
from chaos.fixtures import closing, pair, start_pair  # noqa: F401
from conftest import JWT_SECRET, in_parallel


def audit(pair, number, **filters):
    """(records, X-Total-Count)"""
    url = f"{pair[number].url}/api/v1/audit?{urllib.parse.urlencode(filters)}"
    answer = fetch(url, headers={"Authorization": "Bearer " + access_token(JWT_SECRET)})
    assert answer.status == 200, text_of(answer)
    return json.loads(answer.body), int(answer.headers["x-total-count"])


def backend_of(pair, number=0):
    return sorted(pair.admin(number).get("/backends"), key=lambda each: each["id"])[0]


def in_order(records):
    numbers = [record["number"] for record in records]
    return numbers == sorted(set(numbers), reverse=True)


def test_what_is_changed_through_one_instance_the_other_lists_at_once(pair):
    made = pair.admin(0).add_frontend("math")
    [record], total = audit(pair, 1, object_id=made["id"])
    assert total == 1 and record["action"] == "create" and record["object_name"] == "math"
    assert record["before"] is None and record["after"]["bbb"]["key"] == "math"
    status, _ = pair.admin(1).request("PATCH", f"/frontends/{made['id']}", {"active": False})
    assert status == 200
    records, total = audit(pair, 0, object_id=made["id"])
    assert total == 2 and in_order(records)
    assert records[0]["before"]["active"] is True and records[0]["after"]["active"] is False


def test_secrets_are_shown_by_neither(pair):
    made = pair.admin(0).add_frontend("math", secret="first-very-secret")
    pair.admin(1).patch(f"/frontends/{made['id']}", {"bbb": {"secret": "second-very-secret"}})
    backend = backend_of(pair)
    pair.admin(0).patch(f"/backends/{backend['id']}", {"bbb": {"secret": "third-very-secret"}})
    for number in (0, 1):
        records, _ = audit(pair, number, limit=1000)
        assert "very-secret" not in json.dumps(records)
        assert backend["bbb"]["secret"] not in json.dumps(records)
        changed = {record["object_id"] for record in records
                   if (record["after"] or {}).get("secret_changed")}
        assert changed == {made["id"], backend["id"]}


def test_concurrent_changes_through_both_make_one_chain(pair):
    """Every change is there once, each begins where the one before has ended, in both lists."""
    backend = backend_of(pair)
    rounds, threads = 8, 6

    def change(thread):
        admin = pair.admin(thread % 2)
        for turn in range(rounds):
            admin.patch(f"/backends/{backend['id']}", {"load_factor": 1 + thread + turn / 10})

    in_parallel(threads, change)
    records, total = audit(pair, 0, object_id=backend["id"], action="update", limit=1000)
    assert records == audit(pair, 1, object_id=backend["id"], action="update", limit=1000)[0]
    assert total == len(records) and in_order(records)
    factors = [(record["before"]["load_factor"], record["after"]["load_factor"])
               for record in reversed(records)]
    # A change that changes nothing needs no record; none here does so.
    assert sorted(after for _, after in factors) == \
        sorted(1 + thread + turn / 10 for thread in range(threads) for turn in range(rounds))
    assert factors[0][0] == 1.0
    assert all(one[1] == next_one[0] for one, next_one in zip(factors, factors[1:])), factors
    for number in (0, 1):
        wait_until(lambda: backend_of(pair, number)["load_factor"] == factors[-1][1],
                   "the last change does not count", 5)
    assert len({record["request_id"] for record in records}) == len(records)


def test_pages_have_every_record_once_whoever_is_asked(pair):
    in_parallel(4, lambda thread: [pair.admin(thread % 2).add_frontend(f"tenant-{thread}-{turn}")
                                   for turn in range(10)])
    everything, total = audit(pair, 0, kind="frontend", limit=1000)
    assert total == len(everything) == 40 and in_order(everything)
    for limit in (1, 7, 40):
        pages = []
        while len(pages) < total:
            page, count = audit(pair, len(pages) % 2, kind="frontend", limit=limit,
                                offset=len(pages))
            assert count == total and 0 < len(page) <= limit
            pages += page
        assert pages == everything
    assert audit(pair, 1, kind="frontend", offset=40) == ([], 40)
    assert audit(pair, 1, kind="frontend", limit=0) == ([], 40)


def test_since_takes_what_was_told_of_before_away(pair):
    pair.admin(0).add_frontend("early")
    [early], _ = audit(pair, 1, kind="frontend")
    while True:  # the next one in a millisecond of its own
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
        if now > early["at"]:
            break
    pair.admin(1).add_frontend("late")
    records, total = audit(pair, 0, kind="frontend", since=now)
    assert [record["object_name"] for record in records] == ["late"] and total == 1
    assert audit(pair, 1, kind="frontend", since=early["at"])[1] == 2


def test_a_change_that_is_refused_is_not_recorded(pair):
    pair.admin(0).add_frontend("math")
    wait_until(lambda: pair.admin(1).get("/frontends"), "not seen", 5)
    _, before = audit(pair, 0)
    for number in (0, 1):
        status, _ = pair.admin(number).request("POST", "/frontends", {"bbb": {"key": "math"}})
        assert status == 409
        status, _ = pair.admin(number).request("PATCH", f"/backends/{backend_of(pair)['id']}",
                                               {"load_factor": -1})
        assert status == 400
    assert audit(pair, 1)[1] == before


@pytest.mark.parametrize("query", ["limit=-1", "limit=1001", "offset=-1", "since=yesterday",
                                   "limit=x", "nothing=1", "limit=1&limit=2"])
def test_nonsense_is_refused(shared_cluster, query):
    status, answer = shared_cluster.admin.request("GET", f"/audit?{query}")
    assert status == 400, answer
