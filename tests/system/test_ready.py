"""What an instance answers before it has loaded its state."""
import json
import socket
import subprocess
import threading

import pytest

from b3cluster import Daemon, Tenant, access_token, fetch, wait_until
from conftest import JWT_SECRET

BOUND = 3.0  # seconds after the start until who waits is told to come again


class TableLock:
    """Nobody reads meetings while it is held, so nobody gets ready."""

    def __init__(self, url):
        self.session = subprocess.Popen(["psql", "-X", "-q", "-d", url], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.session.stdin.write("BEGIN; LOCK TABLE meetings IN ACCESS EXCLUSIVE MODE;\n"
                                 "\\echo locked\n")
        self.session.stdin.flush()
        assert self.session.stdout.readline().strip() == "locked"

    def release(self):
        if self.session.poll() is None:
            self.session.communicate("ROLLBACK;\n", timeout=10)


@pytest.fixture
def loading(start_cluster, postgres_url):
    """A cluster whose second b3scaled is stuck before its first answer."""
    cluster = start_cluster(nodes=1, database_url=postgres_url)
    cluster.running = cluster.tenant()
    assert cluster.running.create("room").success
    cluster.locks = []

    def start(**options):
        assert cluster.daemon.process.stop() == 0
        cluster.locks.append(TableLock(postgres_url))
        settings = {**cluster.settings, "B3SCALE_LISTEN_HTTP": "127.0.0.1:0"}
        daemon = Daemon(cluster.binaries / "b3scaled", cluster._log("loading"), settings, **options)
        cluster.daemons.append(daemon)
        tenant = Tenant(daemon.url, cluster.running.key, cluster.running.secret)
        return daemon, tenant, cluster.locks[-1]

    yield start
    for lock in cluster.locks:
        lock.release()


def ready(daemon):
    return fetch(daemon.url + "/ready")


def in_background(work):
    answers = []
    thread = threading.Thread(target=lambda: answers.append(work()))
    thread.start()
    return thread, answers


def test_it_is_alive_and_not_ready_until_it_has_loaded(loading):
    daemon, tenant, lock = loading()
    assert fetch(daemon.url + "/health").status == 200
    answer = ready(daemon)
    assert answer.status == 503 and answer.headers["content-type"] == "application/json"
    assert json.loads(answer.body) == {"status": "loading", "problems": ["state"]}
    assert answer.headers["retry-after"] == "1"
    lock.release()
    wait_until(lambda: ready(daemon).status == 200, "it does not become ready")
    assert tenant.meeting_ids() == ["room"] and tenant.join("room").status == 302


def test_who_comes_early_is_answered_when_it_has_loaded(loading):
    daemon, tenant, lock = loading()
    token = {"Authorization": "Bearer " + access_token(JWT_SECRET)}
    early = [in_background(work) for work in (
        lambda: tenant.call("getMeetings"), lambda: tenant.join("room"),
        lambda: tenant.create("room"), lambda: fetch(daemon.url + "/metrics"),
        lambda: fetch(daemon.url + "/api/v1/meetings", headers=token))]
    assert ready(daemon).status == 503
    assert all(thread.is_alive() for thread, _ in early)
    lock.release()
    for thread, answers in early:
        thread.join(10)
        assert answers, "no answer"
    listed, joined, created, metrics, meetings = (answers[0] for _, answers in early)
    assert listed.success and "math~room" not in listed.http.body.decode()
    assert joined.status == 302 and created.success
    assert metrics.status == 200 and b"b3scale_meetings" in metrics.body
    assert [meeting["meeting_id"] for meeting in json.loads(meetings.body)] == ["room"]


def test_nobody_waits_for_ever(loading):
    daemon, tenant, lock = loading()
    answer = tenant.get("getMeetings", _seconds=BOUND + 5)
    assert answer.status == 200 and b"<messageKey>notReady</messageKey>" in answer.body
    assert b"<returncode>FAILED</returncode>" in answer.body
    # From now on at once.
    refused = tenant.call("create", meetingID="new")
    assert not refused.success and refused.key == "notReady"
    page = tenant.join("room")
    assert page.status == 503 and "text/html" in page.headers["content-type"]
    assert b'http-equiv="refresh"' in page.body
    answer = fetch(daemon.url + "/api/v1/status")
    assert answer.status == 503 and json.loads(answer.body)["error"] == "loading"
    assert json.loads(answer.body)["request_id"]
    assert fetch(daemon.url + "/metrics").status == 503
    assert fetch(daemon.url + "/nothing").status == 404
    assert fetch(daemon.url + "/health").status == 200
    lock.release()
    wait_until(lambda: ready(daemon).status == 200, "it does not become ready")
    assert tenant.create("new").success


def test_the_supervisor_hears_of_it_when_it_is_ready_and_nothing_is_refused(loading, tmp_path,
                                                                            monkeypatch):
    notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notices.bind(str(tmp_path / "notify"))
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    daemon, tenant, lock = loading(listener=listener)
    monkeypatch.delenv("NOTIFY_SOCKET")
    early = [in_background(lambda: tenant.join("room")) for _ in range(20)]
    assert ready(daemon).status == 503
    notices.setblocking(False)
    with pytest.raises(BlockingIOError):
        notices.recv(100)
    lock.release()
    notices.settimeout(10)
    assert notices.recv(100) == b"READY=1"
    assert ready(daemon).status == 200
    for thread, answers in early:
        thread.join(10)
        assert answers and answers[0].status == 302
    listener.close()


def test_it_can_be_stopped_while_it_loads(loading):
    daemon, tenant, _ = loading()
    waiting, answers = in_background(lambda: tenant.get("getMeetings"))
    assert ready(daemon).status == 503
    assert daemon.process.stop(12) == 0
    waiting.join(10)
    assert not waiting.is_alive()
    assert answers and b"notReady" in answers[0].body
