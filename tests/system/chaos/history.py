"""Was everything that tenants were told explainable by one node at a time?

A pure function over what was called and answered. One *run* of a meeting is one internalMeetingID:
one meeting on one node. Where several instances answer at once nobody can say what happened first,
so a call stands for some moment between its start and its end; answers that may lag behind (those
made from an instance's memory) for some moment from `slack` seconds earlier on.
"""
import collections
import math


class Call(collections.namedtuple("Call", "start end call meeting outcome run node slack instance",
                                  defaults=(None, None, 0.0, None))):
    """One call. `call`: create, join, info or end. `outcome`: "ok", "refused" (an answer that says
    no), "none" (no answer: it may have happened). `run`: the internal id an answer named. `node`:
    where a join led."""

    @property
    def earliest(self):
        return self.start - self.slack

    @property
    def latest(self):
        return self.end if self.outcome != "none" else math.inf


# kind: "down" (its meetings are kept, it may be given up) or "lost" (they are gone)
Event = collections.namedtuple("Event", "start end kind node")


def told(calls, events, meeting):
    """The history of one meeting in lines, for people who look for the reason."""
    lines = [(call.start, f"{call.start:.3f}-{call.end:.3f} (-{call.slack:.1f}) {call.call} at "
              f"{call.instance}: {call.outcome} {(call.run or '')[-6:]} {call.node or ''}")
             for call in calls if call.meeting == meeting]
    lines += [(event.start, f"{event.start:.3f}-{event.end:.3f} ==== {event.kind} {event.node}")
              for event in events]
    return "\n".join(line for _, line in sorted(lines))


class Run:
    """What was seen of one internal id. Nobody can have seen it before it was born."""

    def __init__(self, name, node, seen, born=None):
        self.name = name
        self.born = -math.inf if born is None else born
        self.node = node  # None: nobody looked while it lived
        self.seen = seen
        self.sure_from = min((call.end for call in seen), default=math.inf)
        self.sure_until = max([call.earliest for call in seen] + [self.born])
        self.first = max(min((call.earliest for call in seen), default=-math.inf), self.born)

    def must_precede(self, other):
        return self.sure_from < other.sure_until


def problems_of(calls, events=(), places=None, final=None, births=None):
    """Sentences about what cannot be explained; none for a good history.

    `places`: run -> (meeting, node), as far as known. `final`: meeting -> [(node, run)], what the
    nodes have after everything has healed and calmed down. `births`: run -> when its node made it.
    """
    by_meeting = collections.defaultdict(list)
    for call in calls:
        by_meeting[call.meeting].append(call)
    found = []
    for meeting, own in sorted(by_meeting.items()):
        known = {run: node for run, (of, node) in (places or {}).items() if of == meeting}
        for problem in problems_of_meeting(own, events, known, births or {},
                                           None if final is None else final.get(meeting, [])):
            found.append(f"{meeting}: {problem}")
    for meeting in sorted(set(final or {}) - set(by_meeting)):
        found.append(f"{meeting}: nobody called for it and it is on a node")
    return found


def problems_of_meeting(calls, events, places, births, final):
    runs = runs_of(calls, places, births)
    disorder = [f"{one.name} and {other.name} took turns"
                for i, one in enumerate(runs) for other in runs[i + 1:]
                if one.must_precede(other) and other.must_precede(one)]
    if disorder:
        return disorder
    runs.sort(key=lambda run: (run.sure_until + run.sure_from) / 2)
    runs.sort(key=lambda run: run.born)
    return (replaced_without_reason(runs, calls, events) + came_back(runs, calls)
            + joins_led_astray(runs, calls, places)
            + ([] if final is None else wrong_at_the_end(runs, calls, events, final)))


def runs_of(calls, places, births):
    seen = collections.defaultdict(list)
    for call in calls:
        if call.outcome == "ok" and call.run and call.call in ("create", "info"):
            seen[call.run].append(call)
    return [Run(name, places.get(name), own, births.get(name)) for name, own in seen.items()]


def reason_to_go(run, calls, events, until, kinds=("down", "lost")):
    """May this run have been over before `until`?"""
    ended = any(call.call == "end" and call.outcome != "refused" and call.start <= until
                and call.latest >= run.first for call in calls)
    away = any(event.kind in kinds and event.start <= until and event.end >= run.first
               and (run.node is None or event.node == run.node) for event in events)
    return ended or away


def replaced_without_reason(runs, calls, events):
    return [f"{one.name} was replaced by {other.name}, and nothing had happened to it"
            for one, other in zip(runs, runs[1:])
            if not reason_to_go(one, calls, events, other.sure_from)]


def came_back(runs, calls):
    """An end that was acknowledged holds."""
    return [f"{run.name} was ended at {end.start:.3f}-{end.end:.3f}, came back at {call.start:.3f}"
            for run in runs for end in calls if end.call == "end" and end.outcome == "ok"
            for call in run.seen if run.sure_from < end.start and call.earliest > end.end]


def joins_led_astray(runs, calls, places):
    """A join leads to a node that had the meeting then."""
    if any(run.node is None for run in runs):
        return []  # nobody knows where that one was
    # Creates that nobody got an answer to make meetings, too; when, nobody can say.
    unseen = {node for name, node in places.items() if name not in {run.name for run in runs}}
    found = []
    for call in calls:
        if call.call != "join" or call.outcome != "ok":
            continue
        possible = set(unseen)
        for i, run in enumerate(runs):
            since = runs[i - 1].sure_until if i else -math.inf
            until = runs[i + 1].sure_from if i + 1 < len(runs) else math.inf
            if since <= call.end and call.earliest <= until:
                possible.add(run.node)
        if call.node not in possible:
            found.append(f"a join at {call.start:.3f} led to {call.node}, it was on "
                         f"{sorted(possible)}")
    return found


def wrong_at_the_end(runs, calls, events, final):
    if len(final) > 1:
        return [f"in the end it is on several nodes: {final}"]
    acknowledged = [run for run in runs if any(call.call == "create" for call in run.seen)]
    if not acknowledged:
        return []
    last = acknowledged[-1]
    if [run for _, run in final] == [last.name]:
        return []
    # A node that was away comes back with its meetings; only a successor takes their place.
    if reason_to_go(last, calls, events, math.inf, ("down", "lost") if final else ("lost",)):
        return []
    return [f"{last.name} was acknowledged and is lost: in the end there is {final}"]
