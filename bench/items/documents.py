"""Meetings as nodes list them, made up: the <meeting> elements that src/sim/xml.cpp would write for
a lecture with ten people that a Moodle created. Ids are as random as real ones, so that nothing
compresses better here than it would there.
"""
import hashlib
import json
import random
import string

PEOPLE = 10
_LETTERS = string.digits + string.ascii_lowercase
_SYLLABLES = [a + b + c for a in _LETTERS for b in _LETTERS for c in _LETTERS]
_FIRST = """Ada Alan Barbara Blaise Carl Clara Dorothy Edsger Emmy Felix Fritz Grace Hannah Hedy Ida
 Ines Jan Joan Karl Katherine Konrad Lise Ludwig Margaret Maria Max Niklaus Otto Paul Radia Rosa
 Sophie Tim Ulla Vera Werner Xenia Yvonne""".split()
_LAST = """Bartik Bauer Berners Borg Cantor Curie Dijkstra Einstein Fischer Franklin Frege Gauss
 Goldberg Hamilton Hilbert Hopper Huber Johnson Keller Kovalevskaya Lamarr Lovelace Meitner Meyer
 Noether Pascal Perlman Planck Rhodes Schmidt Turing Vaughan Wagner Weber Wirth Zuse""".split()
_COURSES = """Analysis Algebra Chemistry Logic History Grammar Mechanics Statistics Optics
 Economics Botany Geology""".split()


def _word(dice):
    return "".join(dice.choices(_SYLLABLES, k=4))


def _flag(value):
    return "true" if value else "false"


def _attendee(dice, place):
    moderator = place == 0
    voice = place == 0 or dice.random() < 0.3
    return (f"<attendee><userID>w_{_word(dice)}</userID><fullName>{dice.choice(_FIRST)} "
            f"{dice.choice(_LAST)}</fullName><role>{'MODERATOR' if moderator else 'VIEWER'}</role>"
            f"<isPresenter>{_flag(moderator)}</isPresenter><isListeningOnly>{_flag(not voice)}"
            f"</isListeningOnly><hasJoinedVoice>{_flag(voice)}</hasJoinedVoice>"
            f"<hasVideo>{_flag(dice.random() < 0.3)}</hasVideo><clientType>HTML5</clientType>"
            "</attendee>")


class Meeting:
    """One made-up meeting of a tenant."""

    def __init__(self, seed, frontend_key):
        dice = random.Random(seed)
        self.meeting_id = hashlib.sha1(dice.randbytes(8)).hexdigest()
        self.meeting_id += f"-{dice.randrange(1, 4000)}-{dice.randrange(1, 9000)}"
        self.scoped_id = f"{frontend_key}~{self.meeting_id}"
        created = 1_790_000_000_000 + dice.randrange(10_000_000)
        self.internal_id = f"{hashlib.sha1(self.scoped_id.encode()).hexdigest()}-{created}"
        self.name = f"{dice.choice(_COURSES)} {dice.choice(['I', 'II', 'III'])}, " \
                    f"group {dice.randrange(1, 30)}"
        people = [_attendee(dice, place) for place in range(PEOPLE)]
        self.voices = sum("<hasJoinedVoice>true" in each for each in people)
        self.videos = sum("<hasVideo>true" in each for each in people)
        self.listeners = PEOPLE - self.voices
        self.document = self._render(dice, created, "".join(people))

    def _render(self, dice, created, people):
        return (
            f"<meeting><meetingName>{self.name}</meetingName><meetingID>{self.scoped_id}"
            f"</meetingID><internalMeetingID>{self.internal_id}</internalMeetingID><createTime>"
            f"{created}</createTime><createDate>Mon Sep 21 {created // 3_600_000 % 24:02}:"
            f"{created // 60_000 % 60:02}:{created // 1000 % 60:02} UTC 2026</createDate>"
            f"<voiceBridge>{dice.randrange(70_000, 80_000)}</voiceBridge><dialNumber>613-555-1234"
            f"</dialNumber><attendeePW>{_word(dice)}</attendeePW><moderatorPW>{_word(dice)}"
            "</moderatorPW><running>true</running><duration>0</duration><hasUserJoined>true"
            "</hasUserJoined><recording>false</recording><hasBeenForciblyEnded>false"
            f"</hasBeenForciblyEnded><startTime>{created + 4711}</startTime><endTime>0</endTime>"
            f"<participantCount>{PEOPLE}</participantCount><listenerCount>{self.listeners}"
            f"</listenerCount><voiceParticipantCount>{self.voices}</voiceParticipantCount>"
            f"<videoCount>{self.videos}</videoCount><maxUsers>0</maxUsers><moderatorCount>1"
            f"</moderatorCount><attendees>{people}</attendees><metadata><bbb-origin>Moodle"
            "</bbb-origin><bbb-origin-version>4.1.2 (Build: 20230313)</bbb-origin-version>"
            "<bbb-origin-server-name>moodle.example.org</bbb-origin-server-name><bbb-context>"
            f"{self.name}</bbb-context></metadata><isBreakout>false</isBreakout></meeting>")


COLUMNS = ("scoped_id meeting_id frontend_id backend_id phase epoch owner internal_id name running "
           "participants moderators listeners voices videos expected_size document placement "
           "reserved_at bound_at seen_at").split()


def explanation(backend_id):
    """As long as what placement::explain_json writes."""
    ranked = [{"backend_id": backend_id, "host": "https://node0001.bbb.example.org/bigbluebutton/"
               "api/", "score": 12.25}] * 10
    return json.dumps({"at": "2026-09-21T12:00:00.000Z", "policy": "expected-load", "seed": "4711",
                       "chosen": backend_id, "expected_size": 15, "ranked": ranked,
                       "rejected": [], "left_out": 990}, separators=(",", ":"))


def copy_line(meeting, epoch, frontend_id, backend_id):
    """One row of the table meetings, in the order of COLUMNS. No text here needs escaping."""
    return "\t".join((
        meeting.scoped_id, meeting.meeting_id, frontend_id, backend_id, "bound", str(epoch), "",
        meeting.internal_id, meeting.name, "t", str(PEOPLE), "1", str(meeting.listeners),
        str(meeting.voices), str(meeting.videos), "15", meeting.document,
        explanation(backend_id), "now", "now", "now")) + "\n"


def listing(documents):
    """A node's answer to getMeetings."""
    return ("<response><returncode>SUCCESS</returncode><meetings>" + "".join(documents) +
            "</meetings></response>")
