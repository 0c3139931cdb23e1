"""The tour ./run gives: a small cluster with people in its meetings, shown as it is."""
import argparse
import json
import os
import pathlib
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import threading
import urllib.parse

from b3cluster import (AdminApi, ClusterError, Daemon, Simulator, Tenant, access_token, fetch,
                       BbbAnswer, text_of, wait_until)

TENANT = "demo"
NODES = 3
MEETINGS = [  # id, name, people
    ("analysis-1", "Analysis I, lecture", 9),
    ("chemistry-lab", "Chemistry lab, group B", 5),
    ("senate", "Senate, public part", 7),
    ("office-hour", "Office hour", 2),
    ("algorithms", "Algorithms, exercises", 6),
    ("choir", "University choir", 4),
]
PEOPLE = ["Ada", "Blaise", "Carl", "Dorothy", "Emmy", "Fritz", "Grace", "Hedy", "Ida"]


def say(text):
    print("==>", text, flush=True)


def ports_are_free(first):
    for port in range(first, first + NODES):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


def write_private(path, text):
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text)


class Demo:
    def __init__(self, options):
        self.options = options
        self.binaries = pathlib.Path(options.binaries)
        self.directory = pathlib.Path(options.directory)
        self.state_path = self.directory / "state.json"
        self.processes = []

    # -- starting -------------------------------------------------------------------------------

    def prepare_directory(self):
        self.directory.mkdir(parents=True, exist_ok=True)
        os.environ["B3_DEMO_DIRECTORY"] = str(self.directory.absolute())  # marks the processes
        os.chmod(self.directory, 0o700)
        database = self.directory / "b3scale.db"
        if self.options.db:
            self.database_url = self.options.db
        else:
            self.database_url = f"sqlite:///{database.absolute()}"
            if not self.options.keep:
                for suffix in ("", "-wal", "-shm", "-journal"):
                    pathlib.Path(f"{database}{suffix}").unlink(missing_ok=True)
        for log in self.directory.glob("*.log"):
            log.unlink()
        self.state = {}
        if self.options.keep and self.state_path.exists():
            self.state = json.loads(self.state_path.read_text())

    def start_nodes(self):
        secret = self.state.get("node_secret") or secrets.token_hex(16)
        port = self.state.get("node_port", 0)
        if port and not ports_are_free(port):
            port = 0
        self.nodes = Simulator(self.binaries / "bbbsim", self.directory / "bbbsim.log",
                               NODES, secret, port)
        self.processes.append(self.nodes.process)
        self.state["node_secret"] = secret
        ports = [urllib.parse.urlsplit(node["url"]).port for node in self.nodes.nodes.values()]
        if ports == list(range(ports[0], ports[0] + NODES)):
            self.state["node_port"] = ports[0]
        for name, node in self.nodes.nodes.items():
            say(f"{name}, a simulated BBB node: {node['url']}")

    def start_daemon(self):
        jwt_secret = secrets.token_hex(32)
        self.daemon = Daemon(self.binaries / "b3scaled", self.directory / "b3scaled.log", {
            "B3SCALE_DB_URL": self.database_url,
            "B3SCALE_API_JWT_SECRET": jwt_secret,
            "B3SCALE_REFRESH_INTERVAL": "1s",
        })
        self.processes.append(self.daemon.process)
        token = access_token(jwt_secret, "demo-operator")
        self.admin = AdminApi(self.daemon.url, token)
        environment = {"B3SCALE_API_URL": self.daemon.url, "B3SCALE_API_ACCESS_TOKEN": token}
        write_private(self.directory / "env", "".join(
            f"export {name}={shlex.quote(value)}\n" for name, value in environment.items()))
        self.ctl_environment = {**os.environ, **environment}
        say(f"b3scaled, the load balancer: {self.daemon.url}")

    def ctl(self, *arguments):
        done = subprocess.run([str(self.binaries / "b3scalectl"), *arguments],
                              env=self.ctl_environment, capture_output=True, text=True, timeout=30)
        if done.returncode != 0:
            raise ClusterError(f"b3scalectl {' '.join(arguments[:3])} ...: exit code "
                               f"{done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def ctl_json(self, *arguments):
        return json.loads(self.ctl("--json", *arguments))

    # -- registering ----------------------------------------------------------------------------

    def register_backends(self):
        wanted = {node["url"] for node in self.nodes.nodes.values()}
        present = set()
        for backend in self.ctl_json("show", "backends"):
            if not backend["settings"].get("demo"):
                continue
            if backend["bbb"]["host"] in wanted:
                present.add(backend["bbb"]["host"])
            else:
                self.ctl("rm", "backend", backend["id"], "--force")
        for node in self.nodes.nodes.values():
            if node["url"] not in present:
                self.ctl("add", "backend", node["url"], "--secret", node["secret"],
                         "--state", "ready", "-j", '{"demo": true, "tags": ["demo"]}')
        say(f"{NODES} backends registered")
        wait_until(lambda: all(backend["eligible"] for backend in self.demo_backends()),
                   "not every backend became ready", 20)

    def demo_backends(self):
        backends = [backend for backend in self.ctl_json("show", "backends")
                    if backend["settings"].get("demo")]
        if len(backends) != NODES:
            raise ClusterError(f"expected {NODES} backends of the demo, found {len(backends)}")
        return backends

    def register_tenant(self):
        secret = self.state.get("tenant_secret") or secrets.token_hex(20)
        known = [frontend["bbb"]["key"] for frontend in self.ctl_json("show", "frontends")]
        if TENANT in known and not self.options.keep:
            self.ctl("rm", "frontend", TENANT, "--force")
            known.remove(TENANT)
        settings = '{"required_tags": ["demo"]}'
        action = "set" if TENANT in known else "add"
        self.ctl(action, "frontend", TENANT, "--secret", secret, "-j", settings)
        self.tenant = Tenant(self.daemon.url, TENANT, secret)
        self.state["tenant_secret"] = secret
        say(f"tenant '{TENANT}' registered")

    # -- meetings -------------------------------------------------------------------------------

    def hold_meetings(self):
        for meeting_id, name, people in MEETINGS:
            answer = self.tenant.create(meeting_id, name=name)
            if not answer.success:
                raise ClusterError(f"create of {meeting_id}: {answer}")
            for person in PEOPLE[:people]:
                role = "MODERATOR" if person == PEOPLE[0] else "VIEWER"
                entered = self.tenant.enter(meeting_id, person, role=role)
                if entered.status not in (200, 302):
                    raise ClusterError(f"{person} could not join {meeting_id}: "
                                       f"{entered.status} {text_of(entered)[:300]}")
        say(f"{len(MEETINGS)} meetings created, {sum(m[2] for m in MEETINGS)} people joined")
        self.meetings = wait_until(self.meetings_when_complete,
                                   "the refresh did not show everybody", 20)

    def meetings_when_complete(self):
        shown = {meeting["meeting_id"]: meeting for meeting in self.ctl_json("show", "meetings")
                 if meeting["frontend_key"] == TENANT}
        complete = all(meeting_id in shown and
                       shown[meeting_id]["counts"]["participants"] >= people
                       for meeting_id, _, people in MEETINGS)
        return shown if complete else None

    # -- showing --------------------------------------------------------------------------------

    def command_lines(self):
        """(what it does, command) pairs, ready to paste."""
        ctl = shlex.quote(str(self.binaries / "b3scalectl"))
        first = MEETINGS[0][0]
        explained = shlex.quote(self.meetings[first]["id"])
        return [
            ("the nodes, and whether they take new meetings", f"{ctl} show backends"),
            ("all meetings", f"{ctl} show meetings"),
            ("why a meeting is where it is", f"{ctl} explain {explained}"),
            ("what the tenant sees", "curl -s " + shlex.quote(self.tenant.signed_url(
                "getMeetings"))),
            ("one meeting", "curl -s " + shlex.quote(self.tenant.signed_url(
                "getMeetingInfo", meetingID=first))),
            ("join it: a redirect to its node", "curl -si " + shlex.quote(self.tenant.signed_url(
                "join", meetingID=first, fullName="You", role="VIEWER"))),
        ]

    def show(self):
        out = ["", "b3scale is running.", "", "  The tenant's two values (for Moodle, Greenlight, ...)",
               f"    API URL   {self.tenant.url}/", f"    secret    {self.tenant.secret}", "",
               "  Which node holds what"]
        named = {self.nodes.name_of(backend["bbb"]["host"]): backend
                 for backend in self.demo_backends()}
        for name, backend in sorted(named.items()):
            host = backend["bbb"]["host"]
            held = [m for m in self.meetings.values() if m["backend_id"] == backend["id"]]
            people = sum(meeting["counts"]["participants"] for meeting in held)
            out.append(f"    {name}  {host}  "
                       f"{len(held)} meetings, {people} people")
            for meeting in sorted(held, key=lambda m: m["meeting_id"]):
                out.append(f"      {meeting['meeting_id']:<14} {meeting['name']:<26}"
                           f"{meeting['counts']['participants']:>3} people")
        out += ["", "  Things to try in another terminal, from this directory",
                f"    . {self.directory}/env        # the API's address and an access token"]
        for comment, command in self.command_lines():
            out += [f"    # {comment}", f"    {command}"]
        node = next(iter(self.nodes.nodes))
        out += [f"    # {node} goes away, and comes back",
                f"    curl -s -X POST {self.nodes.control}/nodes/{node}/stop",
                f"    curl -s -X POST {self.nodes.control}/nodes/{node}/start", "",
                f"  Logs: {self.directory}/b3scaled.log, {self.directory}/bbbsim.log", ""]
        print("\n".join(out), flush=True)

    # -- verifying (--once) ---------------------------------------------------------------------

    def verify(self):
        for meeting_id, _, people in MEETINGS:
            meeting = self.meetings[meeting_id]
            claimed = self.nodes.name_of(meeting["backend_host"])
            holders = self.nodes.holders(meeting["id"])
            self.check(holders == [claimed],
                       f"{meeting_id} is on {claimed} and nowhere else", f"nodes: {holders}")
            info = self.tenant.info(meeting_id)
            self.check(info.success and int(info["participantCount"]) >= people,
                       f"the tenant sees {people} people in {meeting_id}", info)
        used = {meeting["backend_id"] for meeting in self.meetings.values()}
        self.check(len(used) == NODES, f"the meetings are spread over {NODES} nodes", used)
        wrong = Tenant(self.daemon.url, TENANT, "not the secret").call("getMeetings")
        self.check(wrong.key == "checksumError", "a wrong secret is refused", wrong)
        for comment, command in self.command_lines():
            if command.startswith("curl"):
                url = shlex.split(command)[-1]
                answer = fetch(url)
                fine = answer.status == 302 or BbbAnswer(answer).success
                self.check(fine, f"the line for '{comment}' works", answer)
            else:
                output = self.ctl(*shlex.split(command)[1:])
                self.check(output.strip() != "", f"the line for '{comment}' works", output)
        last = MEETINGS[-1][0]
        self.check(self.tenant.end(last).success, f"{last} can be ended", "")
        self.check(last not in self.tenant.meeting_ids(), f"{last} is gone at once", "")

    def check(self, true, text, otherwise):
        if not true:
            raise ClusterError(f"not true: {text} ({otherwise})")
        print("  ok:", text, flush=True)

    # -- ending ---------------------------------------------------------------------------------

    def save_state(self):
        write_private(self.state_path, json.dumps(self.state))

    def stay(self, stopping):
        say("running until Ctrl-C")
        while not stopping.wait(0.5):
            for process in self.processes:
                if not process.running:
                    raise ClusterError(f"{process.name} ended by itself")

    def stop(self):
        """True when every program ended as it should."""
        clean = True
        for process in reversed(self.processes):
            if not process.running:
                clean = False
                continue
            try:
                code = process.stop()
                if code != 0:
                    print(f"{process.name} ended with exit code {code}", file=sys.stderr)
                    clean = False
            except ClusterError as error:
                print(error, file=sys.stderr)
                clean = False
        return clean

    def print_tails(self):
        for process in self.processes:
            print(f"--- the end of {process.log_path}:\n{process.tail()}", file=sys.stderr)

    def run(self, stopping):
        self.prepare_directory()
        for step in (self.start_nodes, self.start_daemon, self.register_backends,
                     self.register_tenant, self.hold_meetings, self.save_state, self.show):
            step()
            if stopping.is_set():
                return
        if self.options.once:
            self.verify()
        else:
            self.stay(stopping)


def main():
    parser = argparse.ArgumentParser(prog="run")
    parser.add_argument("--binaries", required=True)
    parser.add_argument("--directory", required=True)
    parser.add_argument("--once", action="store_true")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--db")
    demo = Demo(parser.parse_args())

    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stopping.set())
    code = 0
    try:
        demo.run(stopping)
    except Exception as error:  # whatever it was: show what the programs said, then clean up
        print(f"run: {error}" if isinstance(error, ClusterError) else f"run: {error!r}",
              file=sys.stderr)
        demo.print_tails()
        code = 1
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        say("stopping")
        if not demo.stop():
            code = code or 1
    if demo.options.once and code == 0 and not stopping.is_set():
        say("everything shown is true")
    return 1 if demo.options.once and stopping.is_set() else code


if __name__ == "__main__":
    sys.exit(main())
