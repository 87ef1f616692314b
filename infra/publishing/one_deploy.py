"""a zip -> POST /api/publish of the app's publishing site -> its deployment, followed until it is done or has failed

One Deploy is what Flex Consumption has instead of zipdeploy. It takes the zip with 202 and the deployment's id, and
works on. What goes away by itself is waited out: roles that have not spread yet (403), a site that is not up yet (404,
no connection), another deployment (409), its own faults (5xx). That a deployment has failed may come with status 200.
Sources: azure-cli, appservice/custom.py; Kudu, DeployStatus; azure-dev#8026; ZeroFailed.Deploy.Azure.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, cast

import httpx

from infra.publishing.content import PackageError

PUBLISH = "/api/publish"
OPTIONS = {"type": "zip", "RemoteBuild": "false", "Deployer": "pulumi"}
"""Nothing is built there: the wheels are in the zip, the same that were tested."""

ID = re.compile(r"[\w-]+")
SUCCESS, CONFLICT = 4, 5
FAILED = {-1: "was cancelled", 3: "failed", 6: "was done in part only"}
"""Kudu's words for a deployment that has ended; any other number means that it goes on."""

FORBIDDEN_ADDRESS = "x-ms-forbidden-ip"
"""A header of a 403 that no role will heal: the site lets nobody in from there."""

UNAUTHORIZED, FORBIDDEN, NOT_FOUND, IN_CONFLICT, THROTTLED = 401, 403, 404, 409, 429
HEALING = frozenset({FORBIDDEN, NOT_FOUND, 408, IN_CONFLICT, THROTTLED})
CHUNK = 256 * 1024
SHOWN = 600
"""Characters of an answer that an error repeats."""

Token = Callable[[], str]


@dataclass(frozen=True)
class Pace:
    """How long to wait for what, in seconds."""

    patience: float = 1200
    """For everything together. Roles take minutes to spread, and a cold site some more."""
    pause: float = 2
    longest_pause: float = 30
    connect: float = 15
    silence: float = 120
    """That the other side may be silent while it takes the zip or answers."""
    polling: float = 3


PACE = Pace()


def publish(address: str, archive: Path, token: Token, pace: Pace = PACE) -> str:
    """Make the zip the app's code and return the deployment's id. `token` is asked before each request.

    Raises:
        PackageError: it did not come to be, within the time; the message says why and what to do.
    """
    site = _Site(address.rstrip("/"), token, pace)
    with site.client:
        while True:
            begun = site.send(archive)
            ended = site.follow(begun)
            if ended != CONFLICT:
                return begun or "latest"
            site.rest("another deployment came in between")


