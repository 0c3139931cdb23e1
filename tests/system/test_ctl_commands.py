"""b3scalectl against the administration routes: commands, audit, tokens, schema, recordings."""
import json

from b3cluster import wait_until
from conftest import JWT_SECRET, scoped
from test_ctl import ctl  # noqa: F401 (a fixture)


def test_a_backend_is_drained_and_comes_back(ctl, cluster):  # noqa: F811
    math = cluster.tenant("math")
    assert math.create("course").success
    node = cluster.nodes.nodes[cluster.node_of(math, "course")]["url"]
    begun = ctl.json("drain", "backend", node)
    assert begun["action"] == "drain"
    late = ctl("drain", "backend", node, "--wait", "--timeout", "1s", code=1)
    assert "1 meeting left" in late.stderr or "not empty yet" in late.stderr
    assert ctl.json("show", "backend", node)["admin_state"] == "stopped"
    assert "drain" in ctl("show", "commands").stdout
    ctl("end", "meeting", scoped(math, "course"))
    assert "is empty" in ctl("drain", "backend", node, "--wait", "--timeout", "20s").stdout
    wait_until(lambda: ctl.json("show", "command", begun["id"])["state"] == "success",
               "the first drain did not end")
    ctl("enable", "backend", node)
    assert ctl.json("show", "backend", node)["admin_state"] == "ready"


def test_a_drain_can_be_cancelled(ctl, cluster):  # noqa: F811
    math = cluster.tenant("math")
    assert math.create("course").success
    node = cluster.nodes.nodes[cluster.node_of(math, "course")]["url"]
    begun = ctl.json("drain", "backend", node)
    ctl("cancel", "command", begun["id"])
    assert ctl.json("show", "command", begun["id"])["state"] == "error"


def test_all_meetings_of_a_backend_are_ended(ctl, cluster):  # noqa: F811
    math = cluster.tenant("math")
    assert all(math.create(f"course-{i}").success for i in range(6))
    node = cluster.node_of(math, "course-0")
    url = cluster.nodes.nodes[node]["url"]
    mine = [m["id"] for m in ctl.json("show", "meetings", "--backend", url)]
    ended = ctl("end", "meetings", "--backend", url).stdout
    assert mine and all(meeting in ended for meeting in mine)
    wait_until(lambda: ctl.json("show", "meetings", "--backend", url) == [], "some are left")
    assert len(ctl.json("show", "meetings")) == 6 - len(mine)
    assert "no meetings" in ctl("end", "meetings", "--backend", url).stdout


def test_a_node_is_looked_at_now(ctl, cluster):  # noqa: F811
    node = cluster.nodes.nodes["node1"]["url"]
    assert "Latency" in ctl("refresh", "backend", node).stdout
    assert ctl.json("refresh", "backend", node)["bbb"]["host"] == node


def test_the_audit_names_who_and_what(ctl, cluster):  # noqa: F811
    ctl("add", "frontend", "moodle", "--secret", "hush-hush")
    ctl("set", "frontend", "moodle", "-j", '{"required_tags": ["eu"]}', "--secret", "hush-again")
    ctl("rm", "frontend", "moodle")
    records = ctl.json("show", "audit", "--kind", "frontend", "--since", "1h")
    assert len(records) == 3
    assert {record["subject"] for record in records} == {"admin"}
    shown = ctl("show", "audit", "--kind", "frontend").stdout
    assert "moodle" in shown and "secret" in shown and "eu" in shown
    assert "hush" not in shown + json.dumps(records)
    assert len(ctl.json("show", "audit", "--limit", "1")) == 1
    everything = ctl.json("show", "audit")
    assert ctl.json("show", "audit", "--limit", "1", "--offset", "1") == everything[1:2]
    assert ctl.json("show", "audit", "--offset", str(len(everything))) == []
    backends = [backend["id"] for backend in ctl.json("show", "backends")]
    assert [backend["id"] for backend in
            ctl.json("show", "backends", "--limit", "1", "--offset", "1")] == backends[1:2]
    assert ctl.json("show", "audit", "--subject", "nobody") == []


def test_a_revoked_token_is_refused(ctl):  # noqa: F811
    made = json.loads(ctl("--json", "create_access_token", "--ref", "x", "--scope",
                          "b3scale:admin", "--secret", JWT_SECRET).stdout)
    ctl("show", "backends", B3SCALE_API_ACCESS_TOKEN=made["token"])
    ctl("revoke", "token", "-", stdin=made["token"] + "\n")
    said = ctl("show", "backends", code=1, B3SCALE_API_ACCESS_TOKEN=made["token"]).stderr
    assert "revoked" in said and made["token"] not in said
    assert made["id"] in ctl("show", "tokens").stdout


def test_the_schema_needs_no_token(ctl, tmp_path):  # noqa: F811
    schema = json.loads(ctl("export-openapi-schema",
                            XDG_CONFIG_HOME=str(tmp_path / "nothing")).stdout)
    assert schema["openapi"].startswith("3.1") and "/api/v1/backends" in schema["paths"]


def test_recordings_say_that_they_are_not_configured(ctl, cluster):  # noqa: F811
    cluster.tenant("math")
    for command in (("show", "recordings"), ("show", "recordings", "--frontend", "math"),
                    ("set", "recording-visibility", "a" * 40 + "-1700000000000", "published")):
        assert "not configured" in ctl(*command, code=1).stderr
