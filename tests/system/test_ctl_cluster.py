"""b3scalectl: the cluster from a file, meetings as a tenant, terminals, completion, sign-in."""
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest

from b3cluster import Tenant, access_token, wait_until
from conftest import JWT_SECRET
from test_ctl import Ctl, ctl  # noqa: F401 (a fixture)


# -- signing in -----------------------------------------------------------------------------------

def test_the_first_minute(binaries, cluster, tmp_path):
    fresh = Ctl(binaries, cluster, tmp_path)
    assert "auth authorize" in fresh("show", "status", code=1).stderr
    wrong = fresh("auth", "authorize", "--secret", "a-wrong-secret", code=1)
    assert "B3SCALE_API_JWT_SECRET" in wrong.stderr and "a-wrong-secret" not in wrong.stderr
    assert not [p for p in tmp_path.rglob("*.access_token")]
    secret = tmp_path / "secret"
    secret.write_text(JWT_SECRET + "\nnot this line\n")
    fresh("authorize", "--secret-file", secret)
    assert fresh.json("show", "status")["is_admin"] is True


def test_a_token_is_kept_for_a_server_that_is_not_there_yet(binaries, cluster, tmp_path):
    fresh = Ctl(binaries, cluster, tmp_path)
    kept = fresh("--api", "http://127.0.0.1:1", "authorize", "--secret", "x" * 32)
    assert "could not be tried" in kept.stdout
    assert [p for p in tmp_path.rglob("*.access_token")]


def test_tokens_that_are_not_accepted_say_why_and_what_to_do(ctl):  # noqa: F811
    expired = ctl("create_access_token", "--ref", "x", "--scope", "b3scale:admin", "--expires",
                  "1s", "--secret", JWT_SECRET).stdout.strip()

    def refused():
        done = subprocess.run([str(ctl.program), "show", "backends"], text=True, timeout=30,
                              env={**ctl.environment, "B3SCALE_API_ACCESS_TOKEN": expired},
                              capture_output=True)
        return done.returncode == 1 and done
    said = wait_until(refused, "an expired token is accepted").stderr
    assert "expired" in said and "auth authorize" in said
    for token, word in ((access_token("another-secret", "x"), "signature"), ("nonsense", "token")):
        said = ctl("show", "status", code=1, B3SCALE_API_ACCESS_TOKEN=token).stderr
        assert word in said and "auth authorize" in said and token not in said


def test_older_spellings_and_data_for_programs(ctl):  # noqa: F811
    made = json.loads(ctl("--json", "authorize_node_agent", "--ref", "node23", "--secret",
                          JWT_SECRET).stdout)
    assert made["subject"] == "node23" and made["scopes"] == ["b3scale:node"] and made["id"]
    assert ctl("auth", "create-access-token", "--ref", "r", "--secret", "-",
               stdin=JWT_SECRET + "\n").stdout.count(".") == 2


# -- the cluster from a file ----------------------------------------------------------------------

def test_the_cluster_becomes_what_the_file_says(ctl, cluster, tmp_path):  # noqa: F811
    node = cluster.nodes.nodes["node1"]
    file = tmp_path / "cluster.yaml"
    file.write_text(f"""
frontends:
  - key: moodle
    secret: ${{MOODLE_SECRET}}
    settings: {{required_tags: [eu]}}
backends:
  - host: {node["url"]}
    load_factor: 1.5
    settings: {{tags: [eu, "26"], max_meetings: 3}}
""")
    unset = ctl("diff", "-f", file, code=1)
    assert "MOODLE_SECRET" in unset.stderr
    secret = {"MOODLE_SECRET": "0123456789"}
    planned = ctl("diff", "-f", file, **secret)
    assert "+ frontend moodle" in planned.stdout and "load_factor: 1 -> 1.5" in planned.stdout
    assert "0123456789" not in planned.stdout
    ctl("diff", "-f", file, "--exit-code", code=1, **secret)
    unasked = ctl("apply", "-f", file, code=1, stdin="", **secret)
    assert "--yes" in unasked.stderr
    assert ctl.json("show", "frontends") == []

    ctl("apply", "-f", file, "--yes", **secret)
    assert ctl("diff", "-f", file, "--exit-code", **secret).stdout.startswith("Nothing to do")
    backend = ctl.json("show", "backend", node["url"])
    assert backend["load_factor"] == 1.5
    assert backend["settings"] == {"tags": ["eu", "26"], "max_meetings": 3}
    assert len(ctl.json("show", "backends")) == 3
    assert Tenant(cluster.daemon.url, "moodle", "0123456789").create("course").success
    assert cluster.node_of(Tenant(cluster.daemon.url, "moodle", ""), "course") == "node1"

    file.write_text(f"backends: [{{host: '{node['url']}', settings: {{}}}}]")
    ctl("apply", "-f", "-", "--prune", "--yes", stdin=file.read_text())
    wait_until(lambda: list(cluster.backends()) == ["node1"], "others are still there")
    assert ctl.json("show", "backend", node["url"])["settings"] == {}
    assert [f["bbb"]["key"] for f in ctl.json("show", "frontends")] == ["moodle"]


def test_apply_stops_at_a_refusal_and_says_how_far_it_came(ctl, cluster):  # noqa: F811
    moodle = cluster.tenant("busy")
    assert moodle.create("course").success
    done = ctl("apply", "-f", "-", "--prune", "--yes", code=1,
               stdin='{"frontends": [{"key": "fresh"}]}')
    assert "frontend fresh: added" in done.stdout
    assert "busy" in done.stderr and "1 of 2" in done.stderr


# -- meetings -------------------------------------------------------------------------------------

