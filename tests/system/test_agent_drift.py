"""Nothing that agents tell stays wrong, whatever is lost, doubled, late or restarted: what REST and
metrics count is what the node has. Polls are a minute apart, so they make up for nothing."""
import json
import os
import random
import shutil
import time

import pytest

from b3cluster import Daemon, Process, Tenant, fetch_json, wait_until
from conftest import scoped
from test_agent import SECOND, AgentCluster

MEETINGS = ("algebra", "botany", "chemistry", "drawing")
STEPS = 45
# More of them by hand: B3SCALE_DRIFT_SEEDS=2,3,4
SEEDS = [int(seed) for seed in os.environ.get("B3SCALE_DRIFT_SEEDS", "1").split(",")]
HEALED = 30 * SECOND


class DriftCluster(AgentCluster):
    """The node's agent is b3scaleagent or b3scalenoded; with `pair`, two b3scaled."""

    def __init__(self, binaries, directory, program="b3scaleagent", pair=False, **more):
        self.program = program
        self.published = []
        super().__init__(binaries, directory, **more)
        self.listen()
        self.instances = [self.daemon] + ([self.start_another()] if pair else [])

    # -- programs ---------------------------------------------------------------------------------

    def start_another(self, address="127.0.0.1:0"):
        settings = {**self.settings, "B3SCALE_LISTEN_HTTP": address}
        daemon = Daemon(self.binaries / "b3scaled", self._log("b3scaled"), settings)
        self.daemons.append(daemon)
        return daemon

    def restart_instance(self, number, kill):
        old = self.instances[number]
        if kill:
            self.killed.append(old)
            old.process.kill()
        else:
            assert old.process.stop() == 0
        self.instances[number] = self.start_another(old.address)
        if number == 0:
            self.daemon = self.instances[0]
            self.admin = self.daemon.admin()

    def start_instance_again(self):
        self.instances[0] = self.daemon = self.start_another(self.daemon.address)
        self.admin = self.daemon.admin()

    def start_agent(self, *arguments, **environment):
        if self.program == "b3scaleagent":
            return super().start_agent(*arguments, **environment)
        settings = {**self.agent_environment(), "B3SCALE_DB_URL": self.database_url, **environment}
        del settings["B3SCALE_API_ACCESS_TOKEN"]
        process = Process(self.program, [self.binaries / self.program, *arguments],
                          self._log(self.program), settings)
        self.agents.append(process)
        return process

    def restart_agent(self):
        self.agents[-1].kill()
        self.start_agent()

    def listen(self):
        """Hears what the node publishes, as the agent does."""
        self.heard_by = Process("redis-cli", ["redis-cli", "-p", self.redis.port, "psubscribe",
                                              "from-akka-apps-*"],
                                self.directory / f"heard-{self.redis.starts}.log")
        self.heard_by.wait_for(lambda line: line == "psubscribe", "a subscription")
        self.published.append(self.heard_by)

    def restart_redis(self, meanwhile):
        self.redis.stop()
        self.heard_by.wait()
        meanwhile()
        self.redis.start()
        self.listen()

    def close(self):
        self.heard_by.kill()
        super().close()

    # -- truth and what is told of it -------------------------------------------------------------

    def messages(self):
        return [event for process in self.published for event in process.events()]

    def internal_user_ids(self):
        return {event["core"]["body"]["intId"] for event in self.messages()
                if event["envelope"]["name"] == "UserJoinedMeetingEvtMsg"}

    def truth(self):
        def counts(meeting):
            people = meeting["attendees"]
            return {"participants": len(people),
                    "moderators": sum(one["moderator"] for one in people),
                    "listeners": sum(one["listening_only"] for one in people),
                    "voices": sum(one["voice"] for one in people),
                    "videos": sum(one["video"] for one in people)}
        return {name: (meeting["internal_id"], counts(meeting))
                for name, meeting in self.nodes.meetings("node1").items()}

    @staticmethod
    def told(daemon):
        return {meeting["id"]: (meeting["internal_id"], meeting["counts"])
                for meeting in daemon.admin().get("/meetings")}

    def wait_truth(self, seconds=HEALED):
        """Until every instance counts what the node has; `truth` is looked at on both sides."""
        def agree():
            before = self.truth()
            told = [self.told(daemon) for daemon in self.instances]
            return before == self.truth() and all(one == before for one in told)
        try:
            wait_until(agree, "drift", seconds, 0.1)
        except Exception as error:
            shown = [self.told(daemon) for daemon in self.instances]
            raise AssertionError(f"{error}\n  node {self.truth()}\n  told {shown}")

    def events(self, **quirks):
        status, answer = fetch_json(f"{self.nodes.control}/nodes/node1/events", "PUT", quirks)
        assert status == 200, answer


