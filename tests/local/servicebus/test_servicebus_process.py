"""The emulator as a process: its command line, and what a kill -9 leaves behind."""

import asyncio
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer
from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusSubQueue
from click.testing import Result
from typer.testing import CliRunner

from local.servicebus.cli import serve
from local.servicebus.config import Config, Queue, QueueProperties, Subscription, Topic
from local.servicebus.server import ServiceBusEmulator
from local.servicebus.store import FILE, StoreError
from tests.local.servicebus.conftest import Clients, drain

ROOT = Path(__file__).parents[3]
SECOND = timedelta(seconds=1)
CONFIG = Config.of(
    queues=(
        Queue(name="orders", properties=QueueProperties(requires_duplicate_detection=True, max_delivery_count=2)),
        Queue(name="commands", properties=QueueProperties(requires_session=True)),
    ),
    topics=(Topic(name="data-changes", subscriptions=(Subscription(name="a"),)),),
)
Run = Callable[..., Awaitable[SimpleNamespace]]


@pytest.fixture
async def run(tmp_path: Path) -> AsyncIterator[Run]:
    """Start `python -m local.servicebus`; killed at the end if it still runs."""
    started: list[asyncio.subprocess.Process] = []
    (tmp_path / "Config.json").write_text(CONFIG.dump())

    async def begin(*arguments: str) -> SimpleNamespace:
        command = (sys.executable, "-m", "local.servicebus", "--config", str(tmp_path / "Config.json"), *arguments)
        pipes = {"stdout": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.PIPE}
        process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, **pipes)
        started.append(process)
        assert process.stdout
        lines: list[str] = []
        while line := (await process.stdout.readline()).decode():
            lines.append(line)
            if line.startswith("State is kept"):
                break
        found = re.search(r"listening on 127\.0\.0\.1:(\d+)", "".join(lines))
        return SimpleNamespace(process=process, output="".join(lines), port=int(found[1]) if found else 0)

    yield begin
    for process in started:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def connect(port: int) -> Clients:
    bus = ServiceBusEmulator(CONFIG, port=port)
    return Clients(bus)


async def test_everything_unsettled_survives_a_kill(run: Run, tmp_path: Path) -> None:
    # given
    first = await run("--port", "0", "--state", str(tmp_path / "state"))
    clients = connect(first.port)
    for body in ("locked", "deferred", "dead", "completed", "free"):
        await clients.send("orders", ServiceBusMessage(body, message_id=body))
    await clients.send("data-changes", "fact")
    await clients.send("commands", ServiceBusMessage("command", session_id="s"))
    due = datetime.now(UTC) + 2 * SECOND
    await clients.sender("data-changes").schedule_messages(ServiceBusMessage("due"), due)
    receiver = await clients.receiver("orders")
    _, deferred, dead, completed = await drain(receiver, 4)
    await receiver.defer_message(deferred)
    await receiver.dead_letter_message(dead, reason="Why")
    await receiver.complete_message(completed)
    session = await clients.receiver("commands", session_id="s")
    await session.session.set_state(b"step 2")

    # when
    first.process.send_signal(signal.SIGKILL)
    await first.process.wait()
    await clients.end()
    second = await run("--port", "0", "--state", str(tmp_path / "state"))
    clients = connect(second.port)

    # then the locked message is available with its delivery counted, the others are where they were
    receiver = await clients.receiver("orders")
    locked, free = await drain(receiver, 2)
    assert [(str(m), m.sequence_number, m.delivery_count) for m in (locked, free)] == [("locked", 1, 1), ("free", 5, 0)]
    [again] = await receiver.receive_deferred_messages(2)
    assert str(again) == "deferred"
    [letter] = await drain(await clients.receiver("orders", sub_queue=ServiceBusSubQueue.DEAD_LETTER))
    assert (str(letter), letter.dead_letter_reason) == ("dead", "Why")
    # and numbers go on, duplicates are still known, sessions keep their state and order their messages
    await clients.send(
        "orders", ServiceBusMessage("x", message_id="completed"), ServiceBusMessage("new", message_id="n")
    )
    [new] = await drain(receiver)
    assert (str(new), new.sequence_number) == ("new", 7)
    session = await clients.receiver("commands", session_id="s")
    assert await session.session.get_state() == b"step 2"
    assert [str(m) for m in await drain(session)] == ["command"]
    assert await clients.receive("data-changes/a", 2) == ["fact", "due"]
    await clients.end()


