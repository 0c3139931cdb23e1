"""h: 1,000 nodes' agents on one instance: a heartbeat each second from every node, and 2,000 attendee
events a second besides, on PostgreSQL.

Every agent is one kept connection that sends its heartbeat (with host figures) and, in turn, joins
and leaves of made-up people in its two meetings, each an RPC of its own that is answered when it is
durable. The rates are given, not the most that goes: what is measured is the processor time of
b3scaled and PostgreSQL, how long an event takes to be answered, and whether the counts in the
database are right at the end.
"""
import asyncio
import json
import statistics
import time
import urllib.parse

from b3cluster import access_token
from common import ClusterError
from items.creates import server_seconds
from items.rows import row
from items.scale import BACKENDS, Scene
from items.stage import SECRET, Stage, cpu_seconds, progress

SECONDS = 15
WARM_UP = 5
EVENTS_PER_AGENT = 2  # a second
REPORT = {"cpu_percent": 41.5, "load1": 2.5, "memory_total_bytes": 34359738368,
          "memory_used_bytes": 9663676416, "disk_used_bytes": 1099511627776}


class Agent(asyncio.Protocol):
    """One connection; requests are answered in order."""

    def __init__(self, number, host, internal_ids, tally):
        token = access_token(SECRET, f"node{number}", "b3scale:node")
        self.head = (f"Host: {host}\r\nAuthorization: Bearer {token}\r\n"
                     "Content-Type: application/json\r\n")
        self.number, self.internal_ids, self.tally = number, internal_ids, tally
        self.sent, self.buffer, self.steps = [], b"", 0

    def connection_made(self, transport):
        self.transport = transport

    def connection_lost(self, error):
        if self.sent:
            self.tally["failed"] += len(self.sent)

    def data_received(self, data):
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            at = head.index(b"content-length:") + 15
            length = int(head[at:].split(b"\r\n", 1)[0])
            if len(self.buffer) < end + 4 + length:
                return
            kind, began = self.sent.pop(0)
            if head.startswith(b"http/1.1 200"):
                self.tally[kind].append(time.monotonic() - began)
            else:
                self.tally["failed"] += 1
                self.tally["refusal"] = self.buffer[:end + 4 + length]
            self.buffer = self.buffer[end + 4 + length:]

    def post(self, kind, path, document):
        body = json.dumps(document)
        self.sent.append((kind, time.monotonic()))
        self.transport.write(f"POST /api/v1/agent/{path} HTTP/1.1\r\n{self.head}"
                             f"Content-Length: {len(body)}\r\n\r\n{body}".encode())

    def heartbeat(self):
        self.post("heartbeats", "heartbeat", {"report": REPORT})

    def event(self):
        """Ten people come, ten people leave, in either meeting."""
        step, meeting = divmod(self.steps, 2)
        self.steps += 1
        leaving, person = divmod(step % 20, 10)
        user = f"w_bench{self.number:04}{person}"
        payload = {"internal_meeting_id": self.internal_ids[meeting]}
        if leaving:
            payload["internal_user_id"] = user
        else:
            payload["attendee"] = {"internal_user_id": user, "user_id": "e" + user,
                                   "full_name": "Some Body", "role": "VIEWER"}
        action = "meeting_remove_attendee" if leaving else "meeting_add_attendee"
        self.post("events", "rpc", {"action": action, "payload": payload})


async def drive(daemon_url, meetings, tally, seconds):
    address = urllib.parse.urlsplit(daemon_url)
    loop = asyncio.get_running_loop()
    agents = []
    for number, internal_ids in enumerate(meetings):
        agent = Agent(number, address.netloc, internal_ids, tally)
        await loop.create_connection(lambda made=agent: made, address.hostname, address.port)
        agents.append(agent)
    slots = 1 + EVENTS_PER_AGENT  # of each second
    began = loop.time()
    for turn in range(seconds * 20):
        # A twentieth of a second: the agents whose turn it is.
        for agent in agents[turn % 20::20]:
            agent.heartbeat()
        for slot in range(1, slots):
            for agent in agents[(turn + slot * 20 // slots) % 20::20]:
                agent.event()
        await asyncio.sleep(max(0.0, began + (turn + 1) / 20 - loop.time()))
    late = loop.time() - began - seconds
    deadline = loop.time() + 10
    while any(agent.sent for agent in agents) and loop.time() < deadline:
        await asyncio.sleep(0.02)
    unanswered = sum(len(agent.sent) for agent in agents)
    people = sum(min(step % 20, 20 - step % 20)
                 for agent in agents for step in ((agent.steps + 1) // 2, agent.steps // 2))
    for agent in agents:
        agent.sent.clear()
        agent.transport.close()
    return late, unanswered, people


def fresh_tally():
    return {"heartbeats": [], "events": [], "failed": 0, "refusal": b""}


def run(options):
    with Stage(options) as stage:
        scene = Scene(stage)
        url = scene.prepare("agents", 2)
        psql = scene.postgres.psql
        psql("UPDATE backends SET agent_ref = 'node' || (replace(id, 'b-', '')::int - 1)", "agents")
        found = psql("SELECT backend_id || ' ' || internal_id FROM meetings", "agents").split()
        meetings = [[] for _ in range(BACKENDS)]
        for backend, internal_id in zip(found[::2], found[1::2]):
            meetings[int(backend[2:]) - 1].append(internal_id)
        daemon, *_ = scene.start(url)
        before_people = int(psql("SELECT sum(participants) FROM meetings", "agents"))
        tally = fresh_tally()
        seconds = WARM_UP + SECONDS
        began = time.monotonic()
        before = cpu_seconds(daemon.process.pid), server_seconds(scene.postgres)
        late, unanswered, people = asyncio.run(drive(daemon.url, meetings, tally, seconds))
        elapsed = time.monotonic() - began
        shares = [100 * (after - early) / elapsed for early, after in
                  zip(before, (cpu_seconds(daemon.process.pid), server_seconds(scene.postgres)))]
        progress()
        if tally["failed"] or unanswered:
            raise ClusterError(f"{tally['failed']} refused, {unanswered} unanswered: "
                               f"{tally['refusal'][:400]!r}")
        counted = int(psql("SELECT sum(participants) FROM meetings", "agents")) - before_people
        if counted != people:
            raise ClusterError(f"{people} people more were told, {counted} are counted")
        times = sorted(tally["events"])
        events = len(times) / (seconds + max(0.0, late))
        beats = len(tally["heartbeats"]) / (seconds + max(0.0, late))
        return [row("h", "1,000 agents: events, durable", round(events), "/s",
                    target="2,000 /s", met=events > 1_900 and shares[0] < 100,
                    p50_ms=1e3 * statistics.median(times), p99_ms=1e3 * times[len(times) * 99 // 100],
                    note=f"with {beats:.0f} heartbeats/s; b3scaled {shares[0]:.0f} % of a core, "
                         f"PostgreSQL {shares[1]:.0f} %")]
