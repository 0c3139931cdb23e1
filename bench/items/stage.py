"""What the items c to g start: b3scaled on its processor, everything else on the other one."""
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse

from b3cluster import AdminApi, Daemon, access_token, fetch, wait_until
from common import LOAD_PROCESSOR, SERVER_PROCESSOR, ClusterError, free_port, pin, start_nginx
from items import documents

SECRET = "benchmark-secret-of-the-rest-api"


def progress(text="."):
    print(text, end="", file=sys.stderr, flush=True)


class Stage:
    """A directory and processes, gone when the `with` block ends."""

    def __init__(self, options):
        self.options = options
        self.processes = []
        self.servers = []  # PostgreSQL
        self._starts = 0

    def __enter__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="b3bench-"))
        return self

    def __exit__(self, kind, error, trace):
        if kind is not None:
            for process in self.processes:
                print(process.tail(), file=sys.stderr)
        for process in reversed(self.processes):
            self.stop(process, 20)
        for server in self.servers:
            server.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def stop(self, process, seconds=30):
        """However long it likes to take: how it ends is not measured here."""
        process.signal(15)
        try:
            process.wait(seconds)
        except ClusterError:
            process.kill()
        if process in self.processes:
            self.processes.remove(process)

    def postgres(self, server):
        self.servers.append(server)
        return server

    def b3scaled(self, db_url, **settings):
        self._starts += 1
        daemon = Daemon("taskset", self.directory / f"b3scaled-{self._starts}.log", {
            "B3SCALE_DB_URL": db_url, "B3SCALE_API_JWT_SECRET": SECRET, **settings},
            ("-c", str(SERVER_PROCESSOR), str(self.options.binaries / "b3scaled")))
        self.processes.append(daemon.process)
        return daemon

    def nginx(self, locations, processor=LOAD_PROCESSOR, log="off"):
        """nginx with files; `locations` are those of its one server. The log has a line for each
        answer: when it was complete, how long it took (both in seconds), and for what."""
        port = free_port()
        process = start_nginx(self.directory, port, f"""
            log_format arrivals '$msec $request_time $uri';
            sendfile on; tcp_nopush on; default_type text/xml;
            server {{ listen 127.0.0.1:{port} backlog=4096;
            access_log {log}{'' if log == 'off' else ' arrivals'}; {locations} }}""",
                              self.processes)
        pin(process.pid, processor)
        children = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True)
        for worker in children.stdout.split():
            pin(int(worker), processor)
        return f"http://127.0.0.1:{port}"


def admin_of(daemon):
    return AdminApi(daemon.url, access_token(SECRET))


def wait_eligible(admin, count, seconds=60):
    wait_until(lambda: sum(each["eligible"] for each in admin.get("/backends")) == count,
               f"{count} backends did not become ready", seconds, 0.2)


def load_meetings(postgres, database, path, meetings, backend_ids, frontend_ids):
    """Puts rows for `meetings` (an iterable of Meeting, backend index, frontend index) into the
    table; returns {backend index: [document, ...]}."""
    listed = {}
    with open(path, "w", encoding="utf-8") as rows:
        for epoch, (meeting, backend, frontend) in enumerate(meetings, 1):
            rows.write(documents.copy_line(meeting, epoch, frontend_ids[frontend],
                                           backend_ids[backend]))
            listed.setdefault(backend, []).append(meeting.document)
    path.chmod(0o644)
    postgres.copy("meetings", documents.COLUMNS, path, database)
    path.unlink()
    postgres.psql("VACUUM ANALYZE meetings", database)
    postgres.psql("CHECKPOINT", database)
    return listed


def cpu_seconds(pid):
    """User and system time of a process with all its threads, to the nanosecond: the ticks in
    /proc/PID/stat miss most of what runs for less than one. See clock_getcpuclockid(3)."""
    return time.clock_gettime(~pid << 3 | 2)


def resident_bytes(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise ClusterError("no VmRSS")


def first_answer(url, address, status, seconds=60):
    """Asks until this status comes; for a server that is only starting."""
    target = urllib.parse.urlsplit(url)._replace(netloc=address).geturl()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if fetch(target, seconds=seconds).status == status:
                return time.monotonic()
        except OSError:
            pass
        time.sleep(0.002)
    raise ClusterError(f"no {status} from {address} within {seconds} s")
