"""b3scaled as a program: its command line, its configuration, its end."""
import os
import signal
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from b3cluster import Daemon, fetch, wait_until
from conftest import JWT_SECRET, QUICK


def run(binaries, *arguments, **environment):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("B3SCALE_")}
    done = subprocess.run([str(binaries / "b3scaled"), *arguments], env={**clean, **environment},
                          capture_output=True, text=True, timeout=20)
    assert "Sanitizer" not in done.stderr
    return done


# -- the command line -----------------------------------------------------------------------------

def test_help_names_every_setting(binaries):
    done = run(binaries, "--help")
    assert done.returncode == 0
    for name in ("B3SCALE_LISTEN_HTTP", "B3SCALE_DB_URL", "B3SCALE_API_JWT_SECRET",
                 "--check-config", "--env-file"):
        assert name in done.stdout


def test_version(binaries):
    done = run(binaries, "--version")
    assert done.returncode == 0 and done.stdout.startswith("b3scaled ")


def test_a_wrong_command_line_exits_with_2(binaries):
    assert run(binaries, "--no-such-option").returncode == 2
    assert run(binaries, "--env-file", "/no/such/file").returncode == 2


def test_check_config_says_ok_and_starts_nothing(binaries, tmp_path):
    database = tmp_path / "never.db"
    done = run(binaries, "--check-config", B3SCALE_DB_URL=f"sqlite:///{database}")
    assert done.returncode == 0, done.stderr
    assert not database.exists()


def test_all_problems_of_a_configuration_are_listed_at_once(binaries):
    wrong = {"B3SCALE_LISTEN_HTTP": "nowhere", "B3SCALE_REFRESH_INTERVAL": "soon",
             "B3SCALE_DB_POOL_SIZE": "0", "B3SCALE_LOG_FORMAT": "poem",
             "B3SCALE_REVERSE_PROXY_MODE": "maybe", "B3SCALE_PLACEMENT_POLICY": "dice"}
    for arguments in (["--check-config"], []):
        done = run(binaries, *arguments, **wrong)
        assert done.returncode == 2
        for name in wrong:
            assert name in done.stderr, (name, done.stderr)


def test_a_secret_in_a_bad_setting_is_not_repeated(binaries):
    done = run(binaries, "--check-config", B3SCALE_DB_URL="mysql://user:hunter2@host/db",
               B3SCALE_REFRESH_INTERVAL="soon")
    assert done.returncode == 2 and "B3SCALE_DB_URL" in done.stderr
    assert "hunter2" not in done.stderr


def test_an_env_file_is_read_and_exported_variables_win(binaries, tmp_path):
    file = tmp_path / "env"
    file.write_text("# ours\nexport B3SCALE_LOG_FORMAT='poem'\nB3SCALE_DB_POOL_SIZE=\"0\"\n")
    done = run(binaries, "--env-file", str(file), "--check-config", B3SCALE_DB_POOL_SIZE="5")
    assert done.returncode == 2
    assert "B3SCALE_LOG_FORMAT" in done.stderr and "B3SCALE_DB_POOL_SIZE" not in done.stderr


def test_a_database_that_is_not_there_stops_the_start_with_a_reason(binaries):
    done = run(binaries, B3SCALE_DB_URL="postgres://b3:hunter2@127.0.0.1:1/b3scale",
               B3SCALE_LISTEN_HTTP="127.0.0.1:0")
    assert done.returncode == 1
    assert "hunter2" not in done.stdout + done.stderr
    assert done.stderr.strip()


def test_an_address_in_use_stops_the_start_with_a_reason(cluster, binaries, tmp_path):
    done = run(binaries, B3SCALE_DB_URL=f"sqlite:///{tmp_path}/x.db",
               B3SCALE_LISTEN_HTTP=cluster.daemon.address)
    assert done.returncode == 1 and cluster.daemon.address.rsplit(":", 1)[1] in done.stderr


# -- running --------------------------------------------------------------------------------------

def test_health_readiness_and_the_start_page(cluster):
    assert fetch(cluster.daemon.url + "/health").status == 200
    assert fetch(cluster.daemon.url + "/ready").status == 200
    page = fetch(cluster.daemon.url + "/")
    assert page.status == 200 and b"b3scale" in page.body
    assert fetch(cluster.daemon.url + "/nothing").status == 404


def test_every_log_line_is_json_with_level_time_and_message(cluster):
    tenant = cluster.tenant()
    tenant.create("room")
    tenant.join("a\nb\u2028\x01")
    cluster.nodes.down("node1")
    cluster.wait_eligible("node1", eligible=False)
    lines = [line for line in cluster.daemon.process.lines if line]
    events = cluster.daemon.process.events()
    assert len(events) == len(lines) > 3
    assert all({"level", "time", "message"} <= event.keys() for event in events)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_running_request_is_finished_before_the_end(cluster, number):
    tenant = cluster.tenant()
    for name in cluster.nodes.nodes:
        cluster.nodes.fault(name, "create", "ok", latency_ms=1200)
    answers = []
    asking = threading.Thread(target=lambda: answers.append(tenant.create("room")))
    asking.start()
    wait_until(lambda: cluster.asked("create"), "the create did not reach a node")
    cluster.daemon.process.signal(number)
    asking.join(15)
    assert answers and answers[0].success, answers
    assert cluster.daemon.process.wait(10) == 0
    assert len(cluster.holders(tenant, "room")) == 1
    cluster.start_daemon()
    assert tenant.meeting_ids() == ["room"]


def test_while_it_drains_no_new_connection_is_accepted(cluster):
    tenant = cluster.tenant()
    for name in cluster.nodes.nodes:
        cluster.nodes.fault(name, "create", "ok", latency_ms=1500)
    asking = threading.Thread(target=lambda: tenant.create("room"))
    asking.start()
    wait_until(lambda: cluster.asked("create"), "the create did not reach a node")
    cluster.daemon.process.signal(signal.SIGTERM)

    def refused():
        try:
            fetch(cluster.daemon.url + "/health", seconds=2)
            return False
        except OSError:
            return cluster.daemon.process.running

    assert wait_until(refused, "new connections are still accepted", 5)
    asking.join(15)
    assert cluster.daemon.process.wait(10) == 0


def test_a_request_that_takes_too_long_does_not_prevent_the_end(start_cluster):
    cluster = start_cluster(settings={"B3SCALE_SHUTDOWN_TIMEOUT": "1s",
                                      "B3SCALE_NODE_RESPONSE_TIMEOUT": "60s"})
    tenant = cluster.tenant()
    for name in cluster.nodes.nodes:
        cluster.nodes.fault(name, "create", "hang")

    def create():
        try:
            tenant.create("room")
        except Exception:
            pass  # cut off, as it must be

    asking = threading.Thread(target=create)
    asking.start()
    wait_until(lambda: cluster.asked("create"), "the create did not reach a node")
    assert cluster.daemon.process.stop(8) == 0
    asking.join(10)
    assert not asking.is_alive()


def test_two_starts_at_once_migrate_one_database(binaries, tmp_path, postgres_url):
    settings = {**QUICK, "B3SCALE_DB_URL": postgres_url, "B3SCALE_API_JWT_SECRET": JWT_SECRET}
    started, failed = [], []

    def start(i):
        try:
            started.append(Daemon(binaries / "b3scaled", tmp_path / f"{i}.log", settings))
        except Exception as error:
            failed.append(error)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(start, range(2)))
        for daemon in started:
            assert daemon.admin().get("/status")["database"]["ok"] is True
            assert daemon.process.stop() == 0
    assert failed == [] and len(started) == 2