@pytest.fixture
def start(request, binaries, tmp_path_factory):
    assert shutil.which("redis-server"), "redis-server is missing (scripts/packages.sh)"
    made = []

    def begin(**options):
        made.append(DriftCluster(binaries, tmp_path_factory.mktemp("drift"), **options))
        request.node.b3_clusters = made
        made[-1].register()
        made[-1].tenants = {}
        return made[-1]

    yield begin
    for cluster in made:
        cluster.close()


KINDS = ["agent", "noded", "agent and a pair", "noded and a pair"]


@pytest.fixture(params=KINDS)
def rig(request, start):
    program = "b3scalenoded" if request.param.startswith("noded") else "b3scaleagent"
    options = {"program": program, "pair": request.param.endswith("pair")}
    if request.param != "agent":
        options["database_url"] = request.getfixturevalue("postgres_url")
    return start(**options)


# -- random traffic -------------------------------------------------------------------------------

class Traffic:
    """Seeded steps of people and of trouble."""

    def __init__(self, rig, seed):
        self.rig = rig
        self.random = random.Random(seed)
        self.is_losing = False
        made = rig.admin.add_frontend("math")
        self.secret = made["bbb"]["secret"]
        wait_until(lambda: all(len(daemon.admin().get("/frontends")) == 1
                               for daemon in rig.instances), "the tenant is not known everywhere")
        for name in MEETINGS:
            self.create(name)

    def create(self, name):
        daemon = self.random.choice(self.rig.instances)
        answer = Tenant(daemon.url, "math", self.secret).create(name)
        assert answer.success, answer

    def some(self):
        """The scoped id of a meeting that is there."""
        there = sorted(self.rig.nodes.meetings("node1"))
        return self.random.choice(there) if there else None

    def people(self):
        meeting = self.some()
        if not meeting:
            return
        number = self.random.randint
        # Nobody in BBB speaks and only listens at the same time; in bbbsim they could.
        change = self.random.choice([
            lambda: {"join": number(1, 4), "moderators": number(0, 1)},
            lambda: {"leave": number(1, 3)},
            lambda: {"voice": number(0, 6), "listening": 0},
            lambda: {"video": number(0, 6)},
            lambda: {"voice": 0, "listening": number(0, 6)},
            lambda: {"leave": number(0, 2), "join": number(0, 2), "voice": number(0, 3),
                     "listening": 0},
        ])()
        self.rig.nodes.people("node1", meeting, **change)

    def presenter(self):
        """Counts nothing, but is a message of somebody who may have left by now."""
        users = sorted(self.rig.internal_user_ids())
        meetings = [one["internal_id"] for one in self.rig.nodes.meetings("node1").values()]
        if not users or not meetings:
            return
        name = self.random.choice(["PresenterAssignedEvtMsg", "PresenterUnassignedEvtMsg"])
        header = {"name": name, "meetingId": self.random.choice(sorted(meetings))}
        text = json.dumps({"envelope": {"name": name}, "core": {"header": header, "body": {
            "presenterId": self.random.choice(users)}}})
        self.rig.redis.publish("from-akka-apps-redis-channel", text.encode())

    def end(self):
        meeting = self.some()
        if not meeting:
            return
        self.rig.nodes.end_on_node("node1", meeting)
        # The node's word is waited for: a create before it would be answered with the old meeting.
        if self.random.random() < 0.7:
            if self.is_losing:
                heal(self.rig)
                self.is_losing = False
            self.rig.wait_truth()
            self.create(meeting.split("~", 1)[1])

    def trouble(self):
        rig = self.rig
        self.random.choice([
            lambda: rig.events(duplicate=True),
            self.lose,
            lambda: rig.events(reconnect=True),
            lambda: rig.restart_redis(self.people),
            rig.restart_agent,
            self.restart_instance,
        ])()

    def lose(self):
        self.is_losing = True
        self.rig.events(lose=self.random.randint(1, 4))

    def restart_instance(self):
        number = self.random.randrange(len(self.rig.instances))
        self.rig.restart_instance(number, kill=self.random.random() < 0.5)

    def step(self):
        kinds = [(self.people, 70), (self.presenter, 5), (self.end, 8), (self.trouble, 17)]
        (act,) = self.random.choices([kind for kind, _ in kinds], [weight for _, weight in kinds])
        act()


