"""A b3scale cluster on this machine, as the demo, the benchmark and the system tests start it.

Starts b3scaled and bbbsim as child processes, waits on conditions with deadlines, and speaks their
protocols: BBB calls as a tenant makes them, the REST API, the simulator's control API.
Standard library only.
"""
import base64
import collections
import ctypes
import hashlib
import hmac
import http.client
import json
import os
import signal
import subprocess
import threading
import time
import urllib.parse
import xml.etree.ElementTree as ElementTree

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)


class ClusterError(Exception):
    """Something that had to happen did not."""


def wait_until(condition, what, seconds=10.0, pause=0.02):
    """Polls `condition` until it returns something true and returns that."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise ClusterError(f"after {seconds:g} s: {what}")
        time.sleep(pause)


class Process:
    """A child process whose standard error (and output) lines are kept and written to a log file.

    The child gets SIGTERM when this process dies, however it dies.
    """

    # Benchmarks set this: the child writes the file itself, and its lines are read from there this
    # often, in seconds. A reader woken for each line would share the processor that is measured.
    look_every = None

    def __init__(self, name, arguments, log_path, environment=None, pass_fds=()):
        self.name = name
        self.arguments = [str(argument) for argument in arguments]
        self.log_path = log_path
        self.lines = []
        self._changed = threading.Condition()
        with open(log_path, "ab") as log:
            self._read_from = log.tell()
            self._child = subprocess.Popen(
                self.arguments, stdin=subprocess.DEVNULL,
                stdout=log if self.look_every else subprocess.PIPE, stderr=subprocess.STDOUT,
                env=environment, start_new_session=True, pass_fds=pass_fds,
                preexec_fn=lambda: LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM))
        self._reader = threading.Thread(
            target=self._look if self.look_every else self._read, daemon=True)
        self._reader.start()

    def _read(self):
        with open(self.log_path, "ab", buffering=0) as log:
            for raw in self._child.stdout:
                log.write(raw)
                self._add([raw])

    def _look(self):
        with open(self.log_path, "rb") as log:
            log.seek(self._read_from)
            unfinished = b""
            running = True
            while running:
                running = self.running  # before reading: what it wrote last is read as well
                *lines, unfinished = (unfinished + log.read()).split(b"\n")
                if lines:
                    self._add(lines)
                elif running:
                    time.sleep(self.look_every)

    def _add(self, lines):
        with self._changed:
            self.lines += [raw.decode("utf-8", "replace").rstrip("\n") for raw in lines]
            self._changed.notify_all()

    @property
    def pid(self):
        return self._child.pid

    @property
    def running(self):
        return self._child.poll() is None

    def events(self):
        """The JSON lines it has written so far."""
        found = []
        for line in list(self.lines):
            if line.startswith("{"):
                try:
                    found.append(json.loads(line))
                except ValueError:
                    pass
        return found

    def wait_for(self, find, what, seconds=20.0):
        """Waits until find(line) returns something true for a line, and returns that."""
        deadline = time.monotonic() + seconds
        seen = 0
        with self._changed:
            while True:
                while seen < len(self.lines):
                    found = find(self.lines[seen])
                    seen += 1
                    if found:
                        return found
                left = deadline - time.monotonic()
                if left <= 0 or (not self._reader.is_alive() and seen == len(self.lines)):
                    state = "is running" if self.running else f"ended with {self._child.poll()}"
                    raise ClusterError(f"{self.name} {state} without: {what}\n{self.tail()}")
                self._changed.wait(min(left, 0.2))

    def signal(self, number):
        if self.running:
            self._child.send_signal(number)

    def stop(self, seconds=15.0):
        """SIGTERM; returns the exit code. Kills it and raises when it does not end in time."""
        self.signal(signal.SIGTERM)
        return self.wait(seconds)

    def wait(self, seconds=15.0):
        try:
            code = self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise ClusterError(f"{self.name} did not end within {seconds:g} s\n{self.tail()}")
        self._reader.join(5)
        return code

    def kill(self):
        if self.running:
            self._child.kill()
        self._child.wait()
        self._reader.join(5)

    def tail(self, count=25):
        return "\n".join(f"  {self.name}: {line}" for line in self.lines[-count:])


Answer = collections.namedtuple("Answer", "status headers body")


def text_of(answer):
    return answer.body.decode("utf-8", "replace")


def fetch(url, method="GET", body=None, headers=None, seconds=15.0):
    """One HTTP request on its own connection; follows nothing. Header names are lower-cased."""
    parts = urllib.parse.urlsplit(url)
    target = parts.path or "/"
    if parts.query:
        target += "?" + parts.query
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=seconds)
    try:
        connection.request(method, target, body=body, headers=headers or {})
        response = connection.getresponse()
        fields = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, fields, response.read())
    finally:
        connection.close()


def fetch_json(url, method="GET", document=None, headers=None, seconds=15.0):
    fields = dict(headers or {})
    body = None
    if document is not None:
        body = json.dumps(document)
        fields["Content-Type"] = "application/json"
    answer = fetch(url, method, body, fields, seconds)
    return answer.status, json.loads(answer.body) if answer.body else None


# -- BBB ------------------------------------------------------------------------------------------

def checksum(call, query, secret, algorithm="sha256"):
    return hashlib.new(algorithm, (call + query + secret).encode()).hexdigest()


def signed_query(call, parameters, secret, algorithm="sha256"):
    query = urllib.parse.urlencode(parameters)
    sum_ = "checksum=" + checksum(call, query, secret, algorithm)
    return query + "&" + sum_ if query else sum_


class BbbAnswer:
    """A BBB XML answer, with the HTTP answer it came in."""

    def __init__(self, answer):
        self.http = answer
        try:
            self.xml = ElementTree.fromstring(answer.body)
        except ElementTree.ParseError as error:
            raise ClusterError(f"not XML ({error}): {answer.status} {answer.body[:300]!r}")

    def __getitem__(self, path):
        return self.xml.findtext(path)

    @property
    def success(self):
        return self["returncode"] == "SUCCESS"

    @property
    def key(self):
        return self["messageKey"]

    def __repr__(self):
        return f"<{self.http.status} {text_of(self.http)[:500]}>"


class Tenant:
    """One frontend, as its application sees b3scale."""

    def __init__(self, base_url, key, secret, algorithm="sha256"):
        self.url = f"{base_url}/bbb/{key}"
        self.key = key
        self.secret = secret
        self.algorithm = algorithm

    def signed_url(self, call, _algorithm=None, **parameters):
        query = signed_query(call, parameters, self.secret, _algorithm or self.algorithm)
        return f"{self.url}/{call}?{query}"

    def get(self, call, _seconds=15.0, **parameters):
        """The bare HTTP answer."""
        return fetch(self.signed_url(call, **parameters), seconds=_seconds)

    def call(self, call, **parameters):
        return BbbAnswer(self.get(call, **parameters))

    def post_form(self, call, **parameters):
        body = signed_query(call, parameters, self.secret, self.algorithm)
        return fetch(f"{self.url}/{call}", "POST", body,
                     {"Content-Type": "application/x-www-form-urlencoded"})

    def create(self, meeting_id, **parameters):
        parameters.setdefault("name", "Meeting " + meeting_id)
        parameters.setdefault("attendeePW", "ap")
        parameters.setdefault("moderatorPW", "mp")
        return self.call("create", meetingID=meeting_id, **parameters)

    def join(self, meeting_id, name="Ada", **parameters):
        """The bare HTTP answer; a redirect is not followed."""
        if "role" not in parameters:
            parameters.setdefault("password", "ap")
        return self.get("join", meetingID=meeting_id, fullName=name, **parameters)

    def enter(self, meeting_id, name="Ada", **parameters):
        """Joins as a browser would: follows the redirect to the node. The node's answer."""
        answer = self.join(meeting_id, name, **parameters)
        if answer.status != 302:
            raise ClusterError(f"join of {meeting_id}: {answer.status} {text_of(answer)[:300]}")
        return fetch(answer.headers["location"])

    def end(self, meeting_id, **parameters):
        parameters.setdefault("password", "mp")
        return self.call("end", meetingID=meeting_id, **parameters)

    def info(self, meeting_id):
        return self.call("getMeetingInfo", meetingID=meeting_id)

    def meeting_ids(self):
        answer = self.call("getMeetings")
        return sorted(element.text for element in answer.xml.findall("meetings/meeting/meetingID"))

    def running(self, meeting_id):
        return self.call("isMeetingRunning", meetingID=meeting_id)["running"]


