"""Several b3scaled on one database, each of which can be killed, stopped and started again."""
import pathlib
import signal
import threading
import time

from b3cluster import ClusterError, Daemon, Tenant, wait_until

# So that nothing takes longer than a test wants to wait.
IMPATIENT = {
    "B3SCALE_NODE_GIVE_UP_AFTER": "2s",
    "B3SCALE_NODE_GIVE_UP_FAILURES": "3",
    "B3SCALE_RESERVATION_TIMEOUT": "6s",
}


class Instances:
    """Adds instances to a Cluster, whose first daemon is instance 0."""

    def __init__(self, cluster, count=2, settings=None, urls=None):
        """`urls`: the database as each instance reaches it; default: as the cluster does."""
        self.cluster = cluster
        self.nodes = cluster.nodes
        cluster.settings.pop("B3SCALE_LISTEN_HTTP", None)
        self._settings = [{**cluster.settings, **(settings or {})} for _ in range(count)]
        for each, url in zip(self._settings, urls or []):
            each["B3SCALE_DB_URL"] = url
        self.daemons = [cluster.daemon] + [None] * (count - 1)
        for number in range(1, count):
            self.start(number)

    def __len__(self):
        return len(self.daemons)

    def __getitem__(self, number):
        return self.daemons[number]

    def start(self, number, **settings):
        """Starts instance `number` where it was before."""
        wanted = {**self._settings[number], **settings}
        if self.daemons[number]:
            wanted["B3SCALE_LISTEN_HTTP"] = self.daemons[number].address
        directory = pathlib.Path(self.cluster.binaries)
        daemon = Daemon(directory / "b3scaled", self.cluster._log(f"instance{number}"), wanted)
        self.daemons[number] = daemon
        self.cluster.daemons.append(daemon)
        if number == 0:
            self.cluster.daemon, self.cluster.admin = daemon, daemon.admin()
        return daemon

    def kill(self, number):
        self.cluster.killed.append(self.daemons[number])
        self.daemons[number].process.kill()

    def wait_killed(self, number, seconds=15):
        """Until it has died by itself, by SIGKILL, at a fault point."""
        process = self.daemons[number].process
        wait_until(lambda: not process.running, f"instance {number} lives on", seconds)
        assert process.wait() == -signal.SIGKILL
        self.cluster.killed.append(self.daemons[number])

    def stop(self, number):
        assert self.daemons[number].process.stop() == 0

    def tenants(self, key="math", **more):
        """One tenant, at each instance."""
        made = self.daemons[0].admin().add_frontend(key, **more)
        for daemon in self.daemons[1:]:
            wait_until(lambda: any(frontend["bbb"]["key"] == key
                                   for frontend in daemon.admin().get("/frontends")),
                       "an instance did not hear of the tenant", 5)
        return tuple(Tenant(daemon.url, key, made["bbb"]["secret"]) for daemon in self.daemons)

    # -- looking --------------------------------------------------------------------------------

    def admin(self, number=0):
        """The REST API, with a token that is valid whatever time it is there."""
        day = 24 * 3600
        return self.daemons[number].admin(iat=int(time.time()) - day, exp=int(time.time()) + day)

    def backends(self, number=0):
        """node name -> backend, as instance `number` shows it"""
        return {self.nodes.name_of(backend["bbb"]["host"]): backend
                for backend in self.admin(number).get("/backends")}

    def node_of(self, tenant, meeting_id):
        """Where it is, also when another instance than the first has just made it."""
        wait_until(lambda: self.cluster.meeting(tenant, meeting_id), f"{meeting_id} not seen", 5)
        return self.cluster.node_of(tenant, meeting_id)

    def health(self, node, number=0):
        return self.backends(number)[node]["health"]["state"]

    def wait_health(self, node, state, seconds=15):
        for number, daemon in enumerate(self.daemons):
            if daemon.process.running:
                wait_until(lambda: self.health(node, number) == state,
                           f"{node} did not become {state}", seconds, 0.05)

    def polls(self):
        return {name: self.nodes.calls(name, "getMeetings") for name in self.nodes.nodes}

    def wait_polled(self, seconds=10.0):
        """Until every node was polled twice more. How long that took."""
        before, start = self.polls(), time.monotonic()
        wait_until(lambda: all(count >= before[name] + 2 for name, count in self.polls().items()),
                   "not every node is polled", seconds, 0.05)
        return time.monotonic() - start

    def wait_agreement(self, seconds=15.0):
        """Until all instances show exactly the meetings that the nodes have, where they are."""
        state = {}

        def agreed():
            on_nodes = {}
            for name in self.nodes.nodes:
                for meeting_id, meeting in self.nodes.meetings(name).items():
                    on_nodes.setdefault(meeting_id, []).append((name, meeting["internal_id"]))
            views = [{meeting["id"]: [(self.nodes.name_of(meeting["backend_host"]),
                                       meeting["internal_id"])]
                      for meeting in daemon.admin().get("/meetings")} for daemon in self.daemons]
            state.update(nodes=on_nodes, views=views)
            return all(view == on_nodes for view in views)

        try:
            wait_until(agreed, "", seconds, 0.1)
        except ClusterError:
            differ = [(key, state["nodes"].get(key), [view.get(key) for view in state["views"]])
                      for key in sorted(set(state["nodes"]).union(*state["views"]))
                      if any(view.get(key) != state["nodes"].get(key) for view in state["views"])]
            raise AssertionError(f"after {seconds} s nodes and instances disagree "
                                 f"(id, nodes, instances): {differ[:5]} of {len(differ)}")
        return state["nodes"]


class Load:
    """Calls `work(number, round)` from `threads` threads until stopped; keeps what it raised."""

    def __init__(self, threads, work):
        self.errors = []
        self.rounds = 0
        self._stopped = threading.Event()
        self._work = work
        self._threads = [threading.Thread(target=self._run, args=(i,)) for i in range(threads)]
        for thread in self._threads:
            thread.start()

    def _run(self, number):
        turn = 0
        while not self._stopped.is_set():
            try:
                self._work(number, turn)
            except Exception as error:  # judged by the test
                self.errors.append(error)
            turn += 1
            self.rounds += 1

    def stop(self):
        self._stopped.set()
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive(), "a call never came back"

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.stop()
