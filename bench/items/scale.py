"""f: a view of 1,000 backends, 100,000 meetings and a million people.

The rows are written with SQL; the nodes are nginx with one listing each, equal to the rows, so that
polls change nothing. Starts b3scaled without and with the meetings: what is resident more, divided
by their number, is the memory of a meeting, right after the start and again when every node has
been polled once. Then pgbench changes 2,000 meetings per second for 20 s, ten in a transaction, as
other instances would. A small tenant's meeting is changed twice a second besides, to see how long
until its getMeetings shows it.
"""
import statistics
import threading
import time

from b3cluster import Tenant, fetch, wait_until
from common import LOAD_PROCESSOR, ClusterError, free_port
from items import documents
from items.postgres import Postgres, Session, pgbench
from items.rows import row
from items.stage import (Stage, admin_of, cpu_seconds, first_answer, load_meetings, progress,
                         resident_bytes)

BACKENDS = 1_000
MEETINGS = 100_000
TENANTS = 100  # and one more, with one meeting
FEED_SECONDS = 20
CHANGES_PER_SECOND = 2_000
PER_TRANSACTION = 10
CHANGE = f"""\\set block random(0, {MEETINGS // PER_TRANSACTION - 1})
\\set people random(5, 60)
UPDATE meetings SET participants = :people, document = replace(document, '<participantCount>'
  || participants || '<', '<participantCount>' || :people || '<')
FROM numbers WHERE numbers.number > :block * {PER_TRANSACTION}
  AND numbers.number <= (:block + 1) * {PER_TRANSACTION}
  AND meetings.scoped_id = numbers.scoped_id;
"""