def heal(rig):
    """Whoever loses messages loses the connection as well: the agent gets to know of it."""
    rig.events()
    rig.restart_redis(lambda: None)


@pytest.mark.parametrize("seed", SEEDS)
def test_random_traffic_and_trouble_leave_no_drift(rig, seed):
    traffic = Traffic(rig, seed)
    for _ in range(STEPS):
        traffic.step()
    heal(rig)
    rig.wait_truth()
    if not rig.nodes.meetings("node1"):
        traffic.create(MEETINGS[0])
    rig.nodes.people("node1", traffic.some(), join=3)  # and all of them still listen
    rig.wait_truth(10 * SECOND)


# -- single troubles ------------------------------------------------------------------------------

def with_meeting(rig, name="algebra"):
    made = rig.admin.add_frontend("math")
    tenant = Tenant(rig.daemon.url, "math", made["bbb"]["secret"])
    assert tenant.create(name).success
    return tenant, scoped(tenant, name)


@pytest.mark.parametrize("rig", KINDS[:3], indirect=True)
def test_meetings_that_ended_while_the_agent_was_away_go_when_it_is_back(rig):
    tenant, algebra = with_meeting(rig)
    assert tenant.create("botany").success
    rig.nodes.people("node1", algebra, join=2)
    rig.wait_truth(10 * SECOND)
    rig.agents[-1].kill()
    rig.nodes.end_on_node("node1", algebra)
    rig.nodes.people("node1", scoped(tenant, "botany"), join=1)
    assert algebra in rig.meetings()  # nobody has told
    rig.start_agent()
    rig.wait_truth(10 * SECOND)
    assert set(rig.meetings()) == {scoped(tenant, "botany")}


def poll_slowly(rig, milliseconds):
    """Has the node polled; returns when it is at it. What it answers is late."""
    rig.nodes.faults("node1", {"calls": {"getMeetings": {"latency_after_ms": milliseconds}}})
    polls = rig.polls()
    rig.admin.post("/commands", {"action": "refresh", "backend_id": rig.backend()["id"]})
    wait_until(lambda: rig.polls() >= polls + 2, "no poll")  # the command asks on its own, too


