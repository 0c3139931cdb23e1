"""c: new creates per second on PostgreSQL, beside pgbench committing single rows.

Both use the same PostgreSQL (default durability) on the processor of the load, and both clients of
it - b3scaled, pgbench - have the other one. That favours pgbench: wrk and the simulated nodes take
their share of PostgreSQL's processor only in our runs. So one more run of pgbench from the
processor of the load is noted beside the table. Every run has a new database, and ours new nodes
and a new b3scaled. A create is two writes for b3scaled, the reservation and, after the answer, the
binding; a pgbench row is about as long as one of ours.

The rates suffer from whatever else the machine does; the processor time that b3scaled and
PostgreSQL spend per create, in the notes, suffers less.
"""
import os
import statistics
import subprocess

from b3cluster import Simulator, Tenant
from common import CONNECTIONS, LOAD_PROCESSOR, SERVER_PROCESSOR, ClusterError, load, pin
from items.postgres import Postgres, pgbench
from items.rows import row
from items.stage import Stage, admin_of, cpu_seconds, progress, wait_eligible

NODES = 20
MOST_PER_SECOND = 12_000  # more creates per second than can be; so many URLs are prepared
SCRIPT = "INSERT INTO single_rows (name, document) VALUES (:client_id, repeat('x', 1000));\n"
LUA = """
local lines = {}
for line in io.lines("%s") do
  lines[#lines + 1] = "GET " .. line .. " HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n"
end
local at = 0
function request()
  at = at + 1
  return lines[at]
end
"""


def write_urls(directory, tenant, count):
    urls = directory / "urls"
    with open(urls, "w", encoding="ascii") as file:
        for number in range(count):
            url = tenant.signed_url("create", meetingID=f"lecture-{number:07}", name="Lecture",
                                    attendeePW="ap", moderatorPW="mp")
            file.write(url[url.index("/bbb/"):] + "\n")
    script = directory / "creates.lua"
    script.write_text(LUA % urls)
    return script


def server_seconds(postgres):
    """Processor time of a PostgreSQL server with all its sessions, also those that have ended."""
    with open(postgres.directory / "data/postmaster.pid", encoding="ascii") as file:
        server = file.readline().strip()
    with open(f"/proc/{server}/stat", encoding="ascii") as file:
        ticks = file.read().rsplit(")", 1)[1].split()[11:15]
    seconds = sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
    children = subprocess.run(["pgrep", "-P", server], capture_output=True, text=True)
    for child in children.stdout.split():
        try:
            seconds += cpu_seconds(int(child))
        except OSError:
            pass  # it has ended
    return seconds


def our_run(stage, postgres, connections):
    database = postgres.fresh_database("creates")
    nodes = Simulator(stage.options.binaries / "bbbsim", stage.directory / "bbbsim.log", NODES,
                      more=("--quiet", "--never-joined", "0"))
    stage.processes.append(nodes.process)
    pin(nodes.process.pid, LOAD_PROCESSOR)
    daemon = stage.b3scaled(database)
    admin = admin_of(daemon)
    for node in nodes.nodes.values():
        admin.add_backend(node)
    admin.add_frontend("bench", "tenant-secret")
    wait_eligible(admin, NODES)
    seconds = stage.options.seconds
    tenant = Tenant(daemon.url, "bench", "tenant-secret")
    script = write_urls(stage.directory, tenant, MOST_PER_SECOND * (seconds + 1))
    before = cpu_seconds(daemon.process.pid), server_seconds(postgres)
    rate, p50, p99 = load(daemon.url, connections, seconds, "-s", script, "--timeout", "30s")
    after = cpu_seconds(daemon.process.pid), server_seconds(postgres)
    # HTTP 200 is also what a refusal has, so the rows are counted.
    bound = int(postgres.psql("SELECT count(*) FROM meetings WHERE phase = 'bound'", "creates"))
    if abs(bound - rate * seconds) > 2 * connections + 0.05 * bound:
        raise ClusterError(f"{rate * seconds:.0f} creates were answered and {bound} are bound")
    stage.stop(daemon.process)
    stage.stop(nodes.process)
    progress()
    return (rate, p50, p99, *(1e6 * (late - early) / bound for early, late in zip(before, after)))


def their_run(stage, postgres, connections, processor=SERVER_PROCESSOR):
    database = postgres.fresh_database("yardstick")
    postgres.psql("CREATE TABLE single_rows (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "
                  "name text NOT NULL, document text NOT NULL)", "yardstick")
    rate, times = pgbench(database, SCRIPT, stage.directory, clients=connections,
                          seconds=stage.options.seconds, processor=processor, log=True)
    progress()
    return rate, times[len(times) // 2], times[len(times) * 99 // 100]


def run(options):
    lines = []
    with Stage(options) as stage:
        postgres = stage.postgres(Postgres())
        for connections in CONNECTIONS:
            runs = ([], [])
            for _ in range(options.runs):
                runs[0].append(our_run(stage, postgres, connections))
                runs[1].append(their_run(stage, postgres, connections))
            ours, theirs = ([statistics.median(column) for column in zip(*results)]
                            for results in runs)
            beside = their_run(stage, postgres, connections, LOAD_PROCESSOR)[0]
            lines.append(row("c", f"new creates, {connections} connections", round(ours[0]), "/s",
                             yardstick=round(theirs[0]), against="/s pgbench", ratio_target=0.6,
                             p50_ms=ours[1], p99_ms=ours[2], their_p50_ms=theirs[1],
                             their_p99_ms=theirs[2],
                             note=f"pgbench on PostgreSQL's processor: {beside:,.0f}/s, ratio "
                                  f"{ours[0] / beside:.2f}; processor time per create: b3scaled "
                                  f"{ours[3]:.0f} us, PostgreSQL {ours[4]:.0f} us"))
    return lines