class Scene:
    """A database with everything, and the nodes."""

    def __init__(self, stage):
        self.stage = stage
        self.postgres = stage.postgres(Postgres())
        self.listings = stage.directory / "nodes"
        self.listings.mkdir()
        nodes = stage.nginx("location ~ ^/(n[0-9]+)/bigbluebutton/api/getMeetings$ "
                            f"{{ alias {self.listings}/$1; }}", log=stage.directory / "polls")
        self.hosts = [f"{nodes}/n{number:04}/bigbluebutton/api/" for number in range(BACKENDS)]
        self.keys = [f"tenant{number:03}" for number in range(TENANTS)] + ["probe"]
        self.polls = stage.directory / "polls"

    def prepare(self, database, per_backend):
        """Backends, tenants and `per_backend` meetings of each backend."""
        url = self.postgres.fresh_database(database)
        for number in range(BACKENDS):
            (self.listings / f"n{number:04}").write_text(documents.listing([]))
        self.stage.stop(self.stage.b3scaled(url).process)  # makes the tables
        sql = self.postgres.psql
        sql("INSERT INTO frontends (id, key, secret, active, settings, created_at, updated_at) "
            f"SELECT 'f-' || key, key, 'tenant-secret', true, '{{}}', now(), now() FROM "
            f"unnest('{{{','.join(self.keys)}}}'::text[]) AS keys (key)", database)
        sql("INSERT INTO backends (id, host, secret, settings, load_factor, admin_state, "
            "node_state, last_error, latency_microseconds, meetings_count, attendees_count, "
            "synced_at, created_at, updated_at) SELECT 'b-' || number, host, 'node-secret', "
            f"'{{}}', 1, 'ready', 'ready', '', 1000, {per_backend}, "
            f"{per_backend * documents.PEOPLE}, now(), now(), now() FROM "
            f"unnest('{{{','.join(self.hosts)}}}'::text[]) WITH ORDINALITY AS hosts (host, number)",
            database)
        if per_backend > 0:
            self._add_meetings(database, per_backend)
        sql("CREATE TABLE numbers AS SELECT epoch AS number, scoped_id FROM meetings", database)
        sql("ALTER TABLE numbers ADD PRIMARY KEY (number)", database)
        sql("DELETE FROM changes WHERE sequence < (SELECT max(sequence) FROM changes)", database)
        return url

    def _add_meetings(self, database, per_backend):
        def all_meetings():
            count = per_backend * BACKENDS
            for number in range(count):
                tenant = TENANTS if number == count - 1 else number % TENANTS
                yield (documents.Meeting(number, self.keys[tenant]), number // per_backend, tenant)

        listed = load_meetings(self.postgres, database, self.stage.directory / "rows",
                               all_meetings(), [f"b-{number + 1}" for number in range(BACKENDS)],
                               ["f-" + key for key in self.keys])
        for number, texts in listed.items():
            (self.listings / f"n{number:04}").write_text(documents.listing(texts))

    def probe_url(self):
        return Tenant("http://localhost", "probe", "tenant-secret").signed_url("getMeetings")

    def poll_count(self):
        return self.polls.read_bytes().count(b"\n")

    def start(self, url):
        """(daemon, seconds until its first answer, resident bytes then, ... after all polls)"""
        port = free_port()
        polls = self.poll_count()
        began = time.monotonic()
        answered = []
        asker = threading.Thread(target=lambda: answered.append(
            first_answer(self.probe_url(), f"127.0.0.1:{port}", 200)))
        asker.start()
        daemon = self.stage.b3scaled(url, B3SCALE_REFRESH_INTERVAL="10m",
                                     B3SCALE_LISTEN_HTTP=f"127.0.0.1:{port}")
        asker.join(60)
        if not answered:
            raise ClusterError("no answer after the start")
        early = resident_bytes(daemon.process.pid)
        wait_until(lambda: self.poll_count() >= polls + BACKENDS, "not every node was polled", 120,
                   0.1)
        wait_until(lambda: self._idle(daemon.process.pid), "b3scaled does not become idle", 60, 0)
        progress()
        return daemon, answered[0] - began, early, resident_bytes(daemon.process.pid)

    @staticmethod
    def _idle(pid):
        before = cpu_seconds(pid)
        time.sleep(1)
        return cpu_seconds(pid) - before < 0.1


class Lag(threading.Thread):
    """How long until a committed change shows in an answer."""

    def __init__(self, scene, daemon, url):
        super().__init__()
        self.address = daemon.url
        self.url = scene.probe_url().replace("http://localhost", daemon.url)
        self.session = Session(url)
        self.milliseconds = []
        self.error = None
        self.going = True

    def run(self):
        try:
            people = 100
            while self.going:
                people += 1
                self._once(people)
                time.sleep(0.4)
        except (ClusterError, OSError) as error:
            self.error = error
        finally:
            self.session.close()

    def _once(self, people):
        self.session.run(
            f"UPDATE meetings SET participants = {people}, document = regexp_replace(document, "
            f"'<participantCount>[0-9]+', '<participantCount>{people}') "
            f"WHERE frontend_id = 'f-probe'")
        committed = time.monotonic()
        shown = f"<participantCount>{people}<".encode()
        wait_until(lambda: shown in fetch(self.url, seconds=30).body, "a change is not seen", 30,
                   0.005)
        self.milliseconds.append((time.monotonic() - committed) * 1000)

    def stop(self):
        self.going = False
        self.join(60)
        if self.error:
            raise self.error


def follow(stage, scene, daemon, url):
    """(CPU seconds per second, changes per second, lags in ms ordered)"""
    lag = Lag(scene, daemon, url)
    lag.start()
    before, began = cpu_seconds(daemon.process.pid), time.monotonic()
    rate, _ = pgbench(url, CHANGE, stage.directory, clients=4, seconds=FEED_SECONDS,
                      processor=LOAD_PROCESSOR, rate=CHANGES_PER_SECOND / PER_TRANSACTION)
    spent = (cpu_seconds(daemon.process.pid) - before) / (time.monotonic() - began)
    lag.stop()
    progress()
    return spent, rate * PER_TRANSACTION, sorted(lag.milliseconds)


def run(options):
    with Stage(options) as stage:
        scene = Scene(stage)
        bare = scene.prepare("bare", 0)
        daemon, _, base_early, base_late = scene.start(bare)
        stage.stop(daemon.process)
        loaded = scene.prepare("loaded", MEETINGS // BACKENDS)
        progress("#")
        starts = []
        for left in reversed(range(options.runs)):
            daemon, *figures = scene.start(loaded)
            starts.append(figures)
            if left > 0:
                stage.stop(daemon.process)
        count = int(scene.postgres.psql("SELECT count(*) FROM meetings", "loaded"))
        if count != MEETINGS:
            raise ClusterError(f"{count} meetings are left of {MEETINGS}")
        seconds, early, late = (statistics.median(column) for column in zip(*starts))
        spent, rate, lags = follow(stage, scene, daemon, loaded)
        return report(seconds, (early - base_early) / MEETINGS, (late - base_late) / MEETINGS,
                      spent, rate, lags)


def report(seconds, early, late, spent, rate, lags):
    return [
        row("f", "start-up to first answer, 100,000 meetings", round(seconds, 2), "s",
            target="under 1 s", met=seconds < 1),
        row("f", "resident memory per meeting, first answer", round(early), "bytes",
            target="under 1 KB", met=early < 1024),
        row("f", "resident memory per meeting, all polled", round(late), "bytes",
            target="under 1 KB", met=late < 1024),
        row("f", f"change feed, {rate:,.0f} changes/s", round(spent * 100, 1), "% of a core",
            p50_ms=lags[len(lags) // 2], p99_ms=lags[-1],
            note=f"{spent / rate * 1e6:.0f} us per change; p50/p99 is the time from a commit until "
                 f"an answer shows it (p99: the longest of {len(lags)})"),
    ]
