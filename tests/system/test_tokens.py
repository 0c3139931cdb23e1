"""Every route against every kind of token."""
import json
import time

import pytest

from b3cluster import AdminApi, access_token, fetch
from conftest import JWT_SECRET


def tokens(api):
    api.delete("/tokens/revoked-one")
    return {
        "none": None,
        "expired": access_token(JWT_SECRET, exp=int(time.time()) - 1),
        "wrong secret": access_token("another-secret-of-the-same-length"),
        "revoked": access_token(JWT_SECRET, jti="revoked-one"),
        "user": access_token(JWT_SECRET, "someone", scopes="b3scale"),
        "node": access_token(JWT_SECRET, "a-node", scopes="b3scale:node"),
    }


def test_each_route_takes_the_tokens_it_says(shared_cluster):
    """With bodies that are refused and ids of nothing, so that nothing changes."""
    url = shared_cluster.daemon.url
    document = json.loads(fetch(url + "/api/v1/openapi.json").body)
    for name, token in tokens(shared_cluster.admin).items():
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                target = path.replace("{id}", "00000000-0000-4000-8000-000000000000")
                answer = fetch(url + target, method.upper(), None, headers)
                rule = operation["description"]
                case = (name, method, path, answer.status)
                if rule == "Needs no token.":
                    assert answer.status == 200, case
                elif name not in ("user", "node"):
                    assert answer.status == 401, case
                elif rule == "Any token.":
                    assert answer.status == 200, case
                else:
                    allowed = {"user": "or b3scale for", "node": "or b3scale:node for"}[name]
                    assert (answer.status == 403) != (allowed in rule), case


@pytest.mark.parametrize("order", ["both", "only new"])
def test_the_previous_secret_counts_while_it_is_set(start_cluster, order):
    cluster = start_cluster(nodes=1)
    old = access_token(JWT_SECRET)
    more = {"B3SCALE_API_JWT_SECRET_PREVIOUS": JWT_SECRET} if order == "both" else {}
    cluster.restart_daemon(B3SCALE_API_JWT_SECRET="the-new-secret-of-the-rest-api", **more)
    status, _ = AdminApi(cluster.daemon.url, old).request("GET", "/frontends")
    assert status == (200 if order == "both" else 401)
    new = access_token("the-new-secret-of-the-rest-api")
    assert AdminApi(cluster.daemon.url, new).request("GET", "/frontends")[0] == 200


def test_a_revoked_token_stays_revoked_over_a_restart(start_cluster):
    cluster = start_cluster(nodes=1)
    token = access_token(JWT_SECRET, jti="gone")
    assert AdminApi(cluster.daemon.url, token).request("GET", "/frontends")[0] == 200
    cluster.admin.delete("/tokens/gone")
    assert AdminApi(cluster.daemon.url, token).request("GET", "/frontends")[0] == 401
    cluster.restart_daemon()
    assert AdminApi(cluster.daemon.url, token).request("GET", "/frontends")[0] == 401
    assert [row["id"] for row in cluster.admin.get("/tokens")] == ["gone"]
