"""b3scaleagent between a real redis, bbbsim and b3scaled: what people do shows at once, although
the nodes are polled once in a minute only."""
import json
import shutil
import socket
import subprocess

import pytest

from b3cluster import Process, Simulator, access_token, fetch, fetch_json, wait_until
from conftest import JWT_SECRET, Cluster, scoped

SECOND = 1.0
# What follows must come from events: no poll falls into a test.
SLOW_POLLS = {"B3SCALE_REFRESH_INTERVAL": "60s"}


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Redis:
    def __init__(self, directory):
        self.port = free_port()
        self.directory = directory
        self.starts = 0
        self.start()

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}"

    def start(self):
        self.starts += 1
        self.process = Process(
            "redis", ["redis-server", "--port", self.port, "--bind", "127.0.0.1", "--save", "",
                      "--appendonly", "no"], self.directory / f"redis-{self.starts}.log")
        self.process.wait_for(lambda line: "eady to accept connections" in line, "ready")

    def stop(self):
        self.process.kill()

    def publish(self, channel, text):
        with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            words = [b"PUBLISH", channel.encode(), text]
            command = b"*3\r\n" + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)
            connection.sendall(command)
            assert connection.recv(64).startswith(b":"), "nobody can hear this"


class AgentCluster(Cluster):
    """One node with a redis of its own, and the agent of that node."""

    def __init__(self, binaries, directory, **more):
        self.redis = Redis(directory)
        self.agents = []
        settings = {**SLOW_POLLS, **more.pop("settings", {})}
        super().__init__(binaries, directory, nodes=1, register=False, settings=settings, **more)
        self.nodes.process.stop()
        self.nodes = Simulator(binaries / "bbbsim", self._log("bbbsim"), 1,
                               more=["--redis", self.redis.url])
        self.node = self.nodes.nodes["node1"]
        self.properties = directory / "bbb-web.properties"
        self.defaults = directory / "bigbluebutton.properties"
        self.defaults.write_text("bigbluebutton.web.serverURL=https://wrong.example.org\n"
                                 "securitySalt=wrong\n")
        self.write_properties(self.node["secret"])

    def write_properties(self, secret):
        origin = self.node["url"].removesuffix("/bigbluebutton/api/")
        self.properties.write_text(f"# the node's own\nserver = {origin}\n"
                                   "bigbluebutton.web.serverURL: ${server}\n"
                                   f"securitySalt={secret}\n")

    def agent_environment(self, subject="agent-of-node1"):
        token = access_token(JWT_SECRET, subject=subject, scopes="b3scale:node")
        return {"PATH": "/usr/bin:/bin", "B3SCALE_API_URL": self.daemon.url,
                "B3SCALE_API_ACCESS_TOKEN": token, "B3SCALE_REDIS_URL": self.redis.url,
                "BBB_CONFIG": str(self.properties), "B3SCALE_LOG_LEVEL": "debug",
                "B3SCALE_BBB_CONFIG_DEFAULT": str(self.defaults), "B3SCALE_LOAD_FACTOR": "1.5"}

    def start_agent(self, *arguments, **environment):
        process = Process("b3scaleagent", [self.binaries / "b3scaleagent", *arguments],
                          self._log("b3scaleagent"), {**self.agent_environment(), **environment})
        self.agents.append(process)
        return process

    def backend(self):
        found = self.admin.get("/backends")
        return found[0] if found else None

    def register(self):
        """The agent registers its node and the operator takes it into service."""
        agent = self.start_agent("-a")
        backend = wait_until(self.backend, "not registered")
        assert backend["admin_state"] == "init"
        self.admin.patch(f"/backends/{backend['id']}", {"admin_state": "ready"})
        self.wait_eligible()
        wait_until(lambda: self.heard(agent, "listening to redis"), "redis was not found")
        return agent

    @staticmethod
    def heard(agent, text):
        return any(text in line for line in agent.lines)

    def on_node(self, meeting_id):
        meeting = self.nodes.meetings("node1").get(meeting_id)
        return meeting and len(meeting["attendees"])

    def counts(self, meeting_id):
        meeting = self.meetings().get(meeting_id)
        return meeting and meeting["counts"]

    def attendees(self, meeting_id):
        counts = self.counts(meeting_id)
        return counts and counts["participants"]

    def wait_in_step(self, meeting_id, seconds=10):
        wait_until(lambda: self.attendees(meeting_id) == self.on_node(meeting_id),
                   f"{meeting_id}: {self.attendees(meeting_id)} here, "
                   f"{self.on_node(meeting_id)} there", seconds)

    def polls(self):
        return self.nodes.calls("node1", "getMeetings")

    def processes(self):
        return super().processes() + self.agents + [self.redis.process]

    def close(self):
        gone = [process for process in self.agents if not process.running]
        for process in self.agents:
            if process not in gone:
                assert process.stop() == 0, process.tail()
        self.agents = []
        self.redis.stop()
        self.redis.process.wait = lambda seconds=0: 0
        super().close()


