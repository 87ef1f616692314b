"""plan -> emulators, containers, hosts: the whole system on this machine, from `.local/`.

state/        what the emulators keep: a restart loses nothing
keys.json     the services' keys, made once; beside it sign-in.pem, which signs tokens for their doors
run/          configuration and settings of this start, readable by this user only
logs/         one file per process
"""

import asyncio
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from azure.cosmos.aio import CosmosClient
from azure.cosmos.exceptions import CosmosResourceExistsError
from azure.servicebus.aio import ServiceBusClient

from local.cosmos.auth import WELL_KNOWN_KEY as COSMOS_KEY
from local.mailbox.server import at_port
from local.processes import Child, Processes, StackError, free_port, port_again
from local.provision import Addresses, App, Plan, plan
from local.servicebus.auth import WELL_KNOWN_KEY as BUS_KEY
from local.servicebus.auth import WELL_KNOWN_NAME as BUS_NAME
from local.stack_folder import FOLDER, ROOT
from local.tokens import DOORS, Doors, OpenDoor, doors, issue, key_pair, public_half

REAL_MODEL_KEY = os.environ.get("OPENAI_API_KEY", "")
"""With it the real model answers, at OpenAI or at OPENAI_BASE_URL; without it the stand-in."""


class Stack:
    """The emulators and the hosts of one state folder."""

    def __init__(self, folder: Path = FOLDER, *, say: Callable[[str], None] = print) -> None:
        self.folder, self._say = folder.resolve(), say
        self.processes = Processes(self.folder)
        self.plan: Plan
        self.addresses: Addresses
        self.mailbox_port = 0
        self.doors: Doors

    @property
    def real_model(self) -> str:
        """Where the real model answers; empty where the stand-in does."""
        return (os.environ.get("OPENAI_BASE_URL") or "OpenAI") if REAL_MODEL_KEY else ""

    # -- the life of a stack ---------------------------------------------------------------------------------------

    def clear(self) -> None:
        """Forget everything: the next start begins with empty stores."""
        self._stop_leftovers()
        for name in ("state", "run", "logs"):
            shutil.rmtree(self.folder / name, ignore_errors=True)

    def start(
        self,
        *,
        together: bool = False,
        env: Mapping[str, str] | None = None,
        knobs: str = "{}",
        change: Callable[[Plan], Plan] = lambda plan: plan,
    ) -> None:
        """Evaluate the program, start the emulators, provision them, start the hosts.

        Each app has a process of its own, as in Azure; `together` hosts all in one. `env` and `knobs` reach the model
        stand-in; `change` lets a test alter the plan.

        Raises:
            StackError: if another stack runs in this folder, or a process does not come up.
        """
        self._stop_leftovers()
        self.plan = change(_evaluate(self._keys()))
        self._write("keys.json", {app.pattern: app.key for app in (*self.plan.apps, self.plan.together)})
        self.start_emulators(env or {}, knobs)
        asyncio.run(self._provision())
        self.start_hosts(together=together)

    def start_emulators(self, env: Mapping[str, str], knobs: str = "{}") -> None:
        """Start the emulators on the state that is there."""
        self._write("run/servicebus.json", json.loads(self.plan.bus.dump()))
        self._write("run/servicebus-keys.json", self.plan.bus_principals.model_dump(mode="json", by_alias=True))
        self._write("run/cosmos-keys.json", self.plan.cosmos_principals.model_dump(mode="json", by_alias=True))
        self.addresses = Addresses(
            bus_port=free_port(),
            cosmos_port=free_port(),
            model_url=os.environ.get("OPENAI_BASE_URL", ""),
            model_key=os.urandom(16).hex(),
        )
        children = [self.start_bus(), self.start_cosmos(), self.start_mailbox()]
        if not REAL_MODEL_KEY:
            children.append(self.start_model(env, knobs))
        for child in children:
            self.processes.wait(child.name)

    def start_bus(self) -> Child:
        run = self.folder / "run"
        options = ["--config", str(run / "servicebus.json"), "--principals", str(run / "servicebus-keys.json")]
        return self._emulator("servicebus", self.addresses.bus_port, options)

    def start_cosmos(self) -> Child:
        options = ["--principals", str(self.folder / "run" / "cosmos-keys.json")]
        return self._emulator("cosmos", self.addresses.cosmos_port, options)

    def start_mailbox(self) -> Child:
        self.mailbox_port = free_port()
        return self._emulator("mailbox", self.mailbox_port, [])

    def start_model(self, env: Mapping[str, str], knobs: str = "{}") -> Child:
        port = free_port()
        at = self.addresses
        self.addresses = Addresses(at.bus_port, at.cosmos_port, f"http://127.0.0.1:{port}/v1", at.model_key)
        models = [part for name in sorted(self.plan.models) for part in ("--model", f"{name}={name}")]
        arguments = ["model", "--port", str(port), "--journal", str(self.folder / "state" / "model.jsonl"), *models]
        arguments += ["--knobs", knobs]
        return self.processes.start("model", arguments, port=port, env={**env, "MODEL_KEY": at.model_key})

    def start_hosts(self, *, together: bool = False) -> None:
        """Start the function apps, each with its own settings."""
        channels = {name: at_port(value, self.mailbox_port) for name, value in self.plan.secrets.items()}
        self._write("run/secrets.json", {**channels, "model-key": self.addresses.model_key})
        groups = {self.plan.together: self.plan.apps} if together else {app: (app,) for app in self.plan.apps}
        self._open_doors()
        started = [self._start_host(app, hosted) for app, hosted in groups.items()]
        for child in started:
            self.processes.wait(child.name)

    def _start_host(self, app: App, hosted: Sequence[App]) -> Child:
        """One process: these apps, in the environment of that one."""
        settings = app.settings(self.addresses)
        if REAL_MODEL_KEY:  # never written to disk: the process gets it from its environment
            settings.pop("Model__key", None)
        run = self.folder / "run"
        self._write(f"run/{app.pattern}.settings.json", settings)
        arguments = ["host", *(str(ROOT / "services" / each.folder) for each in hosted)]
        arguments += ["--settings", str(run / f"{app.pattern}.settings.json"), "--secrets", str(run / "secrets.json")]
        for each in hosted:
            if door := self.doors.apps.get(each.folder):
                arguments += ["--port-of", f"{each.folder}={door.url.rpartition(':')[2]}"]
        arguments += ["--sign-in", str(self.folder / DOORS)]
        env = {"Model__key": REAL_MODEL_KEY} if REAL_MODEL_KEY and app.asks else {}
        return self.processes.start(f"host-{app.pattern}", arguments, ready="ready", env=env)

    def _open_doors(self) -> None:
        """Give each app with HTTP functions a port, the one it had before if that is free."""
        before: dict[str, OpenDoor] = {}
        with suppress(StackError):
            before = doors(self.folder).apps
        opened: dict[str, OpenDoor] = {}
        for app in self.plan.apps:
            if app.door:
                had = int(before[app.folder].url.rpartition(":")[2]) if app.folder in before else 0
                url = f"http://127.0.0.1:{port_again(had)}"
                opened[app.folder] = OpenDoor(**app.door.model_dump(), url=url)
        self.doors = Doors(key=public_half(key_pair(self.folder)), apps=opened)
        self._write(DOORS, self.doors.model_dump(mode="json"))

    def crash(self, names: Sequence[str]) -> None:
        """End processes as a crash would, all at once."""
        for name in names:
            self.processes.children[name].process.kill()
        for name in names:
            self.processes.children[name].kill()

    def revive(self, names: Sequence[str]) -> None:
        """Start what crashed again, with the same ports, settings and state."""
        for name in names:
            self.processes.restart(name)
        for name in names:
            self.processes.wait(name)

    def stop(self) -> None:
        self.processes.stop()

    # -- what the operator connects with ---------------------------------------------------------------------------

    def bus(self) -> ServiceBusClient:
        """A client with every right, as the deployer has in Azure."""
        return ServiceBusClient.from_connection_string(
            f"Endpoint=sb://127.0.0.1:{self.addresses.bus_port};SharedAccessKeyName={BUS_NAME};"
            f"SharedAccessKey={BUS_KEY};UseDevelopmentEmulator=true;"
        )

    def cosmos(self) -> CosmosClient:
        """A client with every right, as the deployer has in Azure."""
        return CosmosClient(f"http://127.0.0.1:{self.addresses.cosmos_port}/", COSMOS_KEY)

    def url_of(self, pattern: str) -> str:
        """Where the HTTP functions of a pattern are, by its folder's name."""
        return self.doors.apps[pattern].url

    def token(self, *, roles: Sequence[str], name: str) -> str:
        """A token that every door takes."""
        return issue(key_pair(self.folder), next(iter(self.doors.apps.values())), name=name, roles=roles)

    # -- files -----------------------------------------------------------------------------------------------------

    def _stop_leftovers(self) -> None:
        for name in self.processes.stop_leftovers():
            self._say(f"stopped {name}, left over from an earlier run")

    def _keys(self) -> dict[str, str]:
        with suppress(OSError, ValueError):
            return dict(json.loads((self.folder / "keys.json").read_text()))
        return {}

    def _write(self, name: str, content: Any) -> None:
        """Write a file that only this user can read: it may hold keys of this machine."""
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(json.dumps(content, indent=2))

    def _emulator(self, name: str, port: int, options: list[str]) -> Child:
        state = self.folder / "state" / name
        state.mkdir(parents=True, exist_ok=True)
        return self.processes.start(name, [name, "--port", str(port), "--state", str(state), *options], port=port)

    async def _provision(self) -> None:
        async with self.cosmos() as cosmos:
            await create_containers(cosmos, self.plan.containers)


async def create_containers(cosmos: CosmosClient, containers: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Create the databases and containers that are not there yet, with the official client."""
    for name, wanted in containers.items():
        with suppress(CosmosResourceExistsError):
            await cosmos.create_database(name)
        database = cosmos.get_database_client(name)
        for container in wanted:
            with suppress(CosmosResourceExistsError):
                await database.create_container(
                    container["id"],
                    container["partitionKey"],
                    default_ttl=_whole(container.get("defaultTtl")),
                    unique_key_policy=container.get("uniqueKeyPolicy"),
                )


def _whole(number: float | None) -> int | None:
    """Numbers come out of the engine's mocks as floats."""
    return None if number is None else int(number)


def _evaluate(keys: Mapping[str, str]) -> Plan:
    from local.graph import evaluate

    return plan(evaluate("local"), keys)
