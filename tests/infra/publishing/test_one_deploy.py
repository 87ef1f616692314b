"""a zip -> One Deploy in all its moods, played by a server on this machine -> published once, or an error that helps"""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.publishing.content import PackageError
from infra.publishing.one_deploy import Pace, publish, unsafe
from tests.infra.publishing.one_deploy import OneDeploy, Reply, crawl, drip, hang_up, say_nothing, serving

FAST = Pace(patience=5, pause=0.01, longest_pause=0.05, connect=1, silence=0.3, polling=0.01)
HASTY = Pace(patience=1.5, pause=0.05, longest_pause=0.05, connect=1, silence=0.2, polling=0.01)
ZIP = b"PK" + bytes(range(256)) * 4096


@pytest.fixture
def site() -> Iterator[OneDeploy]:
    with serving() as site:
        yield site


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "alpha.zip"
    path.write_bytes(ZIP)
    return path


def state(status: int, **more: Any) -> Reply:
    return Reply(200, {"id": "8b1c", "status": status, **more})


def deploy(site: OneDeploy, archive: Path, pace: Pace = FAST) -> str:
    return publish(site.address, archive, lambda: "token-1", pace)


# -- it goes well ---------------------------------------------------------------------------------------------------


def test_the_zip_is_sent_as_it_is_and_its_deployment_followed_until_it_is_done(site: OneDeploy, archive: Path) -> None:
    site.polls += [state(0), state(1, status_text="Building"), Reply(404), state(2), state(4)]

    assert deploy(site, archive) == "8b1c"

    assert site.taken == [ZIP]
    assert site.paths() == ["POST /api/publish", *["GET /api/deployments/8b1c"] * 5]
    _, _, query, headers = site.asked[0]
    assert query == {"type": ["zip"], "RemoteBuild": ["false"], "Deployer": ["pulumi"]}
    assert headers["Content-Type"] == "application/zip"
    assert {headers["Authorization"] for _, _, _, headers in site.asked} == {"Bearer token-1"}


@pytest.mark.parametrize("body", [b"", None, {"message": "taken"}, b"<html>", "not an id", {"id": 7}], ids=str)
def test_without_an_id_the_latest_deployment_is_followed(site: OneDeploy, archive: Path, body: Any) -> None:
    site.publishes += [Reply(202, body)]

    deploy(site, archive)

    assert site.paths() == ["POST /api/publish", "GET /api/deployments/latest"]


def test_a_token_is_asked_for_each_request_because_it_may_have_run_out(site: OneDeploy, archive: Path) -> None:
    tokens = iter(f"token-{number}" for number in range(9))

    publish(site.address, archive, lambda: next(tokens), FAST)

    assert [headers["Authorization"] for _, _, _, headers in site.asked] == ["Bearer token-0", "Bearer token-1"]


# -- what goes away by itself ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "first",
    [
        Reply(403, "Forbidden"),
        Reply(404, "no such site"),
        Reply(409, "another deployment is in progress"),
        Reply(429, "", {"Retry-After": "0"}),
        Reply(500, "oops"),
        Reply(502),
        Reply(503, b"<html>starting</html>"),
        Reply(0, instead=hang_up),
        Reply(0, instead=say_nothing(0.6)),
    ],
    ids=["roles spread", "cold site", "another deployment", "throttled", "500", "502", "503", "broken", "silent"],
)
def test_what_goes_away_by_itself_is_waited_out(site: OneDeploy, archive: Path, first: Reply) -> None:
    site.publishes += [first, first]

    deploy(site, archive)

    assert site.taken == [ZIP]
    assert site.paths().count("POST /api/publish") == 3


@pytest.mark.parametrize(
    "trouble",
    [
        Reply(403),
        Reply(500),
        Reply(200, b"{half"),
        Reply(200, []),
        Reply(0, instead=hang_up),
        Reply(0, instead=say_nothing(0.6)),
    ],
    ids=["403", "500", "half an answer", "a list", "broken", "silent"],
)
def test_trouble_while_following_is_waited_out_and_sends_nothing_twice(
    site: OneDeploy, archive: Path, trouble: Reply
) -> None:
    site.polls += [state(1), trouble, trouble, state(1)]

    deploy(site, archive)

    assert site.taken == [ZIP]


def test_a_deployment_that_gave_way_to_another_is_sent_again(site: OneDeploy, archive: Path) -> None:
    site.polls += [state(1), state(5), state(4)]

    deploy(site, archive)

    assert site.taken == [ZIP, ZIP]


# -- what does not --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "verdict"), [(3, "failed"), (-1, "was cancelled"), (6, "was done in part only")], ids=str
)
def test_a_failed_deployment_is_told_with_the_last_words_of_its_log(
    site: OneDeploy, archive: Path, status: int, verdict: str
) -> None:
    site.polls += [state(1), state(status, status_text="Package validation")]
    site.log = Reply(200, [{"message": "started"}, {"message": "host.json is not JSON"}])

    with pytest.raises(PackageError) as told:
        deploy(site, archive)

    assert f"deployment 8b1c {verdict}: Package validation | started | host.json is not JSON" in str(told.value)
    assert site.address in str(told.value)


