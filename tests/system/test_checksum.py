"""Who may call: checksums in all the forms applications send them."""
import hashlib
import re
import urllib.parse
import xml.etree.ElementTree as ElementTree

import pytest

from b3cluster import Tenant, checksum, fetch, signed_query, text_of


@pytest.fixture(scope="module")
def tenant(shared_cluster):
    made = shared_cluster.tenant("math")
    assert made.create("algebra").success
    return made


def returncode(answer):
    root = ElementTree.fromstring(answer.body)
    return root.findtext("returncode"), root.findtext("messageKey")


def accepted(answer):
    return answer.status == 200 and returncode(answer)[0] == "SUCCESS"


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha384", "sha512"])
def test_every_hash_algorithm_of_bbb_is_accepted(tenant, algorithm):
    assert accepted(tenant.get("getMeetingInfo", _algorithm=algorithm, meetingID="algebra"))
    assert accepted(tenant.get("getMeetings", _algorithm=algorithm))


@pytest.mark.parametrize("algorithm", ["md5", "sha224", "sha3_256"])
def test_other_hash_algorithms_are_refused(tenant, algorithm):
    query = "meetingID=algebra"
    sum_ = hashlib.new(algorithm, ("getMeetingInfo" + query + tenant.secret).encode()).hexdigest()
    answer = fetch(f"{tenant.url}/getMeetingInfo?{query}&checksum={sum_}")
    assert returncode(answer) == ("FAILED", "checksumError")


def test_upper_case_digits_are_accepted(tenant):
    sum_ = checksum("getMeetings", "", tenant.secret).upper()
    assert accepted(fetch(f"{tenant.url}/getMeetings?checksum={sum_}"))


def test_the_checksum_may_stand_anywhere(tenant):
    signed = checksum("getMeetingInfo", "a=1&meetingID=algebra", tenant.secret)
    for query in (f"checksum={signed}&a=1&meetingID=algebra",
                  f"a=1&checksum={signed}&meetingID=algebra",
                  f"a=1&meetingID=algebra&checksum={signed}"):
        assert accepted(fetch(f"{tenant.url}/getMeetingInfo?{query}")), query


def test_the_query_is_signed_as_it_was_sent(tenant):
    """Different encodings of the same text have different checksums; each is right for itself."""
    for query in ("meetingID=algebra&x=a+b", "meetingID=algebra&x=a%20b", "meetingID=%61lgebra&x=",
                  "meetingID=algebra&x=%C3%A4%c3%a4", "meetingID=algebra&&x=1", "meetingID=algebra&x"):
        sum_ = checksum("getMeetingInfo", query, tenant.secret)
        assert accepted(fetch(f"{tenant.url}/getMeetingInfo?{query}&checksum={sum_}")), query
    sum_ = checksum("getMeetingInfo", "meetingID=algebra&x=a+b", tenant.secret)
    answer = fetch(f"{tenant.url}/getMeetingInfo?meetingID=algebra&x=a%20b&checksum={sum_}")
    assert returncode(answer) == ("FAILED", "checksumError")


def test_a_checksum_of_one_call_does_not_open_another(tenant):
    query = signed_query("getMeetingInfo", {"meetingID": "algebra"}, tenant.secret)
    answer = fetch(f"{tenant.url}/end?{query}")
    assert returncode(answer) == ("FAILED", "checksumError")
    assert tenant.meeting_ids() == ["algebra"]


@pytest.mark.parametrize("call", ["create", "join", "isMeetingRunning", "getMeetingInfo",
                                  "getMeetings", "end"])
def test_every_call_needs_its_checksum(tenant, call):
    good = checksum(call, "meetingID=algebra", tenant.secret)
    for query in ("meetingID=algebra", "meetingID=algebra&checksum=",
                  "meetingID=algebra&checksum=" + "0" * 64,
                  "meetingID=algebra&checksum=" + good[:-1],
                  "meetingID=algebra&checksum=" + good + "0",
                  "meetingID=algebra&checksum=" + "zz" + good[2:],
                  "meetingID=algebra2&checksum=" + good,
                  "meetingID=algebra&x=1&checksum=" + good,
                  f"meetingID=algebra&checksum={good}&checksum={good}",
                  f"meetingID=algebra&checksum={good}&checksum=" + "0" * 64,
                  f"meetingID=algebra&checksum={good}&check%73um={good}"):
        answer = fetch(f"{tenant.url}/{call}?{query}")
        assert answer.status == 200, (query, answer.status)
        assert returncode(answer)[0] == "FAILED", (query, text_of(answer))
    assert tenant.meeting_ids() == ["algebra"]