@pytest.fixture
def start(request, binaries, tmp_path_factory):
    assert shutil.which("redis-server"), "redis-server is missing (scripts/packages.sh)"
    made = []

    def begin(**options):
        made.append(AgentCluster(binaries, tmp_path_factory.mktemp("agent"), **options))
        request.node.b3_clusters = made
        return made[-1]

    yield begin
    for cluster in made:
        cluster.close()


@pytest.fixture
def rig(start):
    cluster = start()
    cluster.register()
    cluster.math = cluster.tenant("math")
    assert cluster.math.create("algebra").success
    cluster.algebra = scoped(cluster.math, "algebra")
    return cluster


def test_registration_starts_in_init_and_is_repeatable(start):
    cluster = start()
    agent = cluster.start_agent("-register")
    backend = wait_until(cluster.backend, "not registered")
    assert backend["admin_state"] == "init"
    assert backend["bbb"]["host"] == cluster.node["url"]
    assert backend["load_factor"] == 1.5
    assert backend["agent_ref"] == "agent-of-node1"
    wait_until(lambda: cluster.backend()["agent_heartbeat"], "no heartbeat")
    assert agent.stop() == 0
    again = cluster.start_agent("-a")
    wait_until(lambda: cluster.heard(again, "knows this node"), "not found again")
    assert [one["id"] for one in cluster.admin.get("/backends")] == [backend["id"]]


def test_without_the_flag_it_registers_nothing(start):
    cluster = start()
    agent = cluster.start_agent()
    wait_until(lambda: cluster.heard(agent, "does not know this node"), "no complaint")
    assert cluster.admin.get("/backends") == []


def test_heartbeats_come_every_second_with_figures(rig):
    def beat():
        return rig.backend()["agent_heartbeat"]

    seen = {wait_until(beat, "none")}
    wait_until(lambda: seen.add(beat()) or len(seen) >= 3, "heartbeats do not go on", 8)
    report = wait_until(lambda: rig.backend().get("report"), "no report")
    assert report["memory_total_bytes"] > report["memory_used_bytes"] > 0
    assert report["disk_total_bytes"] > 0


def test_people_are_counted_within_a_second_and_without_polls(rig):
    polls = rig.polls()
    for i in range(3):
        assert rig.math.enter("algebra", f"Person {i}").status == 302  # into the client
    wait_until(lambda: rig.attendees(rig.algebra) == 3, "three did not come", SECOND)
    rig.nodes.people("node1", rig.algebra, join=2, voice=2, video=1)
    wait_until(lambda: rig.attendees(rig.algebra) == 5, "five did not come", SECOND)
    wait_until(lambda: (rig.counts(rig.algebra)["voices"], rig.counts(rig.algebra)["videos"]) ==
               (2, 1), "sound and picture are not counted", SECOND)
    assert rig.backend()["attendees_count"] == 5, rig.backend()
    metrics = str(fetch(rig.daemon.url + "/metrics").body)
    assert 'b3scale_meeting_attendees{type="participants"} 5' in metrics
    rig.nodes.people("node1", rig.algebra, join=60)
    wait_until(lambda: rig.backend()["expected_load"] >= 65, "placement does not know", SECOND)
    rig.nodes.people("node1", rig.algebra, leave=64)
    wait_until(lambda: rig.attendees(rig.algebra) == 1, "sixty-four did not leave", SECOND)
    assert rig.backend()["attendees_count"] == 1
    # One snapshot may have followed the first messages, never one for each.
    assert rig.polls() - polls <= 4


def test_a_meeting_that_ends_on_the_node_goes_at_once(rig):
    rig.math.enter("algebra")
    wait_until(lambda: rig.attendees(rig.algebra) == 1, "nobody came", SECOND)
    rig.nodes.end_on_node("node1", rig.algebra)
    wait_until(lambda: rig.algebra not in rig.meetings(), "still there", SECOND)


def test_malformed_messages_do_no_harm(rig):
    envelope = {"envelope": {"name": "UserJoinedMeetingEvtMsg"}, "core": {"header": {}, "body": 5}}
    for text in (b"", b"{", b"[]", b"\xff\xfe", b"null", b"{}" * 100_000, b"[" * 5_000,
                 json.dumps(envelope).encode(), b'{"core":{"header":{"name":"MeetingEndedEvtMsg"}}}'):
        rig.redis.publish("from-akka-apps-redis-channel", text)
    rig.math.enter("algebra")
    wait_until(lambda: rig.attendees(rig.algebra) == 1, "the agent does not listen", 2)
    assert rig.agents[0].running


def test_names_are_not_logged_above_debug(start):
    cluster = start()
    cluster.register()
    math = cluster.tenant("math")
    math.create("algebra")
    agent = cluster.agents[0]
    math.enter("algebra", "Grace Hopper")
    wait_until(lambda: cluster.attendees(scoped(math, "algebra")) == 1, "nobody came", 2)
    above = [event for event in agent.events() if event.get("level") not in ("debug", "trace")]
    assert above and not any("Grace" in json.dumps(event) for event in above)
    assert not any(cluster.node["secret"] in line for line in agent.lines)