@pytest.mark.parametrize("rig", KINDS, indirect=True)
def test_an_event_during_a_poll_is_not_overwritten_by_its_older_answer(rig):
    tenant, algebra = with_meeting(rig)
    assert tenant.create("botany").success
    botany = scoped(tenant, "botany")
    rig.nodes.people("node1", algebra, join=2)
    rig.wait_truth(10 * SECOND)
    wait_quiet(rig)
    rig.events(silent=True)
    rig.nodes.people("node1", botany, join=1)  # what only the poll tells
    rig.events()
    poll_slowly(rig, 1_500)
    rig.nodes.people("node1", algebra, join=3, voice=1)
    rig.nodes.people("node1", algebra, leave=1)
    wait_until(lambda: rig.attendees(algebra) == 4, "the events were not told", 1.4)
    assert rig.attendees(botany) == 0, "the poll was over before: no test"
    truth = rig.truth()
    for daemon in rig.instances:
        told = wait_until(lambda: (told := rig.told(daemon))[botany] == truth[botany] and told,
                          "what the poll said is not written", 5)
        assert told == truth


def wait_quiet(rig, seconds=3):
    """Until nobody, neither b3scaled nor the agent, has asked the node for its meetings so long."""
    last = [rig.polls(), time.monotonic()]

    def is_quiet():
        polls = rig.polls()
        if polls != last[0]:
            last[:] = [polls, time.monotonic()]
        return time.monotonic() > last[1] + seconds
    wait_until(is_quiet, "the node is never left alone", 30, 0.1)


def test_a_server_that_was_away_for_long_is_told_everything_again(start):
    rig = start()
    _, algebra = with_meeting(rig)
    rig.nodes.people("node1", algebra, join=50)
    rig.wait_truth(10 * SECOND)
    assert rig.daemon.process.stop() == 0
    agent = rig.agents[-1]
    rounds = 0
    while not rig.heard(agent, "too much waits for the cluster"):
        rig.nodes.people("node1", algebra, voice=50 * (rounds % 2), video=50 * (1 - rounds % 2))
        rounds += 1
        assert rounds < 400, "10,000 calls and more, and nothing is dropped"
    rig.nodes.people("node1", algebra, leave=20, join=5)
    with open(f"/proc/{agent.pid}/status") as status:
        resident = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    assert resident < 700_000, f"{resident} kB, which no sanitizer explains"
    rig.start_instance_again()
    rig.wait_truth()


def test_nothing_personal_is_logged(start, postgres_url):
    rig = start(database_url=postgres_url)
    tenant, algebra = with_meeting(rig)
    names = [f"Grace Q{number}x Hopper" for number in range(4)]
    for number, name in enumerate(names):
        assert tenant.enter("algebra", name, userID=f"tenants-user-{number}x").status == 302
    rig.nodes.people("node1", algebra, voice=2, video=1)
    rig.wait_truth(10 * SECOND)
    # Everything that complains of something has something to complain of.
    rig.events(lose=2)
    rig.nodes.people("node1", algebra, leave=1)
    rig.nodes.people("node1", algebra, voice=0)
    rig.restart_redis(lambda: None)
    rig.wait_truth()
    rig.restart_agent()
    rig.wait_truth()
    rig.nodes.people("node1", algebra, leave=1)  # whom this agent never saw come
    rig.wait_truth()
    rig.program = "b3scalenoded"
    rig.restart_agent()
    rig.nodes.people("node1", algebra, voice=1)
    rig.wait_truth()
    assert rig.daemon.process.stop() == 0
    rig.nodes.people("node1", algebra, voice=2)
    rig.start_instance_again()
    rig.wait_truth()

    internal = rig.internal_user_ids()
    users = {f"tenants-user-{number}x" for number in range(len(names))}
    assert len(internal) >= len(names)
    processes = rig.agents + [daemon.process for daemon in rig.daemons]
    assert {process.name for process in processes} == {"b3scaleagent", "b3scalenoded", "b3scaled"}
    for process in processes:
        assert process.lines
        for line in process.lines:
            event = json.loads(line) if line.startswith("{") else {"level": "?"}
            quiet = event.get("level") in ("debug", "trace")
            assert not any(name in line or name.split()[1] in line for name in names), line
            assert quiet or not any(one in line for one in internal | users), line
            assert rig.node["secret"] not in line, line
