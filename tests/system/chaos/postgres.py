"""PostgreSQL servers (and a PgBouncer) that a test may stop, freeze, copy and promote.

Everything lives in a directory of its own under /tmp, listens on 127.0.0.1 only and ends with the
process that started it.
"""
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from b3cluster import ClusterError, wait_until

BINARIES = pathlib.Path(os.environ.get("B3SCALE_POSTGRES_BIN", "/usr/lib/postgresql/15/bin"))


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def server_user():
    """PostgreSQL and PgBouncer refuse to run as root; None: we are somebody else already."""
    if os.getuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def as_server(arguments):
    """The command line that runs `arguments` as the server's user, gone when we are."""
    user, who = server_user(), []
    if user:
        who = ["--reuid", user, "--regid", str(pwd.getpwnam(user).pw_gid), "--clear-groups"]
    return ["setpriv", *who, "--pdeathsig", "QUIT", *map(str, arguments)]


def run_quietly(arguments):
    done = subprocess.run(as_server(arguments), capture_output=True, text=True, timeout=60, cwd="/")
    if done.returncode != 0:
        raise ClusterError(f"{arguments[0]}: {done.stderr}{done.stdout}")


def make_directory():
    directory = pathlib.Path(tempfile.mkdtemp(prefix="b3-chaos-", dir="/tmp"))
    if server_user():
        os.chown(directory, pwd.getpwnam(server_user()).pw_uid, -1)
    directory.chmod(0o755)
    return directory


def query(url, sql):
    """The rows of a statement, as lists of texts."""
    done = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1",
                           "-d", url, "-c", sql], capture_output=True, text=True, timeout=30)
    if done.returncode != 0:
        raise ClusterError(f"{sql}: {done.stderr}")
    return [line.split("\t") for line in done.stdout.splitlines()]


class PostgresServer:
    """One throw-away server. It keeps its port when it is stopped and started again."""

    def __init__(self, copy_of=None):
        self.directory = make_directory()
        self.data = self.directory / "data"
        self.log_path = self.directory / "server.log"
        self.port = free_port()
        self._child = None
        self._frozen = []
        if copy_of:
            run_quietly([BINARIES / "pg_basebackup", "-h", "127.0.0.1", "-p", copy_of.port, "-U",
                         "postgres", "-D", self.data, "-R", "--checkpoint=fast", "--no-sync"])
        else:
            run_quietly([BINARIES / "initdb", "-D", self.data, "-U", "postgres", "-A", "trust",
                         "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"])
        self.start()

    @property
    def url(self):
        return f"postgres://postgres@127.0.0.1:{self.port}/postgres"

    def start(self):
        """Call it from a thread that lives as long as the server may: it ends with its starter."""
        with open(self.log_path, "ab") as log:
            self._child = subprocess.Popen(
                as_server([BINARIES / "postgres", "-D", self.data, "-p", self.port, "-k",
                           self.directory, "-c", "listen_addresses=127.0.0.1", "-c",
                           "max_connections=150", "-c", "fsync=off"]),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True)
        wait_until(self.answers, f"PostgreSQL did not start, see {self.log_path}", 30)

    def answers(self):
        if self._child.poll() is not None:
            raise ClusterError(f"PostgreSQL ended: {self.log_path.read_text()[-2000:]}")
        return subprocess.run([BINARIES / "pg_isready", "-q", "-h", "127.0.0.1", "-p",
                               str(self.port)]).returncode == 0

    def stop(self, mode="fast"):
        """`fast`: sessions are told; `immediate`: as a crash; `kill`: no goodbye at all."""
        number = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}.get(mode, signal.SIGKILL)
        children = self._children()
        self._child.send_signal(number)
        if mode == "kill":
            for pid in children:
                send(pid, signal.SIGKILL)
        self._child.wait(30)

    def freeze(self):
        """Connections stay open and nothing answers any more."""
        self._frozen = [self._child.pid]
        send(self._child.pid, signal.SIGSTOP)
        self._frozen += self._children()
        for pid in self._frozen[1:]:
            send(pid, signal.SIGSTOP)

    def thaw(self):
        for pid in reversed(self._frozen):
            send(pid, signal.SIGCONT)
        self._frozen = []

    def promote(self):
        query(self.url, "SELECT pg_promote(true, 30)")

    def has_received_everything_of(self, primary):
        [[position]] = query(primary.url, "SELECT pg_current_wal_lsn()")
        [[received]] = query(self.url, f"SELECT pg_last_wal_replay_lsn() >= '{position}'::pg_lsn")
        return received == "t"

    def _children(self):
        found = []
        for entry in os.listdir("/proc"):
            try:
                if entry.isdigit() and parent_of(entry) == self._child.pid:
                    found.append(int(entry))
            except OSError:
                pass  # it has ended meanwhile
        return found

    def close(self):
        self.thaw()
        if self._child.poll() is None:
            self.stop("immediate")
        shutil.rmtree(self.directory, ignore_errors=True)


def parent_of(pid):
    status = pathlib.Path(f"/proc/{pid}/stat").read_text()
    return int(status.rsplit(")", 1)[1].split()[1])


def send(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


class PgBouncer:
    """A transaction pooler in front of the database of `url`."""

    def __init__(self, host, port, database):
        self.directory = make_directory()
        self.port = free_port()
        users = self.directory / "users.txt"
        users.write_text('"postgres" ""\n')
        settings = self.directory / "pgbouncer.ini"
        settings.write_text(f"[databases]\n{database} = host={host} port={port} dbname={database}\n"
                            "[pgbouncer]\npool_mode = transaction\nlisten_addr = 127.0.0.1\n"
                            f"listen_port = {self.port}\nunix_socket_dir =\nauth_type = trust\n"
                            f"auth_file = {users}\ndefault_pool_size = 8\nmax_client_conn = 200\n")
        self.log_path = self.directory / "pgbouncer.log"
        with open(self.log_path, "ab") as log:
            self._child = subprocess.Popen(
                as_server([shutil.which("pgbouncer", path="/usr/sbin:/usr/bin"), settings]),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True)
        self.url = f"postgres://postgres@127.0.0.1:{self.port}/{database}"
        wait_until(self.answers, f"PgBouncer did not start: {self.log_path.read_text()}", 10)

    def answers(self):
        return subprocess.run([BINARIES / "pg_isready", "-q", "-h", "127.0.0.1", "-p",
                               str(self.port)]).returncode == 0

    def close(self):
        self._child.send_signal(signal.SIGINT)
        try:
            self._child.wait(5)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


def seconds_of(work):
    """(what work() returned, how long it took)"""
    start = time.monotonic()
    value = work()
    return value, time.monotonic() - start
