"""GET /metrics: b3scaled as Prometheus sees it."""
import re
import shutil
import subprocess
import time

from b3cluster import fetch, text_of, wait_until
from conftest import ROOT
from test_daemon import run

SAMPLE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')
OPEN_METRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


class Scrape:
    """A page, parsed: every line has to be understood."""

    def __init__(self, url, **headers):
        self.answer = fetch(url, headers=headers)
        assert self.answer.status == 200, self.answer
        self.text = text_of(self.answer)
        self.types = {}
        self.samples = {}
        for line in self.text.splitlines():
            if line.startswith("# TYPE "):
                name, kind = line[7:].split(" ")
                assert name not in self.types, f"{name} comes twice"
                self.types[name] = kind
            elif not line.startswith("#"):
                name, labels, value = SAMPLE.match(line).groups()
                pairs = LABEL.findall(labels or "")
                assert LABEL.sub("", labels or "") == "", line
                key = (name, frozenset(pairs))
                assert key not in self.samples, f"{line} comes twice"
                self.samples[key] = float(value)

    def __call__(self, name, **labels):
        return self.samples.get((name, frozenset(labels.items())))

    def all(self, name):
        return {tuple(sorted(labels)): value for (found, labels), value in self.samples.items()
                if found == name}

    def labels(self, name, label):
        return {dict(labels)[label] for labels in self.all(name)}


def scrape(cluster, **headers):
    return Scrape(cluster.daemon.url + "/metrics", **headers)


def check_with_promtool(text):
    assert shutil.which("promtool"), "install the package prometheus, as ./test does"
    done = subprocess.run(["promtool", "check", "metrics"], input=text, text=True,
                          capture_output=True, timeout=60)
    assert done.returncode == 0 and not done.stdout + done.stderr, done.stdout + done.stderr


def host_of(cluster, node):
    return cluster.backends()[node]["bbb"]["host"]


def fill(cluster):
    """Two tenants, three meetings, of which one has people in it."""
    math, arts = cluster.tenant("math"), cluster.tenant("arts")
    for tenant, meeting in ((math, "one"), (math, "two"), (arts, "one")):
        assert tenant.create(meeting).success
    math.enter("one")
    node = cluster.node_of(math, "one")
    cluster.nodes.people(node, "math~one", join=6, moderators=2, listening=3, voice=4, video=1)
    wait_until(lambda: scrape(cluster)("b3scale_frontend_attendees", frontend="math") == 7,
               "the people in the meeting were not counted")
    return math, arts, node


def test_the_published_names_say_what_is_going_on(cluster):
    math, _, node = fill(cluster)
    page = scrape(cluster)
    assert page.answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    for kind, count in (("participants", 7), ("moderators", 2), ("listeners", 3), ("voice", 4),
                        ("video", 1)):
        assert page("b3scale_meeting_attendees", type=kind) == count
    assert page("b3scale_meeting_durations_count") == 1
    assert page("b3scale_meetings", state="running") == 1
    assert page("b3scale_meetings", state="idle") == 2
    assert page("b3scale_frontend_attendees", frontend="arts") == 0
    assert page("b3scale_frontend_meetings", frontend="math") == 2
    assert sum(page.all("b3scale_backend_meetings").values()) == 3
    host = host_of(cluster, node)
    assert page("b3scale_backend_attendees", backend=host) == 7
    assert page("b3scale_backend_eligible", backend=host) == 1
    assert page("b3scale_backend_refresh_age_seconds", backend=host) < 30
    assert sum(page.all("b3scale_placements_total").values()) == 3
    assert page("b3scale_requests_total", call="create", result="success") == 3
    assert page("b3scale_requests_total", call="join", result="success") == 1
    assert page("b3scale_request_duration_seconds_count", call="create") == 3
    assert page("b3scale_node_call_duration_seconds_count", call="create") == 3
    assert page("b3scale_api_requests_total", method="POST", route="/api/v1/frontends",
                status="2xx") == 2
    assert page("b3scale_refresh_polls_total", result="answered") > 3
    assert page("b3scale_refresh_backends") == 3
    assert page("b3scale_database_calls_total", result="success") > 3
    assert page("b3scale_database_up") == 1
    assert abs(time.time() - page("process_start_time_seconds")) < 600
    assert page("process_open_fds") > 5

    math.end("one")
    wait_until(lambda: scrape(cluster)("b3scale_meetings", state="running") == 0,
               "the ended meeting was still counted")


