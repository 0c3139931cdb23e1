"""b3scaled behind a web server, as it is run in production."""
import os
import shutil
import socket
import urllib.parse

import pytest

from b3cluster import Process, Tenant, fetch, wait_until
from conftest import in_parallel

CONFIG = """
daemon off; worker_processes 1; pid {directory}/nginx.pid; error_log {directory}/error.log;
{user}
events {{ worker_connections 512; }}
http {{
  access_log off; client_max_body_size 40m;
  client_body_temp_path {directory}/t1; proxy_temp_path {directory}/t2;
  fastcgi_temp_path {directory}/t3; uwsgi_temp_path {directory}/t4; scgi_temp_path {directory}/t5;
  upstream b3scale {{ server {upstream}; keepalive 4; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://b3scale; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Host $http_host; proxy_set_header X-Forwarded-Proto $scheme;
    }}
  }}
}}
"""


@pytest.fixture
def proxy(cluster, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = tmp_path / "nginx.conf"
    config.write_text(CONFIG.format(directory=tmp_path, upstream=cluster.daemon.address, port=port,
                                    user="user root;" if os.geteuid() == 0 else ""))
    nginx = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    assert nginx, "nginx is not installed"
    process = Process("nginx", [nginx, "-c", config], tmp_path / "nginx.log")

    def listening():
        assert process.running, process.tail()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_until(listening, "nginx does not listen")
    yield f"http://127.0.0.1:{port}"
    process.stop()


def test_a_meeting_lives_behind_a_reverse_proxy(cluster, proxy):
    direct = cluster.tenant()
    tenant = Tenant(proxy, direct.key, direct.secret)
    assert tenant.create("room/ä b", name="Ä & B").success
    assert tenant.enter("room/ä b", "Ada").status == 302
    assert tenant.info("room/ä b")["participantCount"] == "1"
    body = "<modules><module name='presentation'><document url='https://x.example/a.pdf'/>" \
           + " " * (2 * 1024 * 1024) + "</module></modules>"
    answer = fetch(tenant.signed_url("create", meetingID="slides", name="S", moderatorPW="mp",
                                     attendeePW="ap"),
                   "POST", body, {"Content-Type": "application/xml"})
    assert b"SUCCESS" in answer.body, answer
    assert tenant.end("room/ä b").success
    assert tenant.meeting_ids() == ["slides"]


def test_kept_connections_of_a_proxy_serve_many_tenants_without_mixing_them(cluster, proxy):
    tenants = []
    for i in range(4):
        direct = cluster.tenant(f"t{i}")
        tenants.append(Tenant(proxy, direct.key, direct.secret))
        assert tenants[-1].create(f"only-{i}").success

    def look(i):
        for _ in range(25):
            assert tenants[i % 4].meeting_ids() == [f"only-{i % 4}"]

    in_parallel(8, look)


def test_the_waiting_page_stays_on_the_proxys_address(cluster, proxy):
    direct = cluster.tenant()
    tenant = Tenant(proxy, direct.key, direct.secret)
    tenant.create("room")
    node = cluster.node_of(tenant, "room")
    cluster.nodes.down(node)
    cluster.wait_eligible(node, eligible=False)
    page = tenant.join("room")
    assert page.status == 200
    assert urllib.parse.urlsplit(cluster.daemon.url).netloc.encode() not in page.body