@dataclass
class _Site:
    """The publishing site of one app, until the time is up."""

    address: str
    token: Token
    pace: Pace
    client: httpx.Client = field(init=False)
    ends: float = field(init=False)
    rests: int = 0

    def __post_init__(self) -> None:
        self.ends = time.monotonic() + self.pace.patience
        self.client = httpx.Client(
            base_url=self.address,
            timeout=httpx.Timeout(self.pace.silence, connect=self.pace.connect),
            follow_redirects=False,  # the deployer's token goes to this address and nowhere else
            trust_env=not _is_loopback(self.address),
        )

    # -- the zip goes there ----------------------------------------------------------------------------------------

    def send(self, archive: Path) -> str:
        """Send the zip until it is taken; the deployment's id, empty where the site does not tell it."""
        size = archive.stat().st_size
        headers = {"Content-Type": "application/zip", "Content-Length": str(size), "Cache-Control": "no-cache"}
        while True:
            answer = self._ask("POST", PUBLISH, params=OPTIONS, headers=headers, content=self._read(archive))
            if isinstance(answer, str):
                self.rest(answer)
            elif answer.is_success:
                return self._taken(answer)
            else:
                self._refused(answer)

    def _taken(self, answer: httpx.Response) -> str:
        """The id is a JSON string, or stands in an object that may already say that it failed."""
        told = _json(answer)
        if isinstance(told, dict):
            deployment = cast("Mapping[str, Any]", told)
            self._failed(deployment)
            told = deployment.get("id")
        return told if isinstance(told, str) and ID.fullmatch(told) else ""

    def _refused(self, answer: httpx.Response) -> None:
        """Wait, if waiting may help."""
        said = f"{answer.status_code} {_shown(answer)}"
        self._signed_in(answer)
        if answer.status_code == FORBIDDEN and (seen_as := answer.headers.get(FORBIDDEN_ADDRESS)):
            self._give_up(
                f"nobody is let in from {seen_as} ({said}); run `pulumi up` from inside the stack's network, "
                "or from an address that the app's access restrictions allow"
            )
        if answer.status_code not in HEALING and not answer.is_server_error:
            self._give_up(f"the zip was refused ({said})")
        self.rest(said, _seconds(answer.headers.get("Retry-After")))

    def _signed_in(self, answer: httpx.Response) -> None:
        if answer.status_code == UNAUTHORIZED:
            self._give_up(f"the token was refused ({_shown(answer)}); sign in again, to this tenant: `az login`")

    # -- the deployment is followed --------------------------------------------------------------------------------

    def follow(self, deployment: str) -> int:
        """Ask how the deployment is doing until it has succeeded, or given way to another one."""
        while True:
            time.sleep(min(self.pace.polling, max(0.0, self.ends - time.monotonic())))
            answer = self._ask("GET", f"/api/deployments/{deployment or 'latest'}")
            told = answer if isinstance(answer, str) else _json(answer)
            if not isinstance(answer, str) and answer.is_success and isinstance(told, dict):
                state = cast("Mapping[str, Any]", told)
                self._failed(state)
                if state.get("status") in {SUCCESS, CONFLICT}:
                    return int(state["status"])
                last = f"status {state.get('status')} {state.get('status_text') or state.get('progress') or ''}".strip()
            elif isinstance(answer, str):
                last = answer
            else:
                last = f"{answer.status_code} {_shown(answer)}"
                self._signed_in(answer)
            self._still_time(last)

    def _failed(self, state: Mapping[str, Any]) -> None:
        verdict = FAILED.get(cast("int", state.get("status")))
        if verdict is None:
            return
        said = str(state.get("status_text") or state.get("message") or "").strip()
        log = self._log(str(state.get("id")))
        self._give_up(f"deployment {state.get('id', '')} {verdict}: {' | '.join(filter(None, [said, *log]))}"[:2000])

    def _log(self, deployment: str) -> list[str]:
        """The last words of a deployment, where they can be had."""
        answer = self._ask("GET", f"/api/deployments/{deployment}/log")
        told = _json(answer) if isinstance(answer, httpx.Response) and answer.is_success else None
        entries = cast("list[Any]", told) if isinstance(told, list) else []
        return [
            str(cast("Mapping[str, Any]", each)["message"]).strip()
            for each in entries[-3:]
            if isinstance(each, dict) and "message" in each
        ]

    # -- patience --------------------------------------------------------------------------------------------------

    def rest(self, why: str, seconds: float | None = None) -> None:
        """Pause, longer each time; until the time is up."""
        doubled = self.pace.pause * 2 ** min(self.rests, 10)
        self.rests += 1
        pause = min(self.pace.longest_pause, doubled) if seconds is None else seconds
        if time.monotonic() + pause >= self.ends:
            self._out_of_time(why)
        time.sleep(pause)

    def _still_time(self, last: str) -> None:
        if time.monotonic() >= self.ends:
            self._out_of_time(last)

    def _out_of_time(self, last: str) -> NoReturn:
        hint = "run `pulumi up` again"
        if last.startswith(str(FORBIDDEN)):
            hint = "give the deployer Website Contributor on the app or above it (docs/deploy.md), then run `pulumi up`"
        elif last.startswith(str(IN_CONFLICT)):
            hint = "see who else publishes there, then run `pulumi up` again"
        self._give_up(f"not done within {self.pace.patience:g} seconds, at the end: {last}; {hint}")

    def _give_up(self, why: str) -> NoReturn:
        raise PackageError(f"the code could not be published at {self.address}: {why}")

    # -- requests --------------------------------------------------------------------------------------------------

    def _ask(self, method: str, path: str, **request: Any) -> httpx.Response | str:
        """One request, and no longer than there is time; why there is no answer, if there is none."""
        headers = {**request.pop("headers", {}), "Authorization": f"Bearer {self.token()}"}
        try:
            with self.client.stream(method, path, headers=headers, **request) as answer:
                body, enough = b"", time.monotonic() + self.pace.silence
                for part in answer.iter_bytes():
                    body += part
                    if time.monotonic() > enough:
                        return f"no answer to {method} {path} (it does not end)"
                return httpx.Response(answer.status_code, headers=_plain(answer.headers), content=body)
        except httpx.HTTPError as broken:
            return f"no answer to {method} {path} ({type(broken).__name__}: {broken})"

    def _read(self, archive: Path) -> Iterator[bytes]:
        with archive.open("rb") as file:
            while part := file.read(CHUNK):
                self._still_time("the zip is taken too slowly")
                yield part


def _plain(headers: httpx.Headers) -> dict[str, str]:
    """Without what says how the body came, for it has come."""
    return {
        name: value
        for name, value in headers.items()
        if name not in {"content-encoding", "transfer-encoding", "content-length"}
    }


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None


def _shown(answer: httpx.Response) -> str:
    return " ".join(answer.text.split())[:SHOWN] or "without a word"


def _seconds(header: str | None) -> float | None:
    return float(header) if header and header.isdecimal() else None


def _is_loopback(address: str) -> bool:
    return httpx.URL(address).host in {"127.0.0.1", "localhost", "::1"}


def unsafe(address: str) -> str | None:
    """Why a token must not be sent to an address; None if it may."""
    url = httpx.URL(address)
    if url.scheme == "https" or _is_loopback(address):
        return None
    return f"{address} is not https://, and the deployer's token would go there in plain text"