def test_promtool_has_nothing_to_say(cluster):
    fill(cluster)
    cluster.nodes.down(next(iter(cluster.nodes.nodes)))
    wait_until(lambda: scrape(cluster).all("b3scale_backend_rejection"), "no backend was rejected")
    check_with_promtool(scrape(cluster).text)


def test_promtool_has_nothing_to_say_with_series_per_meeting(start_cluster):
    cluster = start_cluster(settings={"B3SCALE_METRICS_PER_MEETING": "true"})
    fill(cluster)
    page = scrape(cluster)
    assert page.labels("b3scale_single_meeting_attendees", "meeting") == {
        "math~one", "math~two", "arts~one"}
    assert len(page.all("b3scale_single_meeting_duration_seconds")) == 1
    check_with_promtool(page.text)


def test_the_series_of_meetings_are_the_same_in_openmetrics(start_cluster):
    cluster = start_cluster(settings={"B3SCALE_METRICS_PER_MEETING": "true"})
    fill(cluster)
    page = scrape(cluster, Accept="application/openmetrics-text;version=1.0.0")
    assert page.text.endswith("\n# EOF\n")
    assert page.labels("b3scale_single_meeting_attendees", "meeting") == {
        "math~one", "math~two", "arts~one"}


def test_a_token_that_nobody_can_send_stops_the_start(binaries):
    for token in (" sesame", "sesame\t", "ses\x01ame"):
        done = run(binaries, "--check-config", B3SCALE_METRICS_TOKEN=token)
        assert done.returncode == 2 and "B3SCALE_METRICS_TOKEN" in done.stderr
        assert "ses" not in done.stderr
    assert run(binaries, "--check-config", B3SCALE_METRICS_TOKEN="open sesame").returncode == 0


def test_no_series_per_meeting_unless_asked_for(cluster):
    fill(cluster)
    assert "math~one" not in scrape(cluster).text


def test_openmetrics_has_the_same_series(cluster):
    fill(cluster)
    plain = scrape(cluster)
    page = scrape(cluster, Accept="application/openmetrics-text;version=1.0.0;q=0.5,"
                                  "text/plain;version=0.0.4;q=0.3,*/*;q=0.2")
    assert page.answer.headers["content-type"] == OPEN_METRICS
    assert page.text.endswith("\n# EOF\n") and page.text.count("# EOF") == 1
    for name, kind in plain.types.items():
        bare = name.removesuffix("_total") if kind == "counter" else name
        assert page.types[bare] == kind
    without_buckets = {key for key in plain.samples if not key[0].endswith("_bucket")}
    assert without_buckets <= set(page.samples)


def test_labels_do_not_grow_with_what_strangers_send(cluster):
    tenant = cluster.tenant()
    tenant.create("room")
    scrape(cluster)
    before = set(scrape(cluster).samples)
    for i in range(30):
        fetch(f"{cluster.daemon.url}/bbb/nobody-{i}/api/call-{i}?x={i}")
        fetch(f"{cluster.daemon.url}/nowhere-{i}")
        fetch(f"{cluster.daemon.url}/api/v1/nowhere-{i}", method=f"M{i}")
        fetch(f"{cluster.daemon.url}/b3s/retry-join/token-{i}")
        tenant.call(f"call{i}")
        tenant.join(f"room-{i}")
    after = scrape(cluster)
    assert {name for name, labels in set(after.samples) - before} <= {
        "b3scale_api_requests_total", "b3scale_api_request_duration_seconds_bucket",
        "b3scale_api_request_duration_seconds_count", "b3scale_api_request_duration_seconds_sum"}
    assert "nowhere-" not in after.text and "nobody-" not in after.text
    assert after("b3scale_api_requests_total", method="other", route="other", status="4xx") == 30


