"""Everything breaks at once, at random; afterwards nobody was told anything that does not fit.

B3SCALE_CHAOS_SEED repeats the choices of a run (not its timing), B3SCALE_CHAOS_SECONDS makes it
longer.
"""
import collections
import http.client
import os
import random
import time

from b3cluster import ClusterError, wait_until
from chaos.fixtures import closing, server  # noqa: F401
from chaos.history import Call, Event, problems_of, told
from chaos.instances import IMPATIENT, Instances, Load
from conftest import scoped

SECONDS = float(os.environ.get("B3SCALE_CHAOS_SECONDS", "25"))
NO_ANSWER = (OSError, http.client.HTTPException, ClusterError)
VIEW_LAG = 1.0  # how far an answer from memory may be behind; the promise is 0.3 s
GRACE = 5.0  # until everybody has noticed that a node is back


class Recorder:
    """Calls at random and writes down what came of it."""

    def __init__(self, pair, tenants, seed):
        self.calls = []
        self.places = {}
        self._pair = pair
        self._tenants = tenants  # key -> one Tenant for each instance
        self._random = [random.Random(seed * 100 + i) for i in range(8)]

    def call_once(self, thread, turn):
        choice = self._random[thread]
        instance = choice.randrange(len(self._pair))
        tenant = choice.choice(self._tenants)[instance]
        meeting_id = f"room-{choice.randrange(8)}"
        kind = choice.choices(["create", "join", "info", "end"], [8, 6, 5, 1])[0]
        start = time.monotonic()
        outcome, run, node = "none", None, None
        try:
            outcome, run, node = getattr(self, kind)(tenant, meeting_id)
        except NO_ANSWER:
            time.sleep(0.05)  # nobody is there
        lag = 0.0 if kind in ("create", "end") else VIEW_LAG
        self.calls.append(Call(start, time.monotonic(), kind, scoped(tenant, meeting_id), outcome,
                               run, node, lag, instance))

    @staticmethod
    def create(tenant, meeting_id):
        answer = tenant.create(meeting_id)
        return "ok" if answer.success else "refused", answer["internalMeetingID"], None

    @staticmethod
    def info(tenant, meeting_id):
        answer = tenant.info(meeting_id)
        return "ok" if answer.success else "refused", answer["internalMeetingID"], None

    def join(self, tenant, meeting_id):
        answer = tenant.join(meeting_id)
        if answer.status != 302:
            return "refused", None, None
        return "ok", None, self._pair.nodes.name_of(answer.headers["location"])

    @staticmethod
    def end(tenant, meeting_id):
        answer = tenant.end(meeting_id)
        if answer.success:
            return "ok", None, None
        return "refused" if answer.key == "notFound" else "none", None, None

    def look(self, *ignored):
        """Which run is on which node; called all the time."""
        for name in self._pair.nodes.nodes:
            for meeting_id, meeting in self._pair.nodes.meetings(name).items():
                self.places[meeting["internal_id"]] = (meeting_id, name)
        time.sleep(0.1)


class Trouble:
    """Breaks one thing after the other, and mends it. Runs in the test's own thread: what it
    starts ends with the thread that started it."""

    def __init__(self, pair, database, seed):
        self.events = []
        self.outages = []
        self.counts = collections.Counter()
        self._pair = pair
        self._database = database
        self._random = random.Random(seed)
        self._mend = []  # (when, what)

    def run(self, seconds):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for when, what in sorted(self._mend, key=lambda each: each[0]):
                if when <= time.monotonic():
                    self._mend.remove((when, what))
                    what()
            if len(self._mend) < 3:
                self._random.choices([self._kill, self._stop_node, self._stop_database],
                                     [4, 5, 2])[0]()
            time.sleep(self._random.uniform(0.1, 0.9))
        for _, what in list(self._mend):
            what()
        self._mend = []

    def _later(self, least, most, what):
        self._mend.append((time.monotonic() + self._random.uniform(least, most), what))

    def _kill(self):
        number = self._random.randrange(len(self._pair))
        if self.outages and self.outages[-1][1] is None:
            return  # it could not start without its database
        if not all(daemon.process.running for daemon in self._pair.daemons):
            return
        self.counts["kill"] += 1
        self._pair.kill(number)
        self._later(0.1, 1.5, lambda: self._restart(number))

    def _restart(self, number):
        if self.outages and self.outages[-1][1] is None:
            self._start_database()
        self._pair.start(number)

    def _stop_node(self):
        down = [name for name in self._pair.nodes.nodes
                if not self._pair.nodes.state(name)["up"]]
        if len(down) >= 2:
            return
        node = self._random.choice([name for name in self._pair.nodes.nodes if name not in down])
        kind = self._random.choice(["lost", "down", "down"])
        start = time.monotonic()
        self.counts[kind] += 1
        self._pair.nodes.down(node, lose=kind == "lost")

        def back():
            self._pair.nodes.up(node)
            self.events[place] = Event(start, time.monotonic() + GRACE, kind, node)

        place = len(self.events)
        self.events.append(None)
        self._later(0.2, 6.0, back)

    def _stop_database(self):
        if self.outages and self.outages[-1][1] is None:
            return
        self.counts["database"] += 1
        self.outages.append([time.monotonic(), None])
        self._database.stop(self._random.choice(["fast", "immediate", "kill"]))
        self._later(0.3, 2.0, self._start_database)

    def outages_as_events(self):
        return [Event(start, end, "away", "database") for start, end in self.outages]

    def _start_database(self):
        if self.outages[-1][1] is None:
            self._database.start()
            self.outages[-1][1] = time.monotonic()


