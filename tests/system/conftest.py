"""Fixtures of the system tests: real programs, real sockets, throw-away databases."""
import os
import pathlib
import re
import secrets
import signal
import subprocess
import sys
import threading
import urllib.parse

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from b3cluster import Daemon, Simulator, Tenant, wait_until  # noqa: E402

JWT_SECRET = "a-secret-for-the-rest-api-in-tests"
QUICK = {
    "B3SCALE_API_JWT_SECRET": JWT_SECRET,
    "B3SCALE_REFRESH_INTERVAL": "200ms",
    "B3SCALE_REFRESH_TIMEOUT": "2s",
    "B3SCALE_NODE_CONNECT_TIMEOUT": "1s",
    "B3SCALE_NODE_RESPONSE_TIMEOUT": "2s",
    "B3SCALE_RESERVATION_TIMEOUT": "60s",
    "B3SCALE_SHUTDOWN_TIMEOUT": "5s",
}
SANITIZER = re.compile(r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:")


def scoped(tenant, meeting_id):
    """The id a tenant's meeting has on the nodes (docs/decisions/0002-meeting-id-scope.md)."""
    return f"{tenant.key}~{meeting_id}"


def in_parallel(count, work):
    """Runs work(i) for i in range(count), all started at once; their results in order."""
    results = [None] * count
    barrier = threading.Barrier(count)

    def run(i):
        barrier.wait()
        try:
            results[i] = work(i)
        except Exception as error:  # handed to the caller, who asserts on it
            results[i] = error

    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "a call never came back"
    for result in results:
        if isinstance(result, Exception):
            raise result
    return results


class Cluster:
    """bbbsim, b3scaled and their registrations."""

    def __init__(self, binaries, directory, nodes=3, database_url=None, settings=None,
                 register=True, backend_settings=None):
        self.binaries = binaries
        self.directory = directory
        self.database_url = database_url or f"sqlite:///{directory}/b3scale.db"
        self.settings = {**QUICK, "B3SCALE_DB_URL": self.database_url, **(settings or {})}
        self.logs = []
        self.daemons = []
        self.killed = []
        self.nodes = Simulator(binaries / "bbbsim", self._log("bbbsim"), nodes)
        self.daemon = None
        self.start_daemon()
        if register:
            for name, node in self.nodes.nodes.items():
                self.admin.add_backend(node, (backend_settings or {}).get(name))
            self.wait_eligible()

    def _log(self, name):
        path = self.directory / f"{name}-{len(self.logs)}.log"
        self.logs.append(path)
        return path

    # -- the daemon -----------------------------------------------------------------------------

    def start_daemon(self, **settings):
        if self.daemon:  # the same address, as after a restart of the service
            self.settings["B3SCALE_LISTEN_HTTP"] = self.daemon.address
        self.daemon = Daemon(self.binaries / "b3scaled", self._log("b3scaled"),
                             {**self.settings, **settings})
        self.daemons.append(self.daemon)
        self.admin = self.daemon.admin()

    def restart_daemon(self, kill=False, **settings):
        if kill:
            self.killed.append(self.daemon)
            self.daemon.process.kill()
        else:
            assert self.daemon.process.stop() == 0
        self.start_daemon(**settings)

    # -- registrations --------------------------------------------------------------------------

    def tenant(self, key="math", settings=None, algorithm="sha256", **more):
        made = self.admin.add_frontend(key, settings=settings, **more)
        return Tenant(self.daemon.url, key, made["bbb"]["secret"], algorithm)

    def backends(self):
        """node name -> backend, as the REST API shows it"""
        return {self.nodes.name_of(backend["bbb"]["host"]): backend
                for backend in self.admin.get("/backends")}

    def wait_eligible(self, *names, eligible=True):
        wanted = set(names or self.nodes.nodes)
        return wait_until(
            lambda: wanted <= {name for name, backend in self.backends().items()
                               if backend["eligible"] == eligible},
            f"not all of {sorted(wanted)} became {'' if eligible else 'in'}eligible", 15)

    # -- looking --------------------------------------------------------------------------------

    def meetings(self):
        """scoped id -> meeting, as the REST API shows it"""
        return {meeting["id"]: meeting for meeting in self.admin.get("/meetings")}

    def meeting(self, tenant, meeting_id):
        return self.meetings().get(scoped(tenant, meeting_id))

    def node_of(self, tenant, meeting_id):
        """The name of the node b3scale has placed this meeting on."""
        return self.nodes.name_of(self.meeting(tenant, meeting_id)["backend_host"])

    def holders(self, tenant, meeting_id):
        return self.nodes.holders(scoped(tenant, meeting_id))

    def asked(self, call="create"):
        """Names of the nodes that were asked for this call so far."""
        return [name for name in self.nodes.nodes if self.nodes.calls(name, call)]

    def wait_refreshed(self, *names, rounds=2, seconds=15):
        """Until each of these nodes (default: all) was polled `rounds` more times."""
        names = names or tuple(self.nodes.nodes)
        before = {name: self.nodes.calls(name, "getMeetings") for name in names}
        wait_until(lambda: all(self.nodes.calls(name, "getMeetings") >= before[name] + rounds
                               for name in names), f"{names} were not polled", seconds)

    # -- ending ---------------------------------------------------------------------------------

    def processes(self):
        return [daemon.process for daemon in self.daemons] + [self.nodes.process]

    def close(self):
        """Everything ends with 0 on SIGTERM, and no sanitizer had anything to say."""
        problems = []
        killed = [daemon.process for daemon in self.killed]
        for process in self.processes():
            if process not in killed:
                process.signal(signal.SIGTERM)
        for process in self.processes():
            if process not in killed:
                code = process.wait(15)
                if code != 0:
                    problems.append(f"{process.name} ended with exit code {code}")
            said = [line for line in process.lines if SANITIZER.search(line)]
            if said:
                problems.append(f"{process.name}: {said[0]}\n{process.tail(60)}")
        assert not problems, "\n".join(problems)


def freeze_refresh(cluster):
    """Restarts b3scaled so that it polls once and then believes what it saw."""
    before = {name: cluster.nodes.calls(name, "getMeetings") for name in cluster.nodes.nodes}
    cluster.restart_daemon(B3SCALE_REFRESH_INTERVAL="10m")
    wait_until(lambda: all(cluster.nodes.calls(name, "getMeetings") > count
                           for name, count in before.items()), "no poll after the start")
    cluster.wait_eligible()


# -- fixtures -------------------------------------------------------------------------------------

@pytest.fixture(scope="session")
def binaries():
    directory = pathlib.Path(os.environ.get("B3SCALE_BIN", ROOT / "build/dev/bin")).absolute()
    for program in ("b3scaled", "b3scalectl", "bbbsim"):
        assert (directory / program).exists(), f"{directory}/{program} is missing; build it first"
    return directory


def start_clusters(request, binaries, tmp_path_factory):
    made = []

    def start(**options):
        directory = tmp_path_factory.mktemp("cluster")
        made.append(Cluster(binaries, directory, **options))
        request.node.b3_clusters = made
        return made[-1]

    yield start
    problems = []
    for cluster in made:
        try:
            cluster.close()
        except Exception as error:
            problems.append(str(error))
    assert not problems, "\n".join(problems)


@pytest.fixture
def start_cluster(request, binaries, tmp_path_factory):
    """Starts a Cluster with the given options; it is checked and stopped after the test."""
    yield from start_clusters(request, binaries, tmp_path_factory)


@pytest.fixture
def cluster(start_cluster):
    """Three nodes, all ready, one b3scaled on SQLite, quick timeouts."""
    return start_cluster()


@pytest.fixture(scope="module")
def shared_cluster(request, binaries, tmp_path_factory):
    """One cluster for a file of tests that leave nothing behind."""
    starting = start_clusters(request, binaries, tmp_path_factory)
    yield next(starting)()
    next(starting, None)


@pytest.fixture
def postgres_url():
    """A fresh PostgreSQL database, dropped after the test."""
    server = os.environ.get("B3SCALE_TEST_POSTGRES_URL")
    if not server:
        assert os.environ.get("B3SCALE_TEST_REQUIRE_POSTGRES") != "1", \
            "B3SCALE_TEST_POSTGRES_URL is not set"
        pytest.skip("B3SCALE_TEST_POSTGRES_URL is not set (see scripts/with-postgres)")
    name = "b3_" + secrets.token_hex(6)
    run_sql(server, f"CREATE DATABASE {name}")
    yield urllib.parse.urlsplit(server)._replace(path="/" + name).geturl()
    run_sql(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request):
    """None (a SQLite file of the cluster's own), then a PostgreSQL database."""
    return None if request.param == "sqlite" else request.getfixturevalue("postgres_url")


def run_sql(url, statement):
    done = subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", statement],
                          capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """What the programs said is shown with a test that fails."""
    report = (yield).get_result()
    if not report.failed:
        return
    clusters = list(getattr(item, "b3_clusters", []))
    clusters += getattr(item.parent, "b3_clusters", [])
    for cluster in clusters:
        for process in cluster.processes():
            report.sections.append((f"{process.name} ({process.log_path})", process.tail(40)))
