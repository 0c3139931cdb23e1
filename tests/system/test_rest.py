"""The REST API: who may, what is refused and why."""
import json
import time
import urllib.parse

import pytest

from b3cluster import AdminApi, access_token, base64url, fetch, fetch_json
from conftest import JWT_SECRET, in_parallel, scoped


@pytest.fixture(scope="module")
def api(shared_cluster):
    return shared_cluster.admin


@pytest.fixture
def frontend(api):
    made = api.add_frontend("rest-test", settings={"required_tags": ["a"]})
    yield made
    api.request("DELETE", f"/frontends/{made['id']}?force=true")


def problem(answer, status, code):
    assert answer[0] == status, answer
    assert answer[1]["error"] == code, answer
    assert answer[1]["message"] and answer[1]["request_id"]
    return answer[1]


def with_token(shared_cluster, token):
    return AdminApi(shared_cluster.daemon.url, token)


# -- who may --------------------------------------------------------------------------------------

def bad_tokens():
    good = access_token(JWT_SECRET)
    head, payload, signature = good.split(".")
    none = base64url(json.dumps({"alg": "none"}).encode())
    hs256 = base64url(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
    return {
        "another secret": access_token("another-secret-of-the-same-length"),
        "expired": access_token(JWT_SECRET, exp=int(time.time()) - 1),
        "not yet valid": access_token(JWT_SECRET, nbf=int(time.time()) + 60),
        "alg none": f"{none}.{payload}.",
        "alg none, signed": f"{none}.{payload}.{signature}",
        "alg HS256": f"{hs256}.{payload}.{signature}",
        "altered payload": f"{head}.{payload[:-2]}AA.{signature}",
        "cut off": good[:-4],
        "one part": head,
        "empty parts": "..",
        "padded": good + "=",
        "long": "a." * 20000 + "b",
        "nothing": "",
    }


@pytest.mark.parametrize("name", bad_tokens())
def test_a_bad_token_opens_nothing(shared_cluster, name):
    api = with_token(shared_cluster, bad_tokens()[name])
    status, _ = api.request("GET", "/backends")
    assert status in (401, 431)
    status, _ = api.request("POST", "/frontends", {"bbb": {"key": "intruder"}})
    assert status in (401, 431)
    assert shared_cluster.admin.get("/frontends?key=intruder") == []


def test_no_token_is_told_what_is_needed(shared_cluster):
    answer = fetch(shared_cluster.daemon.url + "/api/v1/backends")
    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert json.loads(answer.body)["error"] == "unauthorized"


def test_basic_authentication_is_no_token(shared_cluster):
    answer = fetch(shared_cluster.daemon.url + "/api/v1/backends",
                   headers={"Authorization": "Basic YWRtaW46YWRtaW4="})
    assert answer.status == 401


def test_a_plain_account_sees_its_own_frontends_only(shared_cluster, api):
    mine = api.add_frontend("mine", account_ref="faculty-1")
    other = api.add_frontend("other", account_ref="faculty-2")
    nobodys = api.add_frontend("nobodys")
    try:
        plain = with_token(shared_cluster,
                           access_token(JWT_SECRET, "faculty-1", scopes="b3scale"))
        assert [f["id"] for f in plain.get("/frontends")] == [mine["id"]]
        assert plain.get(f"/frontends/{mine['id']}")["bbb"]["key"] == "mine"
        for hidden in (other, nobodys):
            problem(plain.request("GET", f"/frontends/{hidden['id']}"), 404, "not_found")
        for method, path, document in (
                ("GET", "/backends", None), ("POST", "/frontends", {"bbb": {"key": "more"}}),
                ("PATCH", f"/frontends/{mine['id']}", {"active": False}),
                ("DELETE", f"/frontends/{mine['id']}", None), ("POST", "/ctrl/migrate", {})):
            problem(plain.request(method, path, document), 403, "forbidden")
        assert plain.get("/status")["is_admin"] is False
    finally:
        for each in (mine, other, nobodys):
            api.delete(f"/frontends/{each['id']}")


def test_a_token_without_any_scope_reads_nothing(shared_cluster):
    api = with_token(shared_cluster, access_token(JWT_SECRET, scopes=""))
    problem(api.request("GET", "/frontends"), 403, "forbidden")
    problem(api.request("GET", "/meetings"), 403, "forbidden")


def test_without_a_configured_secret_the_api_is_off(start_cluster):
    cluster = start_cluster(register=False)
    cluster.restart_daemon(B3SCALE_API_JWT_SECRET="")
    for token in (access_token(JWT_SECRET), access_token("")):
        status, body = AdminApi(cluster.daemon.url, token).request("GET", "/frontends")
        assert status == 503 and "B3SCALE_API_JWT_SECRET" in body["message"]


# -- status and routing ---------------------------------------------------------------------------

def test_status_tells_version_and_database(api):
    status = api.get("/status")
    assert status["api"] == "v1" and status["version"] and status["is_admin"] is True
    assert status["database"]["ok"] is True and status["database"]["schema_version"] >= 1
    assert status["backends"] == 3


def test_unknown_paths_and_methods(shared_cluster, api):
    problem(api.request("GET", "/nothing"), 404, "not_found")
    problem(api.request("GET", "/frontends/not-a-uuid"), 404, "not_found")
    problem(api.request("GET", "/frontends/00000000-0000-4000-8000-000000000000"), 404, "not_found")
    answer = fetch(api.url + "/frontends", "PUT", "{}", {"Authorization": "Bearer " + api.token,
                                                         "Content-Type": "application/json"})
    assert answer.status == 405
    assert {"GET", "POST"} <= {m.strip() for m in answer.headers["allow"].split(",")}


# -- frontends ------------------------------------------------------------------------------------

def test_a_frontend_gets_a_secret_when_none_is_given(api):
    made = api.post("/frontends", {"bbb": {"key": "fresh"}})
    try:
        assert len(made["bbb"]["secret"]) >= 32
        other = api.post("/frontends", {"bbb": {"key": "fresh-2"}})
        assert other["bbb"]["secret"] != made["bbb"]["secret"]
        api.delete(f"/frontends/{other['id']}")
    finally:
        api.delete(f"/frontends/{made['id']}")


@pytest.mark.parametrize("document, field", [
    ({}, "bbb"), ({"bbb": {}}, "bbb.key"), ({"bbb": {"key": ""}}, "bbb.key"),
    ({"bbb": {"key": "a~b"}}, "bbb.key"), ({"bbb": {"key": "a/b"}}, "bbb.key"),
    ({"bbb": {"key": ".."}}, "bbb.key"), ({"bbb": {"key": "k" * 65}}, "bbb.key"),
    ({"bbb": {"key": 7}}, "bbb.key"), ({"bbb": {"key": "k", "secret": ""}}, "bbb.secret"),
    ({"bbb": {"key": "k", "secret": "   "}}, "bbb.secret"),
    ({"bbb": {"key": "k"}, "settings": {"required_tags": "gpu"}}, "settings.required_tags"),
    ({"bbb": {"key": "k"}, "settings": []}, "settings"),
    ({"bbb": {"key": "k"}, "active": "yes"}, "active"),
])
def test_a_frontend_that_makes_no_sense_is_refused_by_field(api, document, field):
    answer = problem(api.request("POST", "/frontends", document), 400, "validation_error")
    assert any(name == field or name.startswith(field) for name in answer["fields"]), answer
    assert api.get("/frontends?key=k") == []


def test_a_key_that_is_taken_is_a_conflict(api, frontend):
    problem(api.request("POST", "/frontends", {"bbb": {"key": "rest-test"}}), 409, "conflict")


def test_patch_changes_only_what_it_names(api, frontend):
    path = f"/frontends/{frontend['id']}"
    changed = api.patch(path, {"settings": {"note": "x", "deep": {"a": 1, "b": 2}}})
    assert changed["settings"]["required_tags"] == ["a"]
    assert changed["bbb"] == frontend["bbb"] and changed["active"] is True
    changed = api.patch(path, {"settings": {"required_tags": None, "deep": {"a": None}}})
    assert changed["settings"] == {"note": "x", "deep": {"b": 2}}
    assert api.patch(path, {"account_ref": "faculty"})["account_ref"] == "faculty"
    assert api.patch(path, {"active": False})["account_ref"] == "faculty"
    assert api.patch(path, {"account_ref": None})["account_ref"] is None
    assert api.get(path)["active"] is False


@pytest.mark.parametrize("document", [
    {"bbb": {"secret": None}}, {"bbb": {"secret": ""}}, {"bbb": {"key": None}}, {"active": None},
    {"settings": {"required_tags": 5}},
])
def test_patch_refuses_what_would_leave_nonsense(api, frontend, document):
    path = f"/frontends/{frontend['id']}"
    problem(api.request("PATCH", path, document), 400, "validation_error")
    assert api.get(path) == frontend


def test_parallel_patches_of_different_keys_all_survive(api, frontend):
    path = f"/frontends/{frontend['id']}"
    in_parallel(12, lambda i: api.patch(path, {"settings": {f"key-{i}": i}}))
    settings = api.get(path)["settings"]
    assert {f"key-{i}": i for i in range(12)}.items() <= settings.items()


def test_a_frontend_with_meetings_is_not_deleted_without_force(shared_cluster, api):
    tenant = shared_cluster.tenant("busy")
    tenant.create("room")
    [frontend] = api.get("/frontends?key=busy")
    problem(api.request("DELETE", f"/frontends/{frontend['id']}"), 409, "in_use")
    problem(api.request("PATCH", f"/frontends/{frontend['id']}", {"bbb": {"key": "renamed"}}),
            409, "conflict")
    assert tenant.meeting_ids() == ["room"]
    api.delete(f"/frontends/{frontend['id']}?force=true")
    assert tenant.call("getMeetings").key == "checksumError"
    assert api.get("/meetings?frontend_key=busy") == []


# -- backends -------------------------------------------------------------------------------------

@pytest.mark.parametrize("document, field", [
    ({"bbb": {"host": "ftp://node/"}}, "bbb.host"), ({"bbb": {"host": "node"}}, "bbb.host"),
    ({"bbb": {"host": "https://user:pw@node/"}}, "bbb.host"),
    ({"bbb": {"host": "https://node/?x=1"}}, "bbb.host"), ({"bbb": {"secret": ""}}, "bbb.secret"),
    ({"load_factor": 0}, "load_factor"), ({"load_factor": -1}, "load_factor"),
    ({"load_factor": 1001}, "load_factor"), ({"load_factor": "2"}, "load_factor"),
    ({"admin_state": "on"}, "admin_state"), ({"settings": {"max_meetings": -1}}, "settings"),
    ({"settings": {"tags": [1]}}, "settings"),
])
def test_a_backend_that_makes_no_sense_is_refused_by_field(api, document, field):
    whole = {"bbb": {"host": "https://new.example.org/", "secret": "s"}}
    whole["bbb"].update(document.pop("bbb", {}))
    answer = problem(api.request("POST", "/backends", {**whole, **document}), 400,
                     "validation_error")
    assert any(name.startswith(field) for name in answer["fields"]), answer
    assert len(api.get("/backends")) == 3


def test_a_backend_is_stored_under_its_normal_address_once(api):
    made = api.post("/backends", {"bbb": {"host": "https://NODE.Example.org:443", "secret": "s"}})
    try:
        assert made["bbb"]["host"] == "https://node.example.org/bigbluebutton/api/"
        assert made["admin_state"] == "init" and made["eligible"] is False
        problem(api.request("POST", "/backends", {
            "bbb": {"host": "https://node.example.org/bigbluebutton/api", "secret": "t"}}),
            409, "conflict")
    finally:
        api.delete(f"/backends/{made['id']}")


def test_load_factor_null_means_the_default(shared_cluster, api):
    backend = shared_cluster.backends()["node1"]
    path = f"/backends/{backend['id']}"
    assert api.patch(path, {"load_factor": 4})["load_factor"] == 4
    assert api.patch(path, {"load_factor": None})["load_factor"] == 1
    problem(api.request("PATCH", path, {"admin_state": None}), 400, "validation_error")


def test_lists_can_be_filtered_and_cut(api):
    ordered = api.get("/backends")
    assert [b["bbb"]["host"] for b in ordered] == sorted(b["bbb"]["host"] for b in ordered)
    answer = fetch(api.url + "/backends?limit=1&offset=1",
                   headers={"Authorization": "Bearer " + api.token})
    assert [b["id"] for b in json.loads(answer.body)] == [ordered[1]["id"]]
    assert answer.headers["x-total-count"] == "3"
    host = urllib.parse.quote(ordered[0]["bbb"]["host"], safe="")
    assert [b["id"] for b in api.get(f"/backends?host={host}")] == [ordered[0]["id"]]
    assert api.get("/backends?admin_state=stopped") == []
    problem(api.request("GET", "/backends?limit=-1"), 400, "validation_error")


# -- meetings -------------------------------------------------------------------------------------

def test_meetings_are_found_by_either_id(shared_cluster, api):
    tenant = shared_cluster.tenant("ids")
    internal_id = tenant.create("ä/b c")["internalMeetingID"]
    try:
        for id_ in (scoped(tenant, "ä/b c"), internal_id):
            meeting = api.get("/meetings/" + urllib.parse.quote(id_, safe=""))
            assert meeting["meeting_id"] == "ä/b c" and meeting["internal_id"] == internal_id
            assert meeting["state"] == "bound" and meeting["placement"]["chosen"]
        assert [m["meeting_id"] for m in api.get("/meetings?frontend_key=ids")] == ["ä/b c"]
        problem(api.request("GET", "/meetings/nothing"), 404, "not_found")
    finally:
        tenant.end("ä/b c")


# -- hostile bodies -------------------------------------------------------------------------------

@pytest.mark.parametrize("body, status", [
    (b"{", 400), (b"[]", 400), (b"null", 400), (b'{"bbb":{"key":"k"}} trailing', 400), (b"", 400),
    (b"\xff\xfe", 400), (b'{"bbb":' + b"[" * 100000, 400), (b'{"a":1e999}', 400),
    (b'{"bbb":{"key":"k\\u0000"}}', 400), (b'{"bbb":{"key":"k","secret":"a\\u0000b"}}', 400),
    (b" " * (1024 * 1024 + 1), 413),
])
def test_a_body_that_is_no_json_object_is_refused(api, body, status):
    answer = fetch(api.url + "/frontends", "POST", body,
                   {"Authorization": "Bearer " + api.token, "Content-Type": "application/json"})
    assert answer.status == status, answer
    assert json.loads(answer.body)["error"]
    assert api.get("/frontends?key=k") == []


def test_another_content_type_is_refused(api):
    answer = fetch(api.url + "/frontends", "POST", '{"bbb":{"key":"k"}}',
                   {"Authorization": "Bearer " + api.token, "Content-Type": "text/plain"})
    assert answer.status == 415


def test_secrets_are_in_no_log(shared_cluster, api, frontend):
    api.patch(f"/frontends/{frontend['id']}", {"bbb": {"secret": "changed-secret-4711"}})
    api.request("POST", "/frontends", {"bbb": {"key": "bad key", "secret": "refused-secret-4712"}})
    fetch_json(api.url + "/status?token=leak-4713", headers={"Authorization": "Bearer " + api.token})
    said = "\n".join(shared_cluster.daemon.process.lines)
    for secret in ("changed-secret-4711", "refused-secret-4712", JWT_SECRET, api.token,
                   frontend["bbb"]["secret"], "node-secret", "leak-4713"):
        assert secret not in said
