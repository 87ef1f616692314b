"""the digest of a service's content -> a zip, built and published when the digest is another than last time

A dynamic resource: the engine keeps a reference to `Publisher` and runs it in a process of its own, in the folder of
the program. What is heavy is imported by its methods.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pulumi import Input, ResourceOptions, dynamic

PUBLISHED = ("digest", "app", "container")
"""Inputs that tell whether an app has this code: another digest, another app, or another place for its code."""


@dataclass(frozen=True)
class CodeArgs:
    service: str
    """The folder below services/."""
    python: str
    app: Input[str]
    """The app's resource id: known also while Azure changes it."""
    container: Input[str]
    """The id of the container that the platform keeps the code in."""
    address: Input[str]
    """Where One Deploy answers: the app's publishing site."""
    root: str = ""
    """The tree that has the code, where it is not this one."""


class Code(dynamic.Resource, module="event-driven-ai", name="Code"):
    """The code of one app. Deleting it deletes nothing: code goes with its app."""

    def __init__(self, name: str, args: CodeArgs, opts: ResourceOptions | None = None) -> None:
        from infra.publishing.content import TREE, content

        properties = {
            "service": args.service,
            "python": args.python,
            "digest": content(args.service, args.python, TREE / args.root).digest,
            "app": args.app,
            "container": args.container,
            "address": args.address,
            "root": args.root,
        }
        super().__init__(Publisher(), name, properties, opts)


class Publisher(dynamic.ResourceProvider):
    """What the engine calls; properties are those of `Code`."""

    serialize_as_secret_always = False  # there is no secret in it, and the state stays readable

    def configure(self, req: dynamic.ConfigureRequest) -> None:
        self._config = req.config

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> dynamic.CheckResult:
        """Refuse, in a preview already, what could not be published."""
        from infra.publishing.one_deploy import unsafe

        failures: list[dynamic.CheckFailure] = []
        if missing := _content(news).missing():
            failures.append(dynamic.CheckFailure("service", missing))
        if _is_known(news["address"]) and (problem := unsafe(news["address"])):
            failures.append(dynamic.CheckFailure("address", problem))
        return dynamic.CheckResult(news, failures)

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> dynamic.DiffResult:
        return dynamic.DiffResult(changes=any(_news[key] != _olds.get(key) for key in PUBLISHED))

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        self._publish(props)
        return dynamic.CreateResult(props["service"], dict(props))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> dynamic.UpdateResult:
        self._publish(_news)
        return dynamic.UpdateResult(dict(_news))

    def _publish(self, props: Mapping[str, Any]) -> None:
        from infra.publishing.build import build
        from infra.publishing.content import TREE, PackageError
        from infra.publishing.credential import token
        from infra.publishing.one_deploy import publish

        wanted = _content(props)
        if wanted.digest != props["digest"]:
            raise PackageError(f"services/{wanted.service} was changed while `pulumi up` ran; run it again")
        try:
            with TemporaryDirectory(prefix="code-") as folder:
                zipped = build(wanted, Path(folder), TREE / props["root"] / "dist")
                publish(props["address"], zipped, token(self._config.get))
        except PackageError as error:
            raise PackageError(str(error)) from None  # the engine prints a traceback: let it be short


def _content(props: Mapping[str, Any]) -> Any:
    from infra.publishing.content import TREE, content

    return content(props["service"], props["python"], TREE / props["root"])


def _is_known(value: Any) -> bool:
    from pulumi.runtime.rpc import UNKNOWN

    return value != UNKNOWN
