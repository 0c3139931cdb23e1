"""d: getMeetings of a tenant with 1,000 meetings of ten people each, beside nginx sending a static
file of the same bytes."""
import statistics

from b3cluster import Tenant, fetch, wait_until
from common import CONNECTIONS, SERVER_PROCESSOR, load
from items import documents
from items.postgres import Postgres
from items.rows import row
from items.stage import Stage, admin_of, progress

MEETINGS = 1_000


def start(stage):
    """(URL, body): one node lists the meetings, and b3scaled adopts them."""
    postgres = stage.postgres(Postgres())
    meetings = [documents.Meeting(seed, "bench") for seed in range(MEETINGS)]
    node_file = stage.directory / "getMeetings"
    node_file.write_text(documents.listing(each.document for each in meetings))
    node = stage.nginx(f"location = /bigbluebutton/api/getMeetings {{ alias {node_file}; }}")
    daemon = stage.b3scaled(postgres.fresh_database("listing"), B3SCALE_REFRESH_INTERVAL="10m")
    admin = admin_of(daemon)
    admin.add_frontend("bench", "tenant-secret")
    admin.add_backend({"url": node + "/bigbluebutton/api/", "secret": "node-secret"})
    url = Tenant(daemon.url, "bench", "tenant-secret").signed_url("getMeetings")

    def complete():
        body = fetch(url, seconds=60).body
        return body.count(b"<meeting>") == MEETINGS and b"bench~" not in body and body

    return url, wait_until(complete, "getMeetings does not list all meetings", 60, 0.2)


def run(options):
    lines = []
    with Stage(options) as stage:
        url, body = start(stage)
        answer = stage.directory / "answer"
        answer.write_bytes(body)
        static = stage.nginx(f"location = /answer {{ alias {answer}; }}", SERVER_PROCESSOR)
        megabytes = len(body) / 1e6
        for connections in CONNECTIONS:
            runs = ([], [])
            for _ in range(options.runs):
                for target, results in zip((url, static + "/answer"), runs):
                    results.append(load(target, connections, options.seconds, "--timeout", "60s"))
                    progress()
            ours, theirs = ([statistics.median(column) for column in zip(*results)]
                            for results in runs)
            lines.append(row("d", f"getMeetings of 1,000, {connections} connections",
                             round(ours[0], 1), "/s", yardstick=round(theirs[0], 1),
                             against="/s nginx static file", p50_ms=ours[1], p99_ms=ours[2],
                             their_p50_ms=theirs[1], their_p99_ms=theirs[2],
                             note=f"{megabytes:.2f} MB per answer, {ours[0] * megabytes:,.0f} MB/s"
                                  f", nginx {theirs[0] * megabytes:,.0f} MB/s"))
    return lines