@pytest.mark.parametrize("quirks", [{"duplicate": True}, {"lose": 3}])
def test_doubled_and_lost_messages_leave_no_drift(rig, quirks):
    control = f"{rig.nodes.control}/nodes/node1/events"
    rig.math.enter("algebra", "First")
    status, _ = fetch_json(control, "PUT", quirks)
    assert status == 200
    rig.nodes.people("node1", rig.algebra, join=4)
    rig.nodes.people("node1", rig.algebra, leave=2)
    fetch_json(control, "PUT", {"reconnect": True})
    rig.nodes.people("node1", rig.algebra, join=3, video=2)
    rig.wait_in_step(rig.algebra)
    assert rig.attendees(rig.algebra) == 6


def test_redis_restarts(rig):
    rig.math.enter("algebra", "First")
    wait_until(lambda: rig.attendees(rig.algebra) == 1, "nobody came", SECOND)
    rig.redis.stop()
    rig.nodes.people("node1", rig.algebra, join=3)
    rig.redis.start()
    rig.wait_in_step(rig.algebra)
    rig.nodes.people("node1", rig.algebra, leave=1)
    rig.wait_in_step(rig.algebra)
    assert rig.attendees(rig.algebra) == 3


def test_the_server_restarts(rig):
    rig.math.enter("algebra", "First")
    wait_until(lambda: rig.attendees(rig.algebra) == 1, "nobody came", SECOND)
    assert rig.daemon.process.stop() == 0
    rig.nodes.people("node1", rig.algebra, join=3)
    rig.nodes.people("node1", rig.algebra, leave=2)
    rig.start_daemon()
    rig.nodes.people("node1", rig.algebra, join=2)
    rig.wait_in_step(rig.algebra, 15)
    assert rig.attendees(rig.algebra) == 4


def test_the_agent_restarts(rig):
    rig.nodes.people("node1", rig.algebra, join=3)
    wait_until(lambda: rig.attendees(rig.algebra) == 3, "three did not come", SECOND)
    rig.agents[0].kill()
    rig.nodes.people("node1", rig.algebra, leave=2)
    rig.nodes.people("node1", rig.algebra, join=4)
    rig.start_agent()
    rig.wait_in_step(rig.algebra)
    rig.nodes.people("node1", rig.algebra, leave=5)  # some of whom this agent never saw come
    rig.wait_in_step(rig.algebra)
    assert rig.attendees(rig.algebra) == 0


def test_a_changed_secret_reaches_the_cluster(rig):
    rig.write_properties("another-secret")
    wait_until(lambda: rig.backend()["bbb"]["secret"] == "another-secret", "not told", 20)


def test_noded_goes_by_way_of_the_database(start, postgres_url):
    cluster = start(database_url=postgres_url)
    environment = {**cluster.agent_environment(), "B3SCALE_DB_URL": postgres_url}
    del environment["B3SCALE_API_ACCESS_TOKEN"]
    noded = Process("b3scalenoded", [cluster.binaries / "b3scalenoded", "-a"],
                    cluster._log("b3scalenoded"), environment)
    cluster.agents.append(noded)
    backend = wait_until(cluster.backend, "not registered")
    assert backend["admin_state"] == "init"
    cluster.admin.patch(f"/backends/{backend['id']}", {"admin_state": "ready"})
    cluster.wait_eligible()
    wait_until(lambda: cluster.backend()["agent_heartbeat"], "no heartbeat")
    math = cluster.tenant("math")
    assert math.create("algebra").success
    algebra = scoped(math, "algebra")
    cluster.nodes.people("node1", algebra, join=4)
    wait_until(lambda: cluster.attendees(algebra) == 4, "four did not come", 2 * SECOND)
    cluster.nodes.people("node1", algebra, leave=3)
    wait_until(lambda: cluster.attendees(algebra) == 1, "three did not leave", 2 * SECOND)
    cluster.nodes.end_on_node("node1", algebra)
    wait_until(lambda: algebra not in cluster.meetings(), "still there", 2 * SECOND)
    cluster.write_properties("another-secret")
    wait_until(lambda: cluster.backend()["bbb"]["secret"] == "another-secret", "not told", 20)
    password = postgres_url.split("@")[0].split(":")[-1]
    assert len(password) < 4 or not any(password in line for line in noded.lines)


@pytest.mark.parametrize("problem, environment", [
    ("B3SCALE_API_ACCESS_TOKEN", {"B3SCALE_API_ACCESS_TOKEN": ""}),
    ("B3SCALE_REDIS_URL", {"B3SCALE_REDIS_URL": "http://h"}),
    ("B3SCALE_API_URL", {"B3SCALE_API_URL": ""}),
])
def test_bad_settings_are_refused(binaries, problem, environment, tmp_path):
    settings = {"B3SCALE_API_URL": "http://127.0.0.1:1", "B3SCALE_API_ACCESS_TOKEN": "x",
                **environment}
    done = subprocess.run([binaries / "b3scaleagent"], env=settings, capture_output=True,
                          text=True, timeout=30)
    assert done.returncode == 2
    assert problem in done.stderr
