"""g: processor time of an instance that does nothing but refresh 1,000 backends every 20 s.

The backends are bbbsim's, without meetings; the database is PostgreSQL. Windows of 20 s each, after
a warm-up of two intervals.
"""
import statistics
import time

from b3cluster import Simulator
from common import LOAD_PROCESSOR, ClusterError, pin
from items.postgres import Postgres
from items.rows import row
from items.stage import Stage, admin_of, cpu_seconds, progress, wait_eligible

BACKENDS = 1_000
INTERVAL = 20


def run(options):
    with Stage(options) as stage:
        nodes = Simulator(options.binaries / "bbbsim", stage.directory / "bbbsim.log", BACKENDS,
                          more=("--quiet",))
        stage.processes.append(nodes.process)
        pin(nodes.process.pid, LOAD_PROCESSOR)
        postgres = stage.postgres(Postgres())
        daemon = stage.b3scaled(postgres.fresh_database("idle"),
                                B3SCALE_REFRESH_INTERVAL=f"{INTERVAL}s")
        admin = admin_of(daemon)
        for node in nodes.nodes.values():
            admin.add_backend(node)
        wait_eligible(admin, BACKENDS, 3 * INTERVAL)
        time.sleep(2 * INTERVAL)
        polls = nodes.calls("node1", "getMeetings")
        shares = []
        for _ in range(options.runs):
            before, began = cpu_seconds(daemon.process.pid), time.monotonic()
            time.sleep(INTERVAL)
            shares.append((cpu_seconds(daemon.process.pid) - before) / (time.monotonic() - began))
            progress()
        if nodes.calls("node1", "getMeetings") - polls < options.runs - 1:
            raise ClusterError("the nodes were not polled every 20 s")
        share = statistics.median(shares) * 100
        return [row("g", "idle, 1,000 backends every 20 s", round(share, 1), "% of a core",
                    target="under 15 %", met=share < 15)]
