"""Fixtures of the test_cluster_*.py files; imported by each of them."""
import urllib.parse

import pytest

from chaos.instances import Instances
from chaos.postgres import PgBouncer, PostgresServer
from chaos.proxy import TcpProxy


@pytest.fixture
def start_pair(postgres_url, start_cluster):
    """Starts two instances on a fresh database of the shared server."""
    def start(settings=None, nodes=3, urls=None, **options):
        cluster = start_cluster(database_url=(urls or [postgres_url])[0], nodes=nodes,
                                settings=settings, **options)
        return Instances(cluster, urls=urls)

    return start


@pytest.fixture
def pair(start_pair):
    return start_pair()


@pytest.fixture
def closing():
    """Closes what it is given after the test, the last one first."""
    given = []

    def close_later(thing):
        given.append(thing)
        return thing

    yield close_later
    for thing in reversed(given):
        thing.close()


@pytest.fixture
def server(closing):
    """A PostgreSQL server of this test's own."""
    return closing(PostgresServer())


def place_of(url):
    parts = urllib.parse.urlsplit(url)
    return parts.hostname, parts.port


@pytest.fixture
def proxy(closing, postgres_url):
    """A proxy in front of the fresh database; `proxy.url` leads through it."""
    made = closing(TcpProxy(place_of(postgres_url)))
    made.url = urllib.parse.urlsplit(postgres_url)._replace(
        netloc=f"postgres@127.0.0.1:{made.port}").geturl()
    return made


@pytest.fixture
def bouncer(closing, postgres_url):
    host, port = place_of(postgres_url)
    return closing(PgBouncer(host, port, urllib.parse.urlsplit(postgres_url).path[1:]))
