"""A throw-away PostgreSQL of the benchmarks: default durability, on the processor of the load."""
import os
import pathlib
import pwd
import re
import shutil
import subprocess
import tempfile

from common import LOAD_PROCESSOR, ClusterError, free_port

BIN = pathlib.Path(os.environ.get("B3SCALE_POSTGRES_BIN", "/usr/lib/postgresql/15/bin"))


class Postgres:
    """Trusts everyone on 127.0.0.1; stop() leaves nothing behind."""

    def __init__(self, settings=None):
        if not (BIN / "initdb").exists():
            raise ClusterError(f"no PostgreSQL in {BIN}: apt-get install postgresql-15")
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="b3-postgres."))
        self.log = self.directory / "data/server.log"
        self.port = free_port()
        self._as_server = []
        self._started = False
        try:
            self._initialise()
            self._start({"max_connections": 700, **(settings or {})})
        except BaseException:
            self.stop()
            raise

    def _initialise(self):
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            users = {entry.pw_name for entry in pwd.getpwall()}
            user = "postgres" if "postgres" in users else "nobody"
            self._as_server = ["runuser", "-u", user, "--"]
            shutil.chown(self.directory, user)
        self._tool("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8",
                   "--no-sync", "--no-instructions")

    def _start(self, settings):
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        self._started = True
        self._tool("pg_ctl", "-w", "-t", "60", "-l", self.log, "-o",
                   f"-p {self.port} -k {self.directory} -c listen_addresses=127.0.0.1 {options}",
                   "start")

    def _tool(self, name, *arguments):
        # pg_ctl's server keeps its standard output open, so that goes to a file.
        with tempfile.TemporaryFile("w+") as output:
            command = ["taskset", "-c", str(LOAD_PROCESSOR), *self._as_server, BIN / name,
                       "-D", self.directory / "data", *arguments]
            code = subprocess.call([str(word) for word in command], cwd="/", stdout=output,
                                   stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
            if code != 0:
                output.seek(0)
                raise ClusterError(f"{name}: {output.read()}")

    def url(self, database="postgres"):
        return f"postgres://postgres@127.0.0.1:{self.port}/{database}"

    def psql(self, sql, database="postgres", stdin=None):
        done = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d",
                               self.url(database), "-c", sql], stdin=stdin or subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=600)
        if done.returncode != 0:
            raise ClusterError(f"psql: {done.stderr}")
        return done.stdout.strip()

    def copy(self, table, columns, path, database="postgres"):
        """Rows in COPY's text format."""
        with open(path, "rb") as rows:
            self.psql(f"COPY {table} ({', '.join(columns)}) FROM STDIN", database, rows)

    def fresh_database(self, name):
        self.psql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        self.psql(f"CREATE DATABASE {name}")
        return self.url(name)

    def stop(self):
        if self._started:
            try:
                self._tool("pg_ctl", "-m", "immediate", "-w", "-t", "30", "stop")
            except ClusterError:
                pass  # it had not started
        shutil.rmtree(self.directory, ignore_errors=True)


class Session:
    """A psql that stays connected: one statement after the other."""

    def __init__(self, url):
        self._child = subprocess.Popen(
            ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def run(self, sql):
        """Returns what it printed, when the statement has been committed."""
        self._child.stdin.write(sql + ";\n\\echo --done--\n")
        self._child.stdin.flush()
        printed = []
        for line in self._child.stdout:
            if line == "--done--\n":
                return "".join(printed).strip()
            printed.append(line)
        raise ClusterError("psql ended: " + "".join(printed))

    def close(self):
        self._child.stdin.close()
        self._child.wait(10)
        self._child.stdout.close()


def pgbench(url, script, directory, *, clients, seconds, processor, rate=None, log=False):
    """(transactions per second, latencies in ms, ordered; empty without `log`)"""
    # Its clock runs while it connects, which is not part of its rate; 512 connections take a while.
    duration = seconds + clients // 100
    path = directory / "pgbench.sql"
    path.write_text(script)
    command = ["taskset", "-c", str(processor), "pgbench", "-n", "-M", "prepared", "-c", clients,
               "-j", "1", "-T", duration, "-f", path]
    command += ["-R", rate] if rate else []
    command += ["-l", f"--log-prefix={directory}/transactions"] if log else []
    done = subprocess.run([str(word) for word in [*command, url]], capture_output=True, text=True,
                          timeout=duration + 60)
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    if done.returncode != 0 or not found:
        raise ClusterError(f"pgbench: {done.stdout}{done.stderr}")
    times = []
    for file in directory.glob("transactions.*"):
        times += [int(line.split()[2]) / 1000 for line in file.read_text().splitlines()]
        file.unlink()
    return float(found.group(1)), sorted(times)
