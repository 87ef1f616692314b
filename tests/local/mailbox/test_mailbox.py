"""What is delivered to the mailbox is there, as it came, as often as it came."""

import json
import os
import signal
import socket
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.mailbox.app import LARGEST, Trouble
from local.mailbox.server import Mailbox, at_port


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with Mailbox() as running:
        yield running


def deliver(mailbox: Mailbox, channel: str = "email", **changes: str) -> httpx.Response:
    body = {"title": "T", "message": "M", "recipient": "a@b.example", **changes}
    with httpx.Client() as client:
        return client.post(f"{mailbox.url}/{channel}", json=body, headers={"Idempotency-Key": "k"})


def test_apprise_delivers_with_recipient_and_key(mailbox: Mailbox) -> None:
    # given
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a plugin that is loaded with all others
        import apprise

        sender: Any = apprise.Apprise()
        url = mailbox.channel("email").replace("{address}", "a%2Bx%40b.example").replace("{key}", "k")
        assert sender.add(url)

    # when
    assert sender.notify(title="T", body="<p>M</p>", body_format="html")

    # then
    (mail,) = mailbox.mail(channel="email")
    assert (mail.recipient, mail.key, mail.title, mail.body) == ("a+x@b.example", "k", "T", "<p>M</p>")
    assert not mailbox.mail(channel="sms")


def test_what_is_sent_twice_is_there_twice(mailbox: Mailbox) -> None:
    deliver(mailbox)
    deliver(mailbox)

    assert [mail.key for mail in mailbox.mail()] == ["k", "k"]


def test_a_trouble_is_met_as_often_as_it_was_said(mailbox: Mailbox) -> None:
    mailbox.trouble(Trouble(channel="email", status=503, times=1), Trouble(channel="sms", drop=True))

    assert deliver(mailbox).status_code == 503
    assert deliver(mailbox).status_code == 200
    with pytest.raises(httpx.TransportError):
        deliver(mailbox, "sms")
    assert [mail.channel for mail in mailbox.mail()] == ["email", "sms"]


def test_a_restart_loses_nothing(tmp_path: Path) -> None:
    with Mailbox(state=tmp_path) as first:
        deliver(first)
    with Mailbox(state=tmp_path) as second:
        assert len(second.mail()) == 1


def test_its_name_in_the_configuration_becomes_its_port() -> None:
    assert at_port("json://mailbox/email?a=b", 81) == "json://127.0.0.1:81/email?a=b"


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"no JSON", 400, "not JSON"),
        (b"\xff", 400, "not JSON"),
        (b"[" * 100_000, 400, "not JSON"),
        (b"[]", 400, "expected a JSON object"),
        (b'{"title": "T"}', 400, "expected a JSON object"),
        (b'{"message": "' + b"x" * LARGEST + b'"}', 413, "1,048,576 at most"),
    ],
    ids=["text", "bytes", "depth", "list", "no message", "size"],
)
def test_what_is_no_message_is_refused_with_the_reason(mailbox: Mailbox, body: bytes, status: int, said: str) -> None:
    with httpx.Client() as client:
        answer = client.post(f"{mailbox.url}/email", content=body)

    assert answer.status_code == status
    assert said in answer.json()["error"]
    assert not mailbox.mail()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("no JSON", "expected a JSON list of troubles"),
        ("1", "expected a JSON list of troubles"),
        ('[{"channel": "fax"}]', "'email', 'slack', 'sms'"),
        ('[{"status": 200}]', "greater than or equal to 400"),
        ('[{"times": 0}]', "greater than or equal to 1"),
        ('[{"dealy": 1}]', "channel, status, drop, delay, times"),
    ],
)
def test_a_trouble_that_makes_no_sense_changes_nothing(mailbox: Mailbox, body: str, said: str) -> None:
    with httpx.Client() as client:
        answer = client.put(f"{mailbox.url}/_mailbox/troubles", content=body)

    assert answer.status_code == 400
    assert said in answer.json()["error"]
    assert deliver(mailbox).status_code == 200


def test_mail_is_listed_filtered_and_forgotten_over_http(mailbox: Mailbox) -> None:
    deliver(mailbox)
    deliver(mailbox, "sms", recipient="' OR 1=1 --")
    with httpx.Client(base_url=mailbox.url) as client:
        found = client.get("/messages", params={"recipient": "' OR 1=1 --"}).json()["messages"]
        unknown = client.get("/messages", params={"recipent": "a"})
        assert client.delete("/messages").status_code == 204
        left = client.get("/messages").json()["messages"]

    assert [mail["channel"] for mail in found] == ["sms"]
    assert (unknown.status_code, left) == (400, [])
    assert "channel, key, recipient" in unknown.json()["error"]


# -- the commands ------------------------------------------------------------------------------------------------------


def run(*arguments: str, module: str = "local", **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", module, *arguments]
    known = {**os.environ, "COLUMNS": "120", **env}
    return subprocess.run(command, capture_output=True, text=True, timeout=30, env=known, check=False)


def test_help_says_how_to_look_and_how_to_make_trouble() -> None:
    short, long = run("mailbox", "--help"), run("--help", module="local.mailbox")

    assert short.returncode == long.returncode == 0
    assert all(word in short.stdout for word in ("--port", "--state", "none: all in memory"))
    assert all(word in long.stdout for word in ("--port", "GET /messages", "/_mailbox/troubles"))


def test_a_port_that_is_taken_is_said_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = run("mailbox", "--port", str(taken.getsockname()[1]))

    assert said.returncode == 2
    assert "is in use: stop what listens there, or choose another port" in said.stderr
    assert "Traceback" not in said.stderr


def test_a_state_folder_that_is_none_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    said = run("mailbox", "--port", "0", "--state", str(tmp_path / "file"))

    assert said.returncode == 2
    assert f"{tmp_path / 'file'} cannot hold the mail" in said.stderr


def test_it_runs_until_it_is_told_to_stop_and_the_inbox_shows_what_came(tmp_path: Path) -> None:
    # given
    command = [sys.executable, "-m", "local.mailbox", "--port", "0", "--state", str(tmp_path / "state" / "mailbox")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        url = process.stdout.readline().split()[1].removesuffix("/messages")

        # when
        with httpx.Client() as client:
            client.post(f"{url}/email", json={"message": "[bold]M[/bold]", "title": "T", "recipient": "a@b.example"})
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    shown = run("inbox", LOCAL_FOLDER=str(tmp_path))
    listed = run("inbox", "--json", "--recipient", "a@b.example", LOCAL_FOLDER=str(tmp_path))
    nobody = run("inbox", "--json", "--recipient", "x", LOCAL_FOLDER=str(tmp_path))

    # then: as it came, and no markup of the terminal's
    assert "[bold]M[/bold]" in shown.stdout
    assert json.loads(listed.stdout)["body"] == "[bold]M[/bold]"
    assert nobody.stdout == ""


def test_an_inbox_that_is_not_there_says_how_to_make_one(tmp_path: Path) -> None:
    said = run("inbox", LOCAL_FOLDER=str(tmp_path))

    assert said.returncode == 1
    assert "`make local` or `make demo` makes one" in " ".join(said.stderr.split())
