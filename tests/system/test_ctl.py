"""b3scalectl as an operator uses it."""
import json
import os
import stat
import subprocess

import pytest

from b3cluster import Tenant, access_token, wait_until
from conftest import JWT_SECRET, scoped


class Ctl:
    def __init__(self, binaries, cluster, home):
        self.program = binaries / "b3scalectl"
        self.home = home
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(home), "XDG_CONFIG_HOME": str(home / "config"),
            "B3SCALE_API_URL": cluster.daemon.url,
            **{name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")}}

    def __call__(self, *arguments, code=0, stdin=None, **environment):
        done = subprocess.run([str(self.program), *map(str, arguments)], input=stdin, text=True,
                              env={**self.environment, **environment}, capture_output=True,
                              timeout=30)
        assert done.returncode == code, (arguments, done.returncode, done.stdout, done.stderr)
        assert "Sanitizer" not in done.stderr
        return done

    def json(self, *arguments):
        return json.loads(self("--json", *arguments).stdout)


@pytest.fixture
def ctl(binaries, cluster, tmp_path):
    """Authorized, as after the first minute of an operator's day."""
    made = Ctl(binaries, cluster, tmp_path)
    made("auth", "authorize", B3SCALE_API_JWT_SECRET=JWT_SECRET)
    return made


def test_authorize_keeps_the_token_for_the_owner_only(ctl, tmp_path):
    [file] = [p for p in (tmp_path / "config").rglob("*") if p.is_file()]
    assert file.name.endswith(".access_token") and file.parent.name == "b3scale"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert ctl.json("show", "status")["is_admin"] is True
    file.chmod(0o644)
    ctl("auth", "authorize", "--ref", "again", B3SCALE_API_JWT_SECRET=JWT_SECRET)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert ctl.json("show", "status")["account_ref"] == "again"


def test_a_made_token_works_and_is_limited_to_its_scopes(ctl):
    made = ctl("auth", "create_access_token", "--ref", "school", "--secret", JWT_SECRET)
    token = made.stdout.strip()
    assert token.count(".") == 2
    shown = ctl("--json", "show", "status", B3SCALE_API_ACCESS_TOKEN=token)
    assert json.loads(shown.stdout)["account_ref"] == "school"
    assert json.loads(shown.stdout)["is_admin"] is False
    refused = ctl("show", "backends", code=1, B3SCALE_API_ACCESS_TOKEN=token)
    assert refused.stderr.startswith("b3scalectl: ") and refused.stdout == ""


def test_the_token_may_come_from_a_file(ctl, tmp_path):
    file = tmp_path / "token"
    file.write_text(access_token(JWT_SECRET, "from-file") + "\n")
    assert ctl.json("--token-file", file, "show", "status")["account_ref"] == "from-file"


def test_a_tenant_from_registration_to_removal(ctl, cluster):
    added = ctl("add", "frontend", "moodle", "--secret", "moodle-secret",
                "-j", '{"required_tags": ["eu"]}')
    assert "moodle-secret" in added.stdout and "/bbb/moodle" in added.stdout
    assert ctl.json("show", "frontend", "moodle")["settings"] == {"required_tags": ["eu"]}
    ctl("set", "frontend", "moodle", "-j", '{"required_tags": null}')
    assert ctl.json("show", "frontend", "moodle")["settings"] == {}

    moodle = Tenant(cluster.daemon.url, "moodle", "moodle-secret")
    assert moodle.create("course-1").success
    shown = ctl("show", "meetings").stdout
    assert "course-1" in shown
    explained = ctl("explain", scoped(moodle, "course-1")).stdout
    assert cluster.node_of(moodle, "course-1") and cluster.nodes.nodes[
        cluster.node_of(moodle, "course-1")]["url"].split("/")[2] in explained

    ctl("disable", "frontend", "moodle")
    assert moodle.call("getMeetings").key == "checksumError"
    ctl("enable", "frontend", "moodle")
    assert moodle.meeting_ids() == ["course-1"]
    ctl("rm", "frontend", "moodle", code=1)
    ctl("rm", "meeting", scoped(moodle, "course-1"))
    assert moodle.meeting_ids() == []
    ctl("rm", "frontend", "moodle")
    assert ctl.json("show", "frontends") == []


def test_a_backend_from_registration_to_removal(ctl, cluster):
    node = cluster.nodes.nodes["node1"]
    ctl("rm", "backend", node["url"])
    wait_until(lambda: "node1" not in cluster.backends(), "still there")
    ctl("add", "backend", node["url"], "--secret", node["secret"], "--load-factor", "2",
        "-j", '{"tags": ["eu"]}')
    assert ctl.json("show", "backend", node["url"])["admin_state"] == "init"
    ctl("enable", "backend", node["url"])
    cluster.wait_eligible("node1")
    ctl("set", "backend", node["url"], "--load-factor", "1.5", "-j", '{"max_meetings": 5}')
    shown = ctl.json("show", "backend", node["url"])
    assert shown["load_factor"] == 1.5
    assert shown["settings"] == {"tags": ["eu"], "max_meetings": 5}
    ctl("disable", "backend", node["url"])
    assert ctl.json("show", "backend", node["url"])["admin_state"] == "stopped"
    assert cluster.backends()["node1"]["ineligible_reason"] == "admin_state"


def test_show_backends_says_why_a_node_gets_no_meetings(ctl, cluster):
    cluster.nodes.down("node2")
    cluster.wait_eligible("node2", eligible=False)
    lines = ctl("show", "backends").stdout.splitlines()
    address = cluster.nodes.nodes["node2"]["url"].split("/")[2]
    [line] = [line for line in lines if address in line]
    assert cluster.backends()["node2"]["ineligible_detail"][:20] in "\n".join(lines), lines
    assert line


def test_secrets_are_hidden_unless_asked_for(ctl, cluster):
    cluster.tenant("math")
    for command in (("show", "frontend", "math"), ("show", "frontends"), ("show", "backends")):
        shown = ctl(*command).stdout
        assert "secret-of-math" not in shown and "node-secret" not in shown
    assert "secret-of-math" in ctl("--show-secrets", "show", "frontend", "math").stdout


def test_an_ambiguous_name_is_refused_with_the_matches(ctl, cluster):
    refused = ctl("disable", "backend", "127.0.0.1", code=1)
    for node in cluster.nodes.nodes.values():
        assert node["url"].split("/")[2] in refused.stderr
    assert all(b["admin_state"] == "ready" for b in cluster.backends().values())


def test_exit_codes_and_messages(ctl):
    for wrong in ((), ("nonsense",), ("show",), ("add", "frontend"), ("add", "backend", "x"),
                  ("show", "backends", "--no-such-flag"), ("set", "backend", "x", "--load-factor",
                                                           "heavy")):
        refused = ctl(*wrong, code=2)
        assert refused.stderr.strip(), wrong
    for failing in (("show", "frontend", "nobody"), ("rm", "meeting", "nothing"),
                    ("add", "frontend", "bad~key"), ("explain", "nothing"),
                    ("add", "backend", "not a url", "--secret", "s")):
        refused = ctl(*failing, code=1)
        assert refused.stderr.startswith("b3scalectl: "), (failing, refused.stderr)
    assert ctl("--help").stdout and ctl("add", "backend", "--help").stdout
    assert ctl("--version").stdout.startswith("b3scalectl ")
    assert ctl("version").stdout.strip()


def test_an_unreachable_api_is_named(ctl, cluster):
    assert cluster.daemon.process.stop() == 0
    refused = ctl("show", "backends", code=1)
    assert cluster.daemon.url in refused.stderr


def test_without_a_token_it_says_how_to_get_one(ctl, tmp_path):
    refused = ctl("show", "backends", code=1, XDG_CONFIG_HOME=str(tmp_path / "elsewhere"))
    assert "auth authorize" in refused.stderr


def test_migrate_and_status(ctl):
    migrated = ctl.json("db", "migrate")
    assert migrated["before"] == migrated["current"] >= 1
    assert "ok" in ctl("show", "status").stdout.lower()


def test_tables_are_plain_text_when_they_go_to_a_file(ctl, cluster):
    cluster.tenant("math")
    for command in (("show", "frontends"), ("show", "backends"), ("show", "meetings")):
        assert "\x1b" not in ctl(*command).stdout
