"""apps -> one listener a function -> ready -> stop -> what runs may finish -> gone"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from local.host.apps import HostedApp, HostedFunction
from local.host.deliveries import Deliveries
from local.host.errors import HostError, all_of
from local.host.host_json import HttpLimits
from local.host.invoke import Invoker
from local.host.listeners import Listener, Signals
from local.host.service_bus import ServiceBusListener
from local.host.sessions import SessionListener
from local.host.settings import connection
from local.host.sign_in import SignIn
from local.host.timers import TimerListener
from local.host.triggers import CosmosTrigger, HttpTrigger, PulledTrigger, ServiceBusTrigger, TimerTrigger

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Host:
    """Runs the functions of one or several apps in this loop.

    `memory` is the folder where timers remember; `port`, `keys` and `sign_in` are those of HTTP functions (see
    `HttpListener`). An app that `ports` names has a port of its own, as it has a host name of its own in Azure.
    """

    apps: tuple[HostedApp, ...]
    settings: Mapping[str, str]
    grace: timedelta = timedelta(seconds=30)
    memory: Path | None = None
    port: int = 7071
    keys: Mapping[str, str] = field(default_factory=dict[str, str])
    sign_in: SignIn | None = None
    ports: Mapping[str, int] = field(default_factory=dict[str, int])

    async def run(self, stopping: asyncio.Event, ready: asyncio.Event | None = None) -> None:
        """Listen until `stopping` is set, then let running functions finish for at most `grace`.

        Sets `ready` once every listener would see an event.

        Raises:
            HostError: when a connection is missing or a listener cannot start.
        """
        invoke = Invoker()
        listeners = self._listeners(invoke)
        for line in "\n".join(map(str, listeners)).splitlines():
            _log.info("%s", line)
        signals = [Signals(stopping) for _ in listeners]
        listening = {asyncio.create_task(each.listen(signal)) for each, signal in zip(listeners, signals, strict=True)}
        announcing = asyncio.create_task(_announce(signals, ready))
        try:
            await _until_stopped(listening, stopping)
            _, unfinished = await asyncio.wait(listening, timeout=self.grace.total_seconds())
            if unfinished:
                _log.warning("%d functions did not finish within %s and are let go", len(unfinished), self.grace)
        finally:
            for task in (announcing, *listening):
                task.cancel()
            await asyncio.gather(announcing, *listening, return_exceptions=True)
            invoke.close()
        _log.info("stopped")

    def _listeners(self, invoke: Invoker) -> list[Listener]:
        """All listeners, those of HTTP functions last: they take their ports.

        Raises:
            HostError: naming every connection that no setting gives.
        """
        listeners, problems = list[Listener](), list[str]()
        http = dict[int, list[tuple[HostedFunction, HttpTrigger, HttpLimits]]]()
        for app in self.apps:
            for function in app.functions:
                if isinstance(function.trigger, HttpTrigger):
                    port = self.ports.get(app.name, self.port)
                    http.setdefault(port, []).append((function, function.trigger, app.limits.extensions.http))
                    continue
                try:
                    listeners.append(self._listener(app, function, function.trigger, invoke))
                except HostError as error:
                    problems.append(str(error))
        all_of(problems)
        if http:
            from local.host.http import Endpoint, HttpListener

            for port, functions in http.items():
                endpoints = [Endpoint(*each) for each in functions]
                listeners.append(HttpListener(endpoints, invoke, port, self.keys, self.sign_in))
        return listeners

    def _listener(self, app: HostedApp, function: HostedFunction, trigger: PulledTrigger, invoke: Invoker) -> Listener:
        where = str(function)
        match trigger:
            case ServiceBusTrigger():
                if function.retry:
                    _log.warning(
                        "%s: retry policies are not honoured for Service Bus triggers, in Azure neither", where
                    )
                limits, completes = app.limits.extensions.service_bus, trigger.auto_complete_messages
                deliveries = Deliveries(
                    function, invoke, limits.auto_complete_messages if completes is None else completes
                )
                namespace = connection(
                    trigger.connection, self.settings, address="fullyQualifiedNamespace", where=where
                )
                kind = SessionListener if trigger.is_sessions_enabled else ServiceBusListener
                return kind(trigger, namespace, limits, deliveries)
            case CosmosTrigger():
                from local.host.cosmos import CosmosListener

                data = connection(trigger.connection, self.settings, address="accountEndpoint", where=where)
                name = trigger.lease_connection or trigger.connection
                leases = connection(name, self.settings, address="accountEndpoint", where=where)
                return CosmosListener(function, trigger, invoke, data, leases)
            case TimerTrigger():
                return TimerListener(function, trigger, invoke, self.memory)


async def _announce(signals: list[Signals], ready: asyncio.Event | None) -> None:
    await asyncio.gather(*(signal.ready.wait() for signal in signals))
    _log.info("ready")
    if ready:
        ready.set()


async def _until_stopped(listening: set[asyncio.Task[None]], stopping: asyncio.Event) -> None:
    """Wait for the stop; a listener that ends before it ends the host, with its error."""
    stop = asyncio.create_task(stopping.wait())
    try:
        done, _ = await asyncio.wait({stop, *listening}, return_when=asyncio.FIRST_COMPLETED)
        for task in done - {stop}:
            task.result()
    finally:
        stop.cancel()