def test_form_posts_are_signed_in_the_body_or_in_the_query(tenant):
    assert accepted(tenant.post_form("getMeetingInfo", meetingID="algebra"))
    assert accepted(tenant.post_form("isMeetingRunning", meetingID="algebra", z="1", a="2"))
    form = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    query = signed_query("getMeetingInfo", {"meetingID": "algebra"}, tenant.secret)
    assert accepted(fetch(f"{tenant.url}/getMeetingInfo?{query}", "POST", "", form))
    answer = fetch(f"{tenant.url}/getMeetingInfo", "POST", "meetingID=algebra", form)
    assert returncode(answer)[0] == "FAILED"


def test_a_form_post_cannot_smuggle_unsigned_parameters(tenant):
    query = signed_query("end", {"meetingID": "nothing"}, tenant.secret)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = fetch(f"{tenant.url}/end?{query}", "POST", "meetingID=algebra", form)
    assert returncode(answer)[0] == "FAILED"
    assert tenant.meeting_ids() == ["algebra"]


def normalised(answer):
    """An answer without what differs between any two answers."""
    headers = {name: value for name, value in answer.headers.items()
               if name not in ("date", "x-request-id")}
    return answer.status, sorted(headers.items()), re.sub(rb"[0-9a-f]{16}", b"ID", answer.body)


def test_unknown_and_disabled_tenants_answer_like_a_wrong_checksum(shared_cluster, tenant):
    disabled = shared_cluster.tenant("asleep", active=False)
    nobody = Tenant(shared_cluster.daemon.url, "nobody", "whatever")
    strange = Tenant(shared_cluster.daemon.url, "no%20such~key", "whatever")
    wrong = Tenant(shared_cluster.daemon.url, "math", "wrong")
    for call in ("getMeetings", "join", "create", "end", "getMeetingInfo", "isMeetingRunning"):
        parameters = {"meetingID": "algebra", "fullName": "Ada", "password": "mp"}
        answers = {who.key: normalised(who.get(call, **parameters))
                   for who in (disabled, nobody, strange, wrong)}
        assert len(set(map(repr, answers.values()))) == 1, (call, answers)
        posts = {who.key: normalised(who.post_form(call, **parameters))
                 for who in (disabled, nobody, strange, wrong)}
        assert len(set(map(repr, posts.values()))) == 1, (call, posts)
    assert returncode(wrong.get("getMeetings")) == ("FAILED", "checksumError")
    assert tenant.meeting_ids() == ["algebra"]


def test_an_unknown_call_is_unsupported_like_on_bbb(tenant):
    for call in ("getRecordings2", "destroyEverything", "CREATE", "getmeetings"):
        answer = tenant.get(call, meetingID="algebra")
        assert answer.status == 200 and returncode(answer) == ("FAILED", "unsupportedRequest"), call


def test_the_index_needs_no_checksum(tenant):
    for url in (tenant.url, tenant.url + "/", tenant.url + "/bigbluebutton/api",
                tenant.url + "/bigbluebutton/api/"):
        answer = fetch(url)
        root = ElementTree.fromstring(answer.body)
        assert root.findtext("returncode") == "SUCCESS" and root.findtext("version"), url


def test_answers_are_xml_that_no_cache_keeps(tenant):
    answer = tenant.get("getMeetings")
    assert answer.headers["content-type"].split(";")[0] in ("text/xml", "application/xml")
    assert "no-store" in answer.headers["cache-control"]
    assert answer.headers["x-request-id"]
    assert urllib.parse.quote(tenant.secret) not in text_of(answer)
