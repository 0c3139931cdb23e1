"""What the benchmarks share: the servers that are compared, pinned to processor 0, and wrk, pinned
to processor 1 with everything else. Our server and the yardstick take turns, so that what else the
machine is doing hits both.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

from b3cluster import (AdminApi, ClusterError, Daemon, Process, Simulator,  # noqa: E402
                       Tenant, access_token, signed_query, wait_until)

Process.look_every = 0.05  # b3scaled has a line for each create
CONNECTIONS = (64, 512)
SERVER_PROCESSOR = 0
LOAD_PROCESSOR = 1


def raw_answer(url):
    """The head and the body of one HTTP/1.1 keep-alive response."""
    parts = urllib.parse.urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=5) as connection:
        target = parts.path + ("?" + parts.query if parts.query else "")
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
        received = b""
        while b"\r\n\r\n" not in received:
            received += connection.recv(65536)
        head, _, body = received.partition(b"\r\n\r\n")
        length = int(re.search(rb"(?i)content-length: *(\d+)", head).group(1))
        while len(body) < length:
            body += connection.recv(65536)
        return head, body


def pin(pid, processor):
    """A running process with all its threads."""
    for task in os.listdir(f"/proc/{pid}/task"):
        os.sched_setaffinity(int(task), {processor})


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Cluster:
    """One simulated node and b3scaled on SQLite, with one tenant."""

    def __init__(self, options, directory, processes):
        self.nodes = Simulator(options.binaries / "bbbsim", directory / "bbbsim.log", 1)
        processes.append(self.nodes.process)
        pin(self.nodes.process.pid, LOAD_PROCESSOR)
        secret = "benchmark-secret-of-the-rest-api"
        self.daemon = Daemon(options.binaries / "b3scaled", directory / "b3scaled.log", {
            "B3SCALE_DB_URL": f"sqlite:///{directory}/b3scale.db",
            "B3SCALE_API_JWT_SECRET": secret})
        processes.append(self.daemon.process)
        pin(self.daemon.process.pid, SERVER_PROCESSOR)
        admin = AdminApi(self.daemon.url, access_token(secret))
        [self.node] = self.nodes.nodes.values()
        admin.add_backend(self.node)
        admin.add_frontend("bench", "tenant-secret")
        self.tenant = Tenant(self.daemon.url, "bench", "tenant-secret")
        wait_until(lambda: admin.get("/backends")[0]["eligible"],
                   "the node did not become ready", 20)

    def create(self, meeting_id, **parameters):
        created = self.tenant.create(meeting_id, **parameters)
        if not created.success:
            raise ClusterError(f"create: {created}")


def start_nginx(directory, port, content, processes):
    """nginx with one worker; `content` goes into its http block."""
    config = directory / f"nginx-{port}.conf"
    config.write_text(f"""