# -- the REST API ---------------------------------------------------------------------------------

ADMIN_SCOPES = "b3scale b3scale:admin"


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def access_token(secret, subject="admin", scopes=ADMIN_SCOPES, **claims):
    """A JWT signed with HS384. A claim given as None is left out."""
    payload = {"sub": subject, "scope": scopes, "iat": int(time.time()) - 1,
               "exp": int(time.time()) + 3600, **claims}
    payload = {name: value for name, value in payload.items() if value is not None}
    signing_input = ".".join(base64url(json.dumps(part).encode())
                             for part in ({"alg": "HS384", "typ": "JWT"}, payload))
    signature = hmac.new(secret.encode(), signing_input.encode(), hashlib.sha384).digest()
    return signing_input + "." + base64url(signature)


class AdminApi:
    def __init__(self, base_url, token):
        self.url = base_url + "/api/v1"
        self.token = token

    def request(self, method, path, document=None):
        """(status, decoded JSON)"""
        return fetch_json(self.url + path, method, document,
                          {"Authorization": "Bearer " + self.token})

    def _expect(self, method, path, document=None):
        status, answer = self.request(method, path, document)
        if status not in (200, 201, 202):
            raise ClusterError(f"{method} {path}: {status} {answer}")
        return answer

    def get(self, path):
        return self._expect("GET", path)

    def post(self, path, document):
        return self._expect("POST", path, document)

    def patch(self, path, document):
        return self._expect("PATCH", path, document)

    def delete(self, path):
        return self._expect("DELETE", path)

    def add_frontend(self, key, secret="secret-of-{}", settings=None, **more):
        return self.post("/frontends", {"bbb": {"key": key, "secret": secret.format(key)},
                                        "settings": settings or {}, **more})

    def add_backend(self, node, settings=None, admin_state="ready", **more):
        """`node` as the simulator printed it."""
        return self.post("/backends", {"bbb": {"host": node["url"], "secret": node["secret"]},
                                       "admin_state": admin_state, "settings": settings or {},
                                       **more})