def stands_still_since(moment, windows):
    """The start of the windows that reach up to this moment without a gap; None: it is outside."""
    since = None
    for start, end in sorted(windows, reverse=True):
        if start <= (moment if since is None else since) <= end:
            since = start
    return since


def with_lags(calls, outages, events, places):
    """While the database is away memory stands still, and so does what is known of the meetings of
    a node that is away. Creates of known meetings go by that memory, too."""
    away = [(start, end + 3) for start, end in outages]
    for call in calls:
        windows = list(away)
        if call.call == "info" and call.run in places:
            windows += [event[:2] for event in events if event.node == places[call.run][1]]
        since = stands_still_since(call.end, windows)
        if since is not None and call.call != "end":
            call = call._replace(slack=max(call.slack, call.start - since + VIEW_LAG))
        yield call


def born(run):
    """An internal id ends with the wall-clock time of its node in milliseconds."""
    return int(run.rsplit("-", 1)[1]) / 1000 - time.time() + time.monotonic()


def test_chaos(server, start_cluster):  # noqa: F811
    seed = int(os.environ.get("B3SCALE_CHAOS_SEED", random.randrange(1_000_000)))
    print(f"B3SCALE_CHAOS_SEED={seed}")
    pair = Instances(start_cluster(database_url=server.url, nodes=4, settings=IMPATIENT))
    tenants = [pair.tenants(key) for key in ("math", "law", "art")]
    recorder = Recorder(pair, tenants, seed)
    trouble = Trouble(pair, server, seed)
    with Load(6, recorder.call_once) as load, Load(1, recorder.look) as looking:
        wait_until(lambda: load.rounds > 50, "nothing is answered")
        trouble.run(SECONDS)
    assert load.errors == [] and looking.errors == [], (load.errors[:3], looking.errors[:3])

    for node in pair.nodes.nodes:
        pair.wait_health(node, "usable", 30)
    final = pair.wait_agreement(20)
    recorder.look()
    acknowledged = collections.Counter((call.call, call.outcome) for call in recorder.calls)
    print(dict(trouble.counts), dict(acknowledged))
    assert acknowledged["create", "ok"] > 100 and acknowledged["join", "ok"] > 50, acknowledged
    calls = list(with_lags(recorder.calls, trouble.outages, trouble.events, recorder.places))
    runs = set(recorder.places) | {call.run for call in calls if call.run}
    problems = problems_of(calls, trouble.events, recorder.places, final,
                           {run: born(run) for run in runs})
    for meeting in sorted({problem.split(":")[0] for problem in problems}):
        print(meeting, {run[-6:]: place for run, (of, place) in recorder.places.items()
                        if of == meeting})
        print(told(calls, trouble.events + trouble.outages_as_events(), meeting))
    assert problems == [], "\n".join(problems[:20])

    # No id is stuck: each can be had again, and is then in one place.
    for one, other in tenants:
        for number in range(8):
            wait_until(lambda: one.create(f"room-{number}").success, "no create", 5)
            created = one.create(f"room-{number}")
            assert created.success, created
            # Its circuit to a node that came back a moment ago may still be open.
            wait_until(lambda: other.create(f"room-{number}").success, "no create", 5)
            assert other.create(f"room-{number}")["internalMeetingID"] == \
                created["internalMeetingID"]
            assert len(pair.cluster.holders(one, f"room-{number}")) == 1
    assert len(pair.wait_agreement()) == 24