daemon off; worker_processes 1; pid {directory}/nginx-{port}.pid;
error_log {directory}/nginx-{port}.err;
{'user root;' if os.geteuid() == 0 else ''}
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 75s;
  client_body_temp_path {directory}/t1; proxy_temp_path {directory}/t2;
  fastcgi_temp_path {directory}/t3; uwsgi_temp_path {directory}/t4; scgi_temp_path {directory}/t5;
  {content}
}}
""")
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    process = Process("nginx", ["taskset", "-c", SERVER_PROCESSOR, program, "-c", config],
                      directory / f"nginx-{port}.log")
    processes.append(process)

    def listening():
        if not process.running:
            raise ClusterError("nginx did not start\n" + process.tail())
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_until(listening, "nginx does not listen")
    return process


def milliseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60_000}[unit]


def load(url, connections, seconds, *more):
    """(requests per second, median and 99th percentile of the latency in ms). `more`: for wrk."""
    done = subprocess.run(["taskset", "-c", str(LOAD_PROCESSOR), "wrk", "-t1", f"-c{connections}",
                           f"-d{seconds}s", "--latency", *more, url],
                          capture_output=True, text=True, timeout=seconds + 30)
    rate = re.search(r"Requests/sec:\s*([\d.]+)", done.stdout)
    if done.returncode != 0 or not rate:
        raise ClusterError(f"wrk: {done.stdout}{done.stderr}")
    errors = re.search(r"(Non-2xx or 3xx responses|Socket errors):.*", done.stdout)
    if errors:
        raise ClusterError(f"wrk against {urllib.parse.urlsplit(url).netloc}: {errors.group(0)}")
    p50, p99 = (milliseconds(re.search(rf"(?m)^ +{share}% +(\S+) *$", done.stdout).group(1))
                for share in (50, 99))
    return float(rate.group(1)), p50, p99


def measure(urls, options):
    """Rows of medians. `urls` is (ours, theirs); the two take turns."""
    rows = []
    for url in urls:
        load(url, 64, 1)  # warm up
    for connections in CONNECTIONS:
        runs = ([], [])
        for _ in range(options.runs):
            for url, results in zip(urls, runs):
                results.append(load(url, connections, options.seconds))
                print(".", end="", file=sys.stderr, flush=True)
        (ours, our_p50, our_p99), (theirs, their_p50, their_p99) = (
            [statistics.median(column) for column in zip(*results)] for results in runs)
        rows.append({"connections": connections, "ours": round(ours), "theirs": round(theirs),
                     "ratio": round(ours / theirs, 3), "p50_ms": our_p50, "p99_ms": our_p99,
                     "their_p50_ms": their_p50, "their_p99_ms": their_p99})
    print(file=sys.stderr)
    return rows


def print_table(rows):
    print(f"{'connections':>11}  {'b3scaled req/s':>14}  {'nginx req/s':>11}  {'ratio':>5}  "
          f"{'p50 ms':>7}  {'nginx':>7}  {'p99 ms':>7}  {'nginx':>7}")
    for row in rows:
        print(f"{row['connections']:>11}  {row['ours']:>14,}  {row['theirs']:>11,}  "
              f"{row['ratio']:>5.2f}  {row['p50_ms']:>7.2f}  {row['their_p50_ms']:>7.2f}  "
              f"{row['p99_ms']:>7.2f}  {row['their_p99_ms']:>7.2f}")


def options_of(name, description):
    parser = argparse.ArgumentParser(prog=name, description=description,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binaries", default=ROOT / "build/release/bin", type=pathlib.Path)
    parser.add_argument("--seconds", default=5, type=int, help="length of one run (default 5)")
    parser.add_argument("--runs", default=3, type=int, help="runs for each figure (default 3)")
    parser.add_argument("--json", action="store_true", help="print one JSON object, no table")
    options = parser.parse_args()
    for program in ("wrk", "nginx", "taskset"):
        if not shutil.which(program):
            parser.exit(1, f"{name}: {program} is missing: apt-get install nginx wrk util-linux\n")
    if not {SERVER_PROCESSOR, LOAD_PROCESSOR} <= os.sched_getaffinity(0):
        parser.exit(1, f"{name}: this needs two processors\n")
    if not (options.binaries / "b3scaled").exists():
        parser.exit(1, f"{name}: no release build; start ./run --once first\n")
    return options


def compare(name, item, description, start):
    """A whole benchmark. start(options, directory, processes) starts the servers, appends them to
    `processes` and returns the two URLs and a line about the answers."""
    options = options_of(name, description)
    processes = []
    with tempfile.TemporaryDirectory(prefix="b3bench-") as directory:
        try:
            urls, remark = start(options, pathlib.Path(directory), processes)
            rows = measure(urls, options)
            if options.json:
                print(json.dumps({"item": item, "rows": rows}))
            else:
                print_table(rows)
                print(remark)
            return 0
        except ClusterError as error:
            print(f"{name}: {error}", file=sys.stderr)
            for process in processes:
                print(process.tail(), file=sys.stderr)
            return 1
        finally:
            for process in reversed(processes):
                process.signal(15)
                process.wait(20)