# -- the programs ---------------------------------------------------------------------------------

class Simulator:
    """A running bbbsim and its control API."""

    def __init__(self, program, log_path, nodes=3, secret="node-secret", port=0, more=()):
        self.process = Process("bbbsim", [program, "--nodes", nodes, "--port", port, "--control",
                                          "127.0.0.1:0", "--secret", secret, *more], log_path)
        started = self.process.wait_for(
            lambda line: line.startswith('{"control"') and json.loads(line),
            "the line that tells its addresses")
        self.control = started["control"]
        self.nodes = {node["name"]: node for node in started["nodes"]}

    def _control(self, method, path, document=None):
        status, answer = fetch_json(self.control + path, method, document)
        if status not in (200, 201, 202, 204):
            raise ClusterError(f"bbbsim {method} {path}: {status} {answer}")
        return answer

    def name_of(self, url):
        """The name of the node whose API or pages this URL belongs to."""
        origin = urllib.parse.urlsplit(url).netloc
        for name, node in self.nodes.items():
            if urllib.parse.urlsplit(node["url"]).netloc == origin:
                return name
        raise ClusterError(f"no simulated node is at {origin}")

    def state(self, node):
        return self._control("GET", f"/nodes/{node}")

    def calls(self, node, call):
        """How often this node was asked for this call."""
        return self.state(node)["calls"].get(call, 0)

    def meetings(self, node):
        """meetingID -> meeting, as the node itself has them."""
        return {meeting["meeting_id"]: meeting for meeting in self.state(node)["meetings"]}

    def holders(self, meeting_id):
        """Names of the nodes that have this (scoped) meeting id."""
        return [name for name in self.nodes if meeting_id in self.meetings(name)]

    def fault(self, node, call, mode, **more):
        self._control("PUT", f"/nodes/{node}/faults", {"calls": {call: {"mode": mode, **more}}})

    def faults(self, node, document):
        self._control("PUT", f"/nodes/{node}/faults", document)

    def heal(self, node):
        self._control("DELETE", f"/nodes/{node}/faults")

    def down(self, node, lose=False):
        self._control("POST", f"/nodes/{node}/stop", {"lose": lose})

    def up(self, node):
        self._control("POST", f"/nodes/{node}/start", {})

    def restart(self, node, lose=False):
        self._control("POST", f"/nodes/{node}/restart", {"lose": lose})

    def people(self, node, meeting_id, **counts):
        quoted = urllib.parse.quote(meeting_id, safe="")
        self._control("POST", f"/nodes/{node}/meetings/{quoted}/people", counts)

    def end_on_node(self, node, meeting_id):
        self._control("DELETE", f"/nodes/{node}/meetings/{urllib.parse.quote(meeting_id, safe='')}")


def inheriting(listener, command):
    """The command line that starts `command` as systemd would: `listener` is descriptor 3."""
    script = f'export LISTEN_PID=$$ LISTEN_FDS=1; exec "$@" 3<&{listener.fileno()}'
    return ["bash", "-c", script, "b3scaled", *command]


class Daemon:
    """A running b3scaled. With `listener`, a listening socket of ours, it inherits that one."""

    def __init__(self, program, log_path, settings, arguments=(), listener=None):
        clean = {name: value for name, value in os.environ.items()
                 if not name.startswith(("B3SCALE_", "BBB_"))}
        self.settings = {"B3SCALE_LISTEN_HTTP": "127.0.0.1:0",
                         "B3SCALE_LOG_FORMAT": "structured", **settings}
        command = [program, *arguments]
        if listener:
            command = inheriting(listener, command)
        self.process = Process("b3scaled", command, log_path, {**clean, **self.settings},
                               [listener.fileno()] if listener else ())
        self.address = self.process.wait_for(listening_address, "its address (\"listening\")", 30)
        self.url = "http://" + self.address

    def admin(self, **token):
        return AdminApi(self.url, access_token(self.settings["B3SCALE_API_JWT_SECRET"], **token))


def listening_address(line):
    if not line.startswith("{"):
        return None
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event.get("address") if event.get("message") == "listening" else None
