"""What ./run shows, with the binaries under test."""
import os
import pathlib
import re
import signal
import subprocess
import sys
import urllib.parse

import pytest

from b3cluster import Process, fetch, wait_until
from conftest import ROOT

DEMO = ROOT / "scripts" / "demo.py"


def arguments(binaries, directory, *more):
    return [sys.executable, str(DEMO), "--binaries", str(binaries), "--directory", str(directory),
            *more]


def run_once(binaries, directory, *more):
    done = subprocess.run(arguments(binaries, directory, "--once", *more), capture_output=True,
                          text=True, timeout=90)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def demo_processes(directory):
    """Processes whose environment or command line mentions this demo's directory."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                text = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if str(directory).encode() in text:
                found.append(int(entry.name))
    return found


def test_once_shows_and_verifies(binaries, tmp_path):
    shown = run_once(binaries, tmp_path / "demo")
    assert "everything shown is true" in shown and "/bbb/demo/" in shown
    assert demo_processes(tmp_path / "demo") == []


def test_once_with_postgresql_twice_leaves_other_rows_alone(binaries, tmp_path, postgres_url):
    for _ in range(2):
        run_once(binaries, tmp_path / "demo", "--db", postgres_url)


def test_keep_keeps_the_tenants_secret(binaries, tmp_path):
    secret = re.compile(r"secret +([0-9a-f]+)")
    first = run_once(binaries, tmp_path / "demo")
    kept = run_once(binaries, tmp_path / "demo", "--keep")
    fresh = run_once(binaries, tmp_path / "demo")
    assert secret.search(first).group(1) == secret.search(kept).group(1)
    assert secret.search(first).group(1) != secret.search(fresh).group(1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_however_it_ends_nothing_is_left_running(binaries, tmp_path, number):
    directory = tmp_path / "demo"
    demo = Process("run", arguments(binaries, directory), tmp_path / "run.log")
    demo.wait_for(lambda line: "until Ctrl-C" in line, "the demo's end", 60)
    urls = [word.strip("'") for line in demo.lines for word in line.split() if "getMeetings?" in word]
    assert b"analysis-1" in fetch(urls[0]).body
    assert len(demo_processes(directory)) >= 1
    address = urllib.parse.urlsplit(urls[0]).netloc
    demo.signal(number)
    code = demo.wait(20)
    assert code == (-signal.SIGKILL if number == signal.SIGKILL else 0), demo.tail(100)
    wait_until(lambda: demo_processes(directory) == [], "processes are left", 10)
    with pytest.raises(OSError):
        fetch(f"http://{address}/health", seconds=2)


def test_a_program_that_does_not_start_is_reported_with_its_log(binaries, tmp_path):
    done = subprocess.run(arguments(binaries, tmp_path / "demo", "--once", "--db",
                                    "postgres://nobody@127.0.0.1:1/nothing"),
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "b3scaled" in done.stderr
