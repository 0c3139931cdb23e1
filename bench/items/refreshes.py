"""e: refresh of a node with 200 meetings: how many statements, and how long from the poll's arrival
at the node to the commit.

The node is nginx with two listings of the same 200 meetings that differ in every meeting; they take
turns. PostgreSQL logs every statement with its session (log_min_duration_statement = 0); those of
one transaction, BEGIN and COMMIT among them, are counted together. Transactions of the refresh are
those that touch the tables backends, meetings and tombstones and do not read the change feed;
everything between two polls' arrivals belongs to the first one.
"""
import collections
import os
import re
import statistics
import time

from b3cluster import Tenant, fetch, wait_until
from items import documents
from items.postgres import Postgres
from items.rows import row
from items.stage import Stage, admin_of, progress

MEETINGS = 200
POLLS = 12
MOST_STATEMENTS = 8

Statement = collections.namedtuple("Statement", "at session text")
Transaction = collections.namedtuple("Transaction", "end statements")

LINE = re.compile(r"^(\d+\.\d+) (\d+) LOG:  duration: [\d.]+ ms  "
                  r"(?:statement|execute [^:]*): (.*)$")


def statements_of(log):
    """All statements in the order in which they ended."""
    found = []
    for line in log.splitlines():
        if match := LINE.match(line):
            found.append(Statement(float(match[1]), match[2], match[3]))
        elif line.startswith("\t") and found:
            found[-1] = found[-1]._replace(text=found[-1].text + " " + line.strip())
    return found


def transactions_of(statements):
    running, finished = {}, []
    for each in statements:
        inside = running.setdefault(each.session, [])
        inside.append(each.text)
        word = each.text.split()[0].upper().rstrip(";")
        if word in ("COMMIT", "ROLLBACK", "END") or (len(inside) == 1 and word != "BEGIN"):
            finished.append(Transaction(each.at, running.pop(each.session)))
    return finished


def is_refresh(transaction):
    text = " ".join(transaction.statements)
    if re.search(r"\b(changes|instances|leases)\b", text):
        return False
    return re.search(r"\b(backends|meetings|tombstones)\b", text) is not None


def swap(target, content):
    draft = target.with_suffix(".new")
    draft.write_text(content)
    os.replace(draft, target)


def arrivals_of(log):
    """When each poll reached the node, seconds since 1970."""
    times = []
    for line in log.read_text().splitlines():
        ended, took, _ = line.split()
        times.append(float(ended) - float(took))
    return times


def watch(log, node_file, listings, polls):
    """Lets so many polls pass, each of which finds the next one of `listings`."""
    seen = len(arrivals_of(log))
    for number in range(polls):
        swap(node_file, listings[number % len(listings)])
        wait_until(lambda: len(arrivals_of(log)) > seen, "no poll came", 30, 0.005)
        seen = len(arrivals_of(log))
    time.sleep(0.5)  # the last one's commit; what comes later is not counted


def per_refresh(arrivals, transactions):
    """[(statements, milliseconds), ...] for each arrival but the last, whose end is not known."""
    results = []
    for begin, end in zip(arrivals, arrivals[1:]):
        mine = [each for each in transactions if begin - 0.002 <= each.end < end - 0.002]
        if mine:
            results.append((sum(len(each.statements) for each in mine),
                            (max(each.end for each in mine) - begin) * 1000))
        else:
            results.append((0, None))
    return results


def phase(stage, postgres, node_file, listings):
    """What the refreshes of one phase took, and the text of one refresh's statements."""
    access_log = stage.directory / "polls"
    before = len(arrivals_of(access_log))
    began = postgres.log.stat().st_size
    watch(access_log, node_file, listings, POLLS)
    with open(postgres.log, encoding="utf-8", errors="replace") as log:
        log.seek(began)
        transactions = [each for each in transactions_of(statements_of(log.read()))
                        if is_refresh(each)]
    arrivals = arrivals_of(access_log)[before:]
    progress()
    return per_refresh(arrivals, transactions), transactions


def start(stage):
    postgres = stage.postgres(Postgres({
        "log_min_duration_statement": 0, "log_line_prefix": "'%n %p '",
        "log_parameter_max_length": 0, "log_checkpoints": "off"}))
    meetings = [documents.Meeting(seed, "bench") for seed in range(MEETINGS)]
    listings = [documents.listing(each.document for each in meetings)]
    listings.append(listings[0].replace("<hasVideo>false", "<hasVideo>true"))
    node_file = stage.directory / "getMeetings"
    swap(node_file, listings[0])
    (stage.directory / "polls").touch()
    node = stage.nginx(f"location = /bigbluebutton/api/getMeetings {{ alias {node_file}; }}",
                       log=stage.directory / "polls")
    daemon = stage.b3scaled(postgres.fresh_database("refreshes"), B3SCALE_REFRESH_INTERVAL="1s")
    admin = admin_of(daemon)
    admin.add_frontend("bench", "tenant-secret")
    admin.add_backend({"url": node + "/bigbluebutton/api/", "secret": "node-secret"})
    url = Tenant(daemon.url, "bench", "tenant-secret").signed_url("getMeetings")
    wait_until(lambda: fetch(url, seconds=60).body.count(b"<meeting>") == MEETINGS,
               "getMeetings does not list all meetings", 60, 0.2)
    return postgres, node_file, listings


def describe(what, results, target):
    counts = [count for count, _ in results]
    took = sorted(time_ for _, time_ in results if time_ is not None)
    p50, p99 = (took[len(took) // 2], took[-1]) if took else (None, None)
    return row("e", what, statistics.median(counts), "statements", p50_ms=p50, p99_ms=p99,
               target=f"at most {target}" if target else "",
               met=statistics.median(counts) <= target if target else None)


def run(options):
    with Stage(options) as stage:
        postgres, node_file, listings = start(stage)
        changed, transactions = phase(stage, postgres, node_file, [listings[1], listings[0]])
        quiet, _ = phase(stage, postgres, node_file, [listings[1]])
        lines = [describe("refresh, all of 200 meetings changed", changed, MOST_STATEMENTS),
                 describe("refresh, nothing changed", quiet[1:], None)]
        longest = max((each.statements for each in transactions), key=len, default=[])
        lines[0]["note"] = "; ".join(text[:28] for text in longest)
        return lines