def test_an_address_and_a_token_of_its_own(start_cluster):
    cluster = start_cluster(settings={"B3SCALE_METRICS_LISTEN": "127.0.0.1:0",
                                      "B3SCALE_METRICS_TOKEN": "open-sesame"})
    assert fetch(cluster.daemon.url + "/metrics").status == 404
    address = next(event["address"] for event in cluster.daemon.process.events()
                   if event.get("message") == "serving metrics")
    url = f"http://{address}/metrics"
    refused = fetch(url)
    assert refused.status == 401 and "bearer" in refused.headers["www-authenticate"].lower()
    assert fetch(url, headers={"Authorization": "Bearer open-says-me"}).status == 401
    page = Scrape(url, Authorization="Bearer open-sesame")
    assert page("b3scale_backends") == 3
    assert fetch(f"http://{address}/api/v1/status").status == 404
    assert fetch(f"http://{address}/bbb/math/api").status == 404
    assert fetch(url, method="POST", body="x").status == 405
    assert not any("open-sesame" in line for line in cluster.daemon.process.lines)


def test_failures_of_nodes_and_placements_are_counted(cluster):
    tenant = cluster.tenant()
    for name in cluster.nodes.nodes:
        cluster.nodes.down(name)
    assert not tenant.create("room").success
    wait_until(lambda: scrape(cluster)("b3scale_refresh_polls_total", result="refused"),
               "no poll was refused")
    cluster.wait_eligible(eligible=False)
    assert not tenant.create("room").success
    page = scrape(cluster)
    assert page("b3scale_placements_failed_total") >= 1
    assert sum(page.all("b3scale_placement_rejections_total").values()) >= 3
    assert sum(value for labels, value in page.all("b3scale_backend_call_failures_total").items()
               if ("reason", "not_sent") in labels) >= 3
    assert set(page.all("b3scale_backend_eligible").values()) == {0}
    assert page("b3scale_requests_total", call="create", result="failed") == 2


def test_a_request_is_one_id_everywhere(cluster):
    """The log, the answer and the node's request all carry it."""
    tenant = cluster.tenant()
    answer = tenant.get("create", meetingID="room", name="Room", attendeePW="ap", moderatorPW="mp")
    request_id = answer.headers["x-request-id"]
    wait_until(lambda: any(event.get("request_id") == request_id
                           and event.get("message") == "meeting created"
                           for event in cluster.daemon.process.events()),
               "the log does not have the request's id")
    missing = fetch(cluster.daemon.url + "/api/v1/frontends")
    assert missing.headers["x-request-id"] in text_of(missing)


def test_the_change_feed_and_the_database_pool(start_cluster, postgres_url):
    cluster = start_cluster(database_url=postgres_url)
    cluster.tenant()
    wait_until(lambda: (scrape(cluster)("b3scale_change_feed_lag_seconds") or 100) < 2,
               "the change feed is not followed")
    wait_until(lambda: scrape(cluster)("b3scale_change_feed_changes_total") > 0,
               "the changes are not counted")
    page = scrape(cluster)
    assert page("b3scale_change_feed_reads_total") > 0
    assert page("b3scale_database_workers") == 16
    assert page("b3scale_database_connections") >= 1
    check_with_promtool(page.text)


def test_how_long_a_scrape_takes_is_told(cluster):
    fill(cluster)
    scrape(cluster)
    page = scrape(cluster)
    seconds = page("b3scale_metrics_last_scrape_seconds")
    print(f"the event loop was busy for {seconds * 1000:.1f} ms with {len(page.samples)} series")
    assert 0 < seconds < 1


def test_every_metric_is_documented_and_the_alerts_use_them(start_cluster, tmp_path):
    cluster = start_cluster(settings={"B3SCALE_METRICS_PER_MEETING": "true"})
    fill(cluster)
    document = (ROOT / "docs/metrics.md").read_text()
    page = scrape(cluster)
    missing = {name for name in page.types if f"`{name}`" not in document}
    assert not missing
    rules = tmp_path / "rules.yml"
    rules.write_text(next(block for block in re.findall(r"```yaml\n(.*?)```", document, re.S)
                          if block.startswith("groups:")))
    done = subprocess.run(["promtool", "check", "rules", rules], text=True, capture_output=True,
                          timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    explained = set(re.findall(r"`(b3scale_\w+)`", document))
    for used in set(re.findall(r"\bb3scale_\w+", rules.read_text())):
        assert re.sub("_(bucket|count|sum)$", "", used) in explained or used in explained, used