def test_a_failure_that_comes_with_status_200_is_a_failure(site: OneDeploy, archive: Path) -> None:
    site.publishes += [state(3, message="the container does not exist")]

    with pytest.raises(PackageError, match="failed: the container does not exist"):
        deploy(site, archive)


@pytest.mark.parametrize(
    ("reply", "helps"),
    [
        (Reply(401, "expired"), "the token was refused .*sign in again, to this tenant: `az login`"),
        (
            Reply(403, "Ip Forbidden", {"x-ms-forbidden-ip": "203.0.113.7"}),
            "nobody is let in from 203.0.113.7 .*inside",
        ),
        (Reply(400, {"message": "settings do not fit"}), "the zip was refused .400 .*settings do not fit"),
        (Reply(415, ""), "the zip was refused .415"),
        (Reply(302, "", {"Location": "https://example.com/"}), "the zip was refused .302"),
    ],
    ids=["token", "address", "bad request", "media type", "redirect"],
)
def test_what_waiting_does_not_heal_ends_at_once(site: OneDeploy, archive: Path, reply: Reply, helps: str) -> None:
    site.publishes += [reply]

    with pytest.raises(PackageError, match=helps):
        deploy(site, archive)

    assert site.paths() == ["POST /api/publish"]


def test_a_token_that_is_refused_while_following_ends_it(site: OneDeploy, archive: Path) -> None:
    site.polls += [Reply(401, "expired")]

    with pytest.raises(PackageError, match="sign in again"):
        deploy(site, archive)


@pytest.mark.parametrize(
    ("reply", "helps"),
    [
        (Reply(403, "Forbidden"), "at the end: 403 .*; give the deployer Website Contributor"),
        (Reply(409, "busy"), "at the end: 409 .*; see who else publishes there"),
        (Reply(503, "starting"), "at the end: 503 .*; run `pulumi up` again"),
        (Reply(429, "", {"Retry-After": "3600"}), "at the end: 429"),
        (Reply(0, instead=hang_up), r"at the end: no answer to POST /api/publish \(\w+"),
        (Reply(0, instead=say_nothing(0.5)), r"at the end: no answer to POST /api/publish \(ReadTimeout"),
        (Reply(0, instead=drip(1)), r"at the end: no answer to POST /api/publish \(it does not end"),
    ],
    ids=["403", "409", "503", "429", "broken", "silent", "endless"],
)
def test_patience_ends_and_the_error_says_what_was_last(
    site: OneDeploy, archive: Path, reply: Reply, helps: str
) -> None:
    said = list[str]()
    for _ in range(5):  # the last try may be cut off while it still sends, and then that is what was last
        site.publishes[:] = [reply] * 50
        began = time.monotonic()
        with pytest.raises(PackageError) as given_up:
            deploy(site, archive, HASTY)
        assert time.monotonic() - began < 6
        said.append(str(given_up.value))
        if re.search(helps, said[-1]):
            return

    pytest.fail("\n".join(said))


def test_a_zip_that_is_taken_too_slowly_is_given_up(site: OneDeploy, tmp_path: Path) -> None:
    large = tmp_path / "large.zip"
    with large.open("wb") as file:
        file.truncate(64 * 1024 * 1024)  # more than any buffer between here and there
    site.publishes += [Reply(0, instead=crawl(1))] * 50
    began = time.monotonic()

    with pytest.raises(PackageError, match=r"taken too slowly|no answer to POST /api/publish"):
        deploy(site, large, HASTY)

    assert time.monotonic() - began < 3


def test_a_deployment_that_never_ends_is_given_up_with_its_status(site: OneDeploy, archive: Path) -> None:
    site.polls += [state(1, status_text="Building")] * 500

    with pytest.raises(PackageError, match=r"not done within 1.5 seconds, at the end: status 1 Building"):
        deploy(site, archive, HASTY)


def test_where_nobody_listens_the_error_says_so(archive: Path) -> None:
    with serving() as gone:
        pass

    with pytest.raises(PackageError, match=r"no answer to POST /api/publish \(ConnectError"):
        deploy(gone, archive, HASTY)


# -- the deployer's token -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["https://app.scm.azurewebsites.net", "http://127.0.0.1:8080", "http://[::1]:1"])
def test_a_token_goes_out_encrypted_or_stays_on_the_machine(address: str) -> None:
    assert unsafe(address) is None


@pytest.mark.parametrize(
    "address", ["http://app.scm.azurewebsites.net", "http://127.0.0.1.example.com", "ftp://app", "app"]
)
def test_a_token_does_not_go_out_in_plain_text(address: str) -> None:
    assert "the deployer's token would go there in plain text" in str(unsafe(address))


def test_no_error_repeats_the_token(site: OneDeploy, archive: Path) -> None:
    site.publishes += [Reply(400, "no")]

    with pytest.raises(PackageError) as told:
        deploy(site, archive)

    assert "token-1" not in str(told.value)
