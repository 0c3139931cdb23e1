"""The OpenAPI document, held against real answers, and used to throw odd requests at every route."""
import json
import random
import urllib.parse

import pytest

from b3cluster import fetch, wait_until


@pytest.fixture(scope="module")
def document(shared_cluster):
    answer = fetch(shared_cluster.daemon.url + "/api/v1/openapi.json")
    assert answer.status == 200
    return json.loads(answer.body)


TYPES = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "object": dict,
         "array": list, "null": type(None)}


def is_of(value, name):
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, TYPES[name])


def check(document, schema, value, path="$"):
    """The part of JSON Schema that the document uses."""
    known = {"$ref", "anyOf", "type", "properties", "required", "items", "enum", "format",
             "description", "additionalProperties"}
    assert set(schema) <= known, (path, schema)
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/components/schemas/")
        return check(document, document["components"]["schemas"][name], value, path)
    if "anyOf" in schema:
        for option in schema["anyOf"]:
            try:
                return check(document, option, value, path)
            except AssertionError:
                pass
        raise AssertionError(f"{path}: {value!r} is none of {schema['anyOf']}")
    if "type" in schema:
        names = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        assert any(is_of(value, name) for name in names), f"{path}: {value!r} is no {names}"
    if "enum" in schema:
        assert value in schema["enum"], f"{path}: {value!r}"
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        for name in schema.get("required", []):
            assert name in value, f"{path} lacks {name}"
        for name, member in value.items():
            if name in properties:
                check(document, properties[name], member, f"{path}.{name}")
            else:
                assert schema.get("additionalProperties", True), f"{path} has {name}"
    if isinstance(value, list):
        for position, item in enumerate(value):
            check(document, schema.get("items", {}), item, f"{path}[{position}]")


def test_the_checker_refuses_what_is_wrong(document):
    for wrong in ({}, {"before": "1", "current": 2}, {"before": 1, "current": 2, "more": 3}, []):
        with pytest.raises(AssertionError):
            check(document, {"$ref": "#/components/schemas/Migration"}, wrong)
    check(document, {"$ref": "#/components/schemas/Migration"}, {"before": 1, "current": 2})


def test_real_answers_are_what_the_document_says(shared_cluster, document):
    api = shared_cluster.admin
    tenant = shared_cluster.tenant("documented", account_ref="someone")
    tenant.create("lesson")
    backend = api.get("/backends")[0]
    ids = {"frontends": api.get("/frontends?key=documented")[0]["id"], "backends": backend["id"],
           "meetings": urllib.parse.quote("documented~lesson", safe="")}
    status, command = api.request("POST", "/commands",
                                  {"action": "refresh", "backend_id": backend["id"]})
    assert status == 202, command
    ids["commands"] = command["id"]
    checked = 0
    for path, methods in document["paths"].items():
        if "get" not in methods or path.startswith("/api/v1/recordings"):
            continue
        target = path
        if "{id}" in path:
            target = path.replace("{id}", ids[path.split("/")[3]])
        if path == "/api/v1/placement":
            target += "?frontend=documented"
        answer = fetch(shared_cluster.daemon.url + target,
                       headers={"Authorization": "Bearer " + api.token})
        responses = methods["get"]["responses"]
        expected = responses.get(str(answer.status), responses["default"])
        if path != "/api/v1/agent/backend":
            assert answer.status == 200, (target, answer)
        check(document, expected["content"]["application/json"]["schema"],
              json.loads(answer.body), target)
        checked += 1
    assert checked >= 17
    tenant.end("lesson")


def odd_value(dice):
    return dice.choice([None, True, 0, -1, 1e308, 2 ** 63, "", "x" * 5000, "a\u0000b", "ü", [], {},
                        [[[]]], {"a": {"b": None}}, "true", "'; DROP TABLE audit; --", "../..",
                        "\ud83d\ude00", 0.1, [1, "2", None]])


def fitting_value(document, schema, dice):
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/components/schemas/")
        schema = document["components"]["schemas"][name]
    if "enum" in schema:
        return dice.choice(schema["enum"])
    names = schema.get("type", "object")
    kind = names if isinstance(names, str) else dice.choice(names)
    if kind == "object":
        return {name: dice.choice([fitting_value, lambda *_: odd_value(dice)])(document, part, dice)
                for name, part in schema.get("properties", {}).items() if dice.random() < 0.4}
    return {"string": dice.choice(["text", "https://fuzz.example.org/", "2026-01-01T00:00:00Z"]),
            "integer": dice.randrange(-2, 200), "number": dice.random() * 20,
            "boolean": dice.random() < 0.5, "array": [], "null": None}[kind]


def test_nothing_odd_makes_a_server_error(start_cluster):
    """A fixed seed; whatever comes in, the answer is a yes or a no of ours."""
    cluster = start_cluster(nodes=1)
    api = cluster.admin
    document = json.loads(fetch(cluster.daemon.url + "/api/v1/openapi.json").body)
    dice = random.Random(20261122)
    operations = [(path, method, operation) for path, methods in document["paths"].items()
                  for method, operation in methods.items()]
    ids = ["nothing", "%00", "%ff", "a%2Fb", "00000000-0000-4000-8000-000000000000", "x" * 300]
    ids += [backend["id"] for backend in api.get("/backends")]
    seen = set()
    for _ in range(700):
        path, method, operation = dice.choice(operations)
        target = path.replace("{id}", dice.choice(ids))
        query = []
        for parameter in operation["parameters"]:
            if parameter["in"] == "query" and dice.random() < 0.4:
                value = dice.choice([odd_value(dice),
                                     fitting_value(document, parameter["schema"], dice)])
                query.append((parameter["name"], str(value).encode("utf-8", "replace")))
        if query:
            target += "?" + urllib.parse.urlencode(query)
        body = None
        if "requestBody" in operation:
            [(kind, content)] = operation["requestBody"]["content"].items()
            value = fitting_value(document, content["schema"], dice)
            if dice.random() < 0.15:
                value = odd_value(dice)
            body = json.dumps(value).encode("utf-8", "replace")
        headers = {"Authorization": "Bearer " + api.token, "Content-Type": "application/json"}
        if body is not None and "application/xml" in operation["requestBody"]["content"]:
            headers["Content-Type"] = "application/xml"
        answer = fetch(cluster.daemon.url + target, method.upper(), body, headers)
        assert answer.status < 500 or answer.status == 501, (method, target, body, answer)
        assert (answer.status == 501) <= ("recordings" in path), (method, target, answer)
        check(document, operation["responses"].get(str(answer.status),
                                                   operation["responses"]["default"])
              ["content"]["application/json"]["schema"], json.loads(answer.body), target)
        seen.add((path, method))
    assert len(seen) == len(operations)
    assert api.get("/status")["database"]["ok"] is True


def test_the_page_needs_nothing_from_elsewhere(shared_cluster, document):
    answer = fetch(shared_cluster.daemon.url + "/docs/api/v1")
    assert answer.status == 200 and answer.headers["content-type"].startswith("text/html")
    page = answer.body.decode() if isinstance(answer.body, bytes) else answer.body
    for path in document["paths"]:
        assert path in page
    assert "http://" not in page and "https://" not in page and "<script" not in page


def test_readiness_is_told_in_json_when_asked(shared_cluster):
    for path in ("/health", "/ready"):
        answer = fetch(shared_cluster.daemon.url + path, headers={"Accept": "application/json"})
        assert answer.status == 200 and json.loads(answer.body)["status"] == "ok"