def test_meetings_from_creation_to_end(ctl, cluster):  # noqa: F811
    cluster.tenant("math")
    ctl("create", "meeting", "art 1", "--frontend", "math", "--name", "Art & more", "-p",
        "welcome=hi there")
    shown = ctl.json("show", "meeting", "art 1")
    assert shown["id"] == "math~art 1" and shown["name"] == "Art & more"
    assert "Art & more" in ctl("show", "meeting", "math~art 1").stdout
    refused = ctl("create", "meeting", "x", "--frontend", "math", "-p", "maxParticipants=many",
                  code=1)
    assert "not created" in refused.stderr
    ctl("create", "meeting", "two", "--frontend", "math")
    assert "math~two" in ctl("end", "meetings", "--frontend", "math").stdout
    assert ctl.json("show", "meetings") == []


def test_yaml_holds_what_json_holds(ctl, cluster):  # noqa: F811
    yaml = pytest.importorskip("yaml")
    cluster.tenant("math")
    assert yaml.safe_load(ctl("--yaml", "show", "frontends").stdout) == \
        ctl.json("show", "frontends")


# -- terminals ------------------------------------------------------------------------------------

def on_terminal(ctl, arguments, keys, until):  # noqa: F811
    """Runs it on a terminal, types `keys` once `until` is shown; what was shown and exit code."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(str(ctl.program), [str(ctl.program), *map(str, arguments)],
                  {**ctl.environment, "TERM": "xterm"})
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 200, 0, 0))
    shown, typed, deadline = b"", False, time.monotonic() + 30
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 0.1)[0]:
            continue
        try:
            read = os.read(terminal, 65536)
        except OSError:  # the other side is gone
            break
        shown += read
        if not typed and until in shown:
            os.write(terminal, keys)
            typed = True
    else:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    return shown.decode("utf-8", "replace"), os.waitstatus_to_exitcode(status)


@pytest.mark.parametrize("key", [b"q", b"\x03"])
def test_watch_gives_the_terminal_back(ctl, cluster, key):  # noqa: F811
    shown, code = on_terminal(ctl, ["watch", "--interval", "200ms"], key, b"LATENCY")
    assert code == 0
    assert shown.index("\x1b[?1049h") < shown.index("\x1b[?1049l")
    assert "3 of 3 backends eligible" in shown


def test_watch_without_a_terminal_is_one_look(ctl):  # noqa: F811
    looked = ctl("watch").stdout
    assert "\x1b" not in looked and "3 of 3 backends eligible" in looked


def test_secrets_that_are_typed_are_not_shown(ctl):  # noqa: F811
    shown, code = on_terminal(ctl, ["create_access_token", "--ref", "x"],
                              b"typed-secret\n", b"JWT_SECRET: ")
    assert code == 0 and "typed-secret" not in shown and shown.count(".") >= 2


def test_apply_asks_on_a_terminal(ctl, cluster, tmp_path):  # noqa: F811
    file = tmp_path / "cluster.yaml"
    file.write_text("frontends: [{key: fresh}]")
    shown, code = on_terminal(ctl, ["apply", "-f", file], b"n\n", b"[y/N]")
    assert code == 1 and "+ frontend fresh" in shown
    assert ctl.json("show", "frontends") == []
    shown, code = on_terminal(ctl, ["apply", "-f", file], b"y\n", b"[y/N]")
    assert code == 0
    assert [f["bbb"]["key"] for f in ctl.json("show", "frontends")] == ["fresh"]


def test_colours_are_for_terminals_that_want_them(ctl):  # noqa: F811
    colourful, _ = on_terminal(ctl, ["show", "backends"], b"", b"\0")
    assert "\x1b[32m" in colourful
    ctl.environment["NO_COLOR"] = "1"
    plain, _ = on_terminal(ctl, ["show", "backends"], b"", b"\0")
    assert "\x1b[" not in plain and "ELIGIBLE" in plain


# -- completion -----------------------------------------------------------------------------------

def test_bash_completes_commands_options_and_names(ctl, cluster, tmp_path):  # noqa: F811
    cluster.tenant("math")
    script = tmp_path / "completion"
    script.write_text(ctl("completions", "bash").stdout)

    def complete(*words):
        listed = " ".join("'" + word + "'" for word in words)
        done = subprocess.run(
            ["bash", "-c", f". {script}; COMP_WORDS=(b3scalectl {listed}); COMP_CWORD={len(words)};"
             ' _b3scalectl; printf "%s\\n" "${COMPREPLY[@]}"'], text=True, capture_output=True,
            env={**ctl.environment, "PATH": f"{ctl.program.parent}:{os.environ['PATH']}"})
        assert done.returncode == 0 and not done.stderr, done.stderr
        return done.stdout.split()

    assert complete("sh") == ["show"]
    assert {"frontend", "backend", "meeting"} == set(complete("delete", ""))
    assert complete("--api", ctl.environment["B3SCALE_API_URL"], "show", "stat") == ["status"]
    assert complete("set", "backend", "x", "--load") == ["--load-factor"]
    assert complete("set", "backend", "x", "--health", "av") == ["avoided"]
    assert complete("show", "frontend", "") == ["math"]
    hosts = {node["url"].split("/")[2] for node in cluster.nodes.nodes.values()}
    assert set(complete("drain", "backend", "")) == hosts


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_valid_where_the_shell_is_there(ctl, shell):  # noqa: F811
    script = ctl("completions", shell).stdout
    assert re.search(r"b3scalectl", script)
    try:
        checked = subprocess.run([shell, "-n"], input=script, text=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip(f"there is no {shell} here")
    assert checked.returncode == 0, checked.stderr
