"""a Pulumi program -> run against an engine that creates nothing -> what it registered, and what it exported

Pulumi's own mocks, with what they leave out: parents, dependencies and protection are recorded too, a name given
twice is an error as with the real engine, and nothing of one run is seen by the next.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, cast

from pulumi import Output, get_project, get_stack
from pulumi.runtime import mocks, rpc, set_all_config, stack
from pulumi.runtime.proto.resource_pb2 import RegisterResourceRequest, RegisterResourceResponse
from pulumi.runtime.settings import get_root_resource

from local import azure_shapes

STACK = "pulumi:pulumi:Stack"
SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105  # how Pulumi's wire format marks a secret value
SIGNATURE = "4dabf18193072939515e22adb298388d"


class ProgramError(Exception):
    """The program refused to run, or broke; the message is what `pulumi up` would print."""


@dataclass(frozen=True)
class Registration:
    """One call of the program to the engine; values are as Azure's API spells them."""

    request: RegisterResourceRequest
    urn: str
    id: str
    inputs: Mapping[str, Any]
    secrets: frozenset[str]
    """Inputs that the program declared secret; `inputs` shows them plainly."""
    outputs: Mapping[str, Any]


@dataclass(frozen=True)
class Run:
    """What came of running a program once."""

    registered: tuple[Registration, ...]
    exports: Mapping[str, Any]
    error: ProgramError | None


def run(
    program: Callable[[], None], *, project: str, stack: str, config: Mapping[str, str], secret: frozenset[str]
) -> Run:
    """Run a program to its end. `config` is what the engine would hand over, `secret` its encrypted keys.

    The program runs in a thread of its own: Pulumi keeps its state in context variables and wants an event loop.
    """
    with ThreadPoolExecutor(1, "pulumi") as own_thread:
        return own_thread.submit(_run, program, project, stack, config, secret).result()


def _run(
    program: Callable[[], None], project: str, stack_name: str, config: Mapping[str, str], secret: frozenset[str]
) -> Run:
    monitor, said = _Monitor(), _Messages()

    async def complete() -> Mapping[str, Any]:
        """The program, then all that it left to be done later, then its exports."""
        set_all_config(dict(config), list(secret))
        mocks.set_mocks(
            monitor.mocks, project=project, stack=stack_name, preview=False, logger=said.logger, monitor=monitor
        )
        await stack.run_pulumi_func(program)
        root = cast("stack.Stack", get_root_resource())
        return cast("Mapping[str, Any]", await Output.all(**root.outputs).future())

    exports: Mapping[str, Any] = {}
    error: ProgramError | None = None
    with asyncio.Runner() as runner, _EngineThread() as engine_thread:
        runner.get_loop().set_default_executor(engine_thread)
        # One error fails every output that waits for it; it is told once, below.
        runner.get_loop().set_exception_handler(lambda _loop, _context: None)
        try:
            exports = runner.run(complete())
        except Exception as broken:  # noqa: BLE001  # whatever a program may raise
            error = ProgramError(str(broken) or type(broken).__name__)
            error.__cause__ = broken
    if error is None and said.errors:
        error = ProgramError("\n".join(said.errors))
    return Run(monitor.registrations(), exports, error)


class _Cloud(mocks.Mocks):
    """Answers as Azure would after a deployment."""

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        inputs, _ = _revealed(cast("dict[str, Any]", args.inputs))
        package, _, token = args.typ.partition(":")
        if package == "pulumi-python":
            return azure_shapes.published(inputs)
        return azure_shapes.created(token, args.name, inputs) if package == "azure-native" else ("", inputs)

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        return azure_shapes.answered(args.token), []


class _Monitor(mocks.MockMonitor):
    """Keeps the requests, which say more than Pulumi's mocks pass on."""

    def __init__(self) -> None:
        super().__init__(_Cloud())
        self._requests: dict[str, RegisterResourceRequest] = {}

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """Name all the ancestors' types, as the engine does; Pulumi's mocks know the parent's only."""
        above = parent.split("::")[2] if parent else STACK
        qualified = type_ if above == STACK else f"{above}${type_}"
        return f"urn:pulumi:{get_stack()}::{get_project()}::{qualified}::{name}"

    def RegisterResource(self, request: RegisterResourceRequest) -> RegisterResourceResponse:  # noqa: N802
        urn = self.make_urn(request.parent, request.type, request.name)
        if urn in self._requests:
            raise ProgramError(f"two resources are called {urn}")
        if request.type != STACK:
            self._requests[urn] = request
        return super().RegisterResource(request)  # pyright: ignore[reportUnknownMemberType]  # untyped

    def registrations(self) -> tuple[Registration, ...]:
        return tuple(self._registration(urn, request) for urn, request in sorted(self._requests.items()))

    def _registration(self, urn: str, request: RegisterResourceRequest) -> Registration:
        inputs, secrets = _revealed(rpc.deserialize_properties(request.object))
        done = self.resources[urn]
        return Registration(request, urn, done.id, inputs, secrets, cast("dict[str, Any]", done.state))


class _EngineThread(ThreadPoolExecutor):
    """One thread, so that requests are answered in order, and no event loop is left open when it ends."""

    def __init__(self) -> None:
        super().__init__(1, "pulumi-engine", initializer=lambda: asyncio.set_event_loop(asyncio.new_event_loop()))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002
        if not self._shutdown:
            self.submit(lambda: asyncio.get_event_loop().close()).result()
        super().shutdown(wait, cancel_futures=cancel_futures)


class _Messages(logging.Handler):
    """Errors that the program logged without raising."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.errors: list[str] = []
        self.logger = logging.Logger("pulumi", logging.ERROR)  # noqa: LOG001  # of this run alone
        self.logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.errors.append(record.getMessage())


def _revealed(inputs: Mapping[str, Any]) -> tuple[dict[str, Any], frozenset[str]]:
    """Inputs with their secrets in plain, and which these were."""
    secrets = frozenset(name for name, value in inputs.items() if _is_secret(value))
    return {name: plain(value) for name, value in inputs.items()}, secrets


def plain(value: Any) -> Any:
    """A value of Pulumi's wire format as the program meant it: secrets in plain, whole numbers whole."""
    if _is_secret(value):
        return plain(value["value"])
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [plain(inner) for inner in cast("list[Any]", value)]
    return int(value) if isinstance(value, float) and value.is_integer() else value  # the wire knows only floats


def _is_secret(value: Any) -> bool:
    return isinstance(value, dict) and cast("dict[str, Any]", value).get(SIGNATURE) == SECRET
