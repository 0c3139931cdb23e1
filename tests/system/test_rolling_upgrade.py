"""A program and a database of a newer version (docs/decisions/0007-schema-versions.md).

The newer program is played by what it would leave behind: a row in schema_versions and, as far as
its step goes, columns, tables and triggers that this program does not know.
"""
import subprocess
import urllib.parse

import pytest

from b3cluster import wait_until
from chaos.fixtures import start_pair  # noqa: F401
from chaos.postgres import query
from conftest import run_sql

FUTURE = 99

# What a compatible step may do: columns with defaults, tables, triggers of its own.
STEP = """
ALTER TABLE meetings ADD COLUMN region text NOT NULL DEFAULT 'nowhere';
ALTER TABLE backends ADD COLUMN region text NOT NULL DEFAULT 'nowhere';
ALTER TABLE frontends ADD COLUMN quota integer;
ALTER TABLE tombstones ADD COLUMN reason text NOT NULL DEFAULT '';
CREATE TABLE regions (name text PRIMARY KEY, meetings bigint NOT NULL);
INSERT INTO regions VALUES ('nowhere', 0);
CREATE FUNCTION count_region() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE regions SET meetings = meetings + 1 WHERE name = NEW.region;
  RETURN NULL; END $$;
CREATE TRIGGER count_region AFTER INSERT ON meetings FOR EACH ROW EXECUTE FUNCTION count_region();
"""


def known_version(url):
    return int(query(url, "SELECT max(version) FROM schema_versions")[0][0])


def migrate_to_the_future(url, compatible_with, step=""):
    run_sql(url, step + "INSERT INTO schema_versions (version, compatible_with, name, applied_at) "
            f"VALUES ({FUTURE}, {compatible_with}, 'from the future', now())")


def use(creating, joining, meeting_id):
    """Create, join, read, and end, through two instances."""
    created = creating.create(meeting_id)
    assert created.success, created
    assert creating.create(meeting_id)["internalMeetingID"] == created["internalMeetingID"]
    assert joining.join(meeting_id).status == 302
    assert joining.info(meeting_id)["internalMeetingID"] == created["internalMeetingID"]
    wait_until(lambda: meeting_id in joining.meeting_ids(), "the feed does not work", 5)
    assert joining.end(meeting_id).success
    wait_until(lambda: meeting_id not in creating.meeting_ids(), "it did not end", 5)


def test_old_programs_go_on_and_start_again_beside_a_newer_one(start_pair, postgres_url):
    pair = start_pair()
    one, other = pair.tenants()
    use(one, other, "before")
    assert one.create("through-all-of-it").success
    # The newer program migrates while both run...
    migrate_to_the_future(postgres_url, known_version(postgres_url), STEP)
    use(one, other, "while-running")
    # ... and each old one is started once more, as after a crash or a step back.
    for number in (0, 1):
        assert pair.stop(number) in (None, 0)
        pair.start(number)
        assert pair[number].process.running
    use(one, other, "started-again")
    use(other, one, "and-the-other-way-round")
    assert one.join("through-all-of-it").status == other.join("through-all-of-it").status == 302
    # Polls and leases work as well: what ends on its node is gone.
    node = pair.node_of(one, "through-all-of-it")
    pair.nodes.end_on_node(node, "math~through-all-of-it")
    wait_until(lambda: one.meeting_ids() == other.meeting_ids() == [], "not polled", 15)
    # What the newer program added was kept up by the database, and its version is still there.
    assert query(postgres_url, "SELECT meetings FROM regions") == [["3"]]
    assert query(postgres_url, "SELECT max(version) FROM schema_versions") == [[str(FUTURE)]]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_database_that_is_too_new_is_refused_and_left_alone(start_cluster, kind, request):
    url = None if kind == "sqlite" else request.getfixturevalue("postgres_url")
    cluster = start_cluster(database_url=url)
    tenant = cluster.tenant()
    assert tenant.create("before").success
    assert cluster.daemon.process.stop() == 0
    if kind == "sqlite":
        run = sqlite_runner(urllib.parse.urlsplit(cluster.database_url).path)
        version = run("SELECT max(version) FROM schema_versions")
        run(f"INSERT INTO schema_versions VALUES ({FUTURE}, {version + 1}, 'from the future', 0)")
    else:
        version = known_version(url)
        migrate_to_the_future(url, version + 1)
    refused = subprocess.run([cluster.binaries / "b3scaled"], env={**cluster.settings},
                             capture_output=True, text=True, timeout=20)
    assert refused.returncode not in (0, None) and refused.returncode > 0
    said = refused.stdout + refused.stderr
    assert "Sanitizer" not in said
    # Both numbers, and what to do.
    assert str(FUTURE) in said and str(version) in said, said
    assert "newer b3scaled" in said and "backup" in said, said
    # Once the newer program is taken back, everything is as it was.
    if kind == "sqlite":
        run(f"DELETE FROM schema_versions WHERE version = {FUTURE}")
    else:
        run_sql(url, f"DELETE FROM schema_versions WHERE version = {FUTURE}")
    cluster.start_daemon()
    assert tenant.join("before").status == 302


def sqlite_runner(path):
    import sqlite3

    def run(sql):
        connection = sqlite3.connect(path)
        with connection:
            row = connection.execute(sql).fetchone()
        connection.close()
        return row[0] if row else None

    return run