async def test_a_message_that_kills_its_receiver_and_the_broker_is_dead_lettered_at_its_limit(tmp_path: Path) -> None:
    # given a limit of two deliveries, and two crashes while locked
    for _ in range(2):
        bus = await ServiceBusEmulator(CONFIG, state=tmp_path).__aenter__()
        clients = Clients(bus)
        if not await (await clients.receiver("orders")).peek_messages(sequence_number=1):
            await clients.send("orders", "poison")
        assert len(await drain(await clients.receiver("orders"))) == 1
        await bus.__aexit__(None, None, None)
        await clients.end()

    # when
    async with ServiceBusEmulator(CONFIG, state=tmp_path) as bus:
        clients = Clients(bus)

        # then
        [dead] = await drain(await clients.receiver("orders", sub_queue=ServiceBusSubQueue.DEAD_LETTER))
        assert dead.dead_letter_reason == "MaxDeliveryCountExceeded"
        await clients.end()


async def test_a_state_directory_has_one_emulator_at_a_time(tmp_path: Path) -> None:
    async with ServiceBusEmulator(CONFIG, state=tmp_path):
        with pytest.raises(StoreError, match="Is another emulator using it"):
            await ServiceBusEmulator(CONFIG, state=tmp_path).__aenter__()


async def test_a_state_of_another_version_or_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no database" * 100)
    with pytest.raises(StoreError, match="file is not a database"):
        await ServiceBusEmulator(CONFIG, state=tmp_path).__aenter__()


async def test_the_synchronous_client_works_as_well(run: Run) -> None:
    # given
    started = await run("--port", "0")

    def talk() -> list[str]:
        connection = ServiceBusEmulator(CONFIG, port=started.port).connection_string()
        with ServiceBusClient.from_connection_string(connection, retry_total=0) as client:
            with client.get_topic_sender("data-changes") as sender:
                sender.send_messages([ServiceBusMessage("a"), ServiceBusMessage("b")])
            with client.get_subscription_receiver("data-changes", "a") as receiver:
                found = receiver.receive_messages(2, max_wait_time=2)
                for message in found:
                    receiver.complete_message(message)
                assert receiver.peek_messages(sequence_number=1) == []
            return [str(message) for message in found]

    # when / then
    assert await asyncio.to_thread(talk) == ["a", "b"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_process_says_where_it_listens_and_stops_on_a_signal(run: Run, number: signal.Signals) -> None:
    # given
    started = await run("--port", "0")

    # then
    assert f"Endpoint=sb://127.0.0.1:{started.port};" in started.output
    assert "queue orders: lock 60 s, 2 deliveries" in started.output
    assert "topic data-changes (1 subscriptions)" in started.output
    assert "subscription data-changes/Subscriptions/a" in started.output
    assert "kept in memory only" in started.output

    # when
    started.process.send_signal(number)
    output, errors = await started.process.communicate()

    # then
    assert (started.process.returncode, output, errors) == (0, b"stopped\n", b"")


@pytest.fixture
def cli() -> Callable[..., Result]:
    """The command in this process, for what ends before it listens."""
    app = typer.Typer()
    app.command()(serve)
    return lambda *arguments: CliRunner().invoke(app, list(map(str, arguments)))


def test_a_port_in_use_is_named_with_the_way_out(cli: Callable[..., Result], tmp_path: Path) -> None:
    # given
    (tmp_path / "Config.json").write_text(CONFIG.dump())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        # when
        result = cli("--config", tmp_path / "Config.json", "--port", port)

    # then
    assert result.exit_code == 2
    assert f"cannot listen on 127.0.0.1:{port}" in result.stderr
    assert "Take another port with --port" in result.stderr


def test_a_bad_config_ends_with_every_mistake_and_exit_2(cli: Callable[..., Result], tmp_path: Path) -> None:
    # given
    (tmp_path / "bad.json").write_text('{"UserConfig": {"Namespaces": [{"Queues": [{"Nmae": "q"}]}]}}')

    # when
    result = cli("--config", tmp_path / "bad.json")

    # then
    assert result.exit_code == 2
    assert "Queues[0].Nmae: unknown; did you mean 'Name'?" in result.stderr
    assert "Queues[0].Name: missing" in result.stderr


@pytest.mark.parametrize(
    ("option", "content", "why"),
    [
        ("--principals", "[]", "is no principals file"),
        ("--state", "a file, no directory", "cannot keep state in"),
        ("--config", None, "cannot read"),
    ],
)
def test_an_unusable_file_is_named(
    cli: Callable[..., Result], tmp_path: Path, option: str, content: str | None, why: str
) -> None:
    # given
    (tmp_path / "Config.json").write_text(CONFIG.dump())
    bad = tmp_path / "bad"
    if content is not None:
        bad.write_text(content)

    # when
    result = cli("--config", tmp_path / "Config.json", "--port", 0, option, bad)

    # then
    assert (result.exit_code, why in result.stderr, str(bad) in result.stderr) == (2, True, True), result.stderr
