"""Keys, tokens and roles: who may do what, and what a client learns when it may not."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.servicebus import NEXT_AVAILABLE_SESSION, ServiceBusMessage, ServiceBusSubQueue
from azure.servicebus._common.utils import generate_dead_letter_entity_name
from azure.servicebus._pyamqp.utils import generate_sas_token
from azure.servicebus.aio import ServiceBusClient
from azure.servicebus.exceptions import ServiceBusAuthenticationError, ServiceBusAuthorizationError

from local.servicebus.auth import (
    WELL_KNOWN_KEY,
    WELL_KNOWN_NAME,
    Grant,
    Key,
    Principals,
    PrincipalsError,
    Right,
    TokenError,
    load_principals,
    verify,
)
from local.servicebus.config import Config, Queue, QueueProperties, Subscription, Topic
from local.servicebus.server import HOST, ServiceBusEmulator
from tests.local.servicebus.conftest import Clients, Start, drain

SENDER, RECEIVER = "Azure Service Bus Data Sender", "Azure Service Bus Data Receiver"
OWNER = "Azure Service Bus Data Owner"
CONFIG = Config.of(
    queues=(
        Queue(name="orders"),
        Queue(name="other"),
        Queue(name="commands", properties=QueueProperties(requires_session=True)),
    ),
    topics=(Topic(name="data-changes", subscriptions=(Subscription(name="a"), Subscription(name="b"))),),
)


def principals(*grants: tuple[str, str], well_known_key: bool = True) -> Principals:
    found = tuple(Grant.model_validate({"role": role, "scope": scope}) for role, scope in grants)
    return Principals(keys=(Key(name="service", key="c2VjcmV0", grants=found),), well_known_key=well_known_key)


@pytest.mark.parametrize(
    ("role", "scope", "right", "path", "allowed"),
    [
        (SENDER, "orders", Right.SEND, "orders", True),
        (SENDER, "orders", Right.LISTEN, "orders", False),
        (SENDER, "orders", Right.SEND, "orders2", False),
        (SENDER, "ORDERS", Right.SEND, "orders", True),
        (SENDER, "", Right.SEND, "orders", True),
        (RECEIVER, "", Right.SEND, "orders", False),
        (RECEIVER, "data-changes", Right.LISTEN, "data-changes/Subscriptions/a", True),
        (RECEIVER, "data-changes/subscriptions/a", Right.LISTEN, "data-changes/Subscriptions/a", True),
        (RECEIVER, "data-changes/subscriptions/a", Right.LISTEN, "data-changes/Subscriptions/b", False),
        (RECEIVER, "data-changes/subscriptions/a", Right.LISTEN, "data-changes/Subscriptions/ab", False),
        (SENDER, "data-changes/subscriptions/a", Right.SEND, "data-changes", False),
        (OWNER, "data-changes", Right.SEND, "data-changes", True),
        (OWNER, "data-changes", Right.LISTEN, "data-changes/Subscriptions/b", True),
        (OWNER, "data-changes", Right.LISTEN, "orders", False),
    ],
)
def test_a_grant_covers_its_right_at_its_scope(
    role: Any, scope: str, right: Right, path: str, *, allowed: bool
) -> None:
    assert Grant(role=role, scope=scope).covers(right, path) is allowed


async def send(clients: Clients) -> None:
    await clients.send("orders", "x")


async def send_to_topic(clients: Clients) -> None:
    await clients.send("data-changes", "x")


async def schedule(clients: Clients) -> None:
    due = datetime.now(UTC) + timedelta(hours=1)
    async with clients.client.get_queue_sender("orders") as sender:
        await sender.schedule_messages(ServiceBusMessage("x"), due)


async def receive(clients: Clients) -> None:
    await drain(await clients.receiver("orders"), wait=0.1)


async def receive_dead_letters(clients: Clients) -> None:
    await drain(await clients.receiver("orders", sub_queue=ServiceBusSubQueue.DEAD_LETTER), wait=0.1)


async def receive_subscription(clients: Clients) -> None:
    await drain(await clients.receiver("data-changes/a"), wait=0.1)


async def list_sessions(clients: Clients) -> None:
    assert [session async for session in clients.client.list_queue_sessions("commands")] == []


@pytest.mark.parametrize(
    ("operation", "needs", "scope"),
    [
        (send, SENDER, "orders"),
        (send_to_topic, SENDER, "data-changes"),
        (schedule, SENDER, "orders"),
        (receive, RECEIVER, "orders"),
        (receive_dead_letters, RECEIVER, "orders"),
        (receive_subscription, RECEIVER, "data-changes/subscriptions/a"),
        (list_sessions, RECEIVER, "commands"),
    ],
)
async def test_an_operation_needs_its_role_and_says_so_promptly(
    start: Start, operation: Any, needs: str, scope: str
) -> None:
    # given one who has every role but the needed one, and one who has only that
    other = RECEIVER if needs == SENDER else SENDER
    lacking = await start(CONFIG, key="service", principals=principals((other, ""), (needs, "other")))
    having = await start(CONFIG, key="service", principals=principals((needs, scope)))

    # when
    began = time.monotonic()
    with pytest.raises(ServiceBusAuthorizationError, match=f"needs the role '{needs}', which key 'service'"):
        await operation(lacking)

    # then
    assert time.monotonic() - began < 3
    await operation(having)


async def test_peek_settle_defer_and_session_work_under_receiver_alone(start: Start) -> None:
    # given
    bus = (await start(CONFIG, principals=principals((RECEIVER, "")))).bus
    owner, service = await start(bus), await start(bus, key="service")
    await owner.send("orders", "x")
    await owner.send("commands", ServiceBusMessage("c", session_id="s"))

    # when
    receiver = await service.receiver("orders")
    [message] = await drain(receiver)
    await receiver.renew_message_lock(message)
    await receiver.defer_message(message)
    [deferred] = await receiver.receive_deferred_messages(message.sequence_number or 0)
    await receiver.complete_message(deferred)
    session = await service.receiver("commands", session_id=NEXT_AVAILABLE_SESSION, max_wait_time=2)
    await session.session.set_state(b"x")

    # then
    assert await receiver.peek_messages(sequence_number=1) == []


def of_key(bus: ServiceBusEmulator, name: str, key: str) -> str:
    return f"Endpoint=sb://127.0.0.1:{bus.port};SharedAccessKeyName={name};SharedAccessKey={key};UseDevelopmentEmulator=true;"


@pytest.mark.parametrize(
    ("name", "key", "well_known"),
    [
        ("service", "wrong", True),
        ("nobody", "c2VjcmV0", True),
        ("RootManageSharedAccessKey", "SAS_KEY_VALUE", False),
    ],
)
async def test_a_key_that_is_not_known_is_an_authentication_error(
    start: Start, name: str, key: str, *, well_known: bool
) -> None:
    # given
    bus = (await start(CONFIG, key="service", principals=principals((OWNER, ""), well_known_key=well_known))).bus

    # when / then
    async with ServiceBusClient.from_connection_string(of_key(bus, name, key), retry_total=0) as client:
        with pytest.raises(ServiceBusAuthenticationError):
            async with client.get_queue_sender("orders"):
                pass


NOW = 1_000_000.0
KEYS = principals((OWNER, "")).all()


def token(
    audience: str = "sb://h:1/orders", key: str = "c2VjcmV0", name: str = "service", expiry: float = NOW + 10
) -> str:
    return generate_sas_token(audience, name, key, int(expiry))


def test_a_token_is_a_claim_on_the_resource_it_was_made_for() -> None:
    claim = verify(token(), KEYS, NOW)
    assert (claim.key.name, claim.resource, claim.expires) == ("service", "orders", NOW + 10)
    assert verify(token(generate_dead_letter_entity_name("orders")), KEYS, NOW).resource == "orders"


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("eyJhbGciOi", "SAS tokens only"),
        ("SharedAccessSignature sr=x", "SAS tokens only"),
        (token(name="nobody"), "no key is named 'nobody'; there are 'RootManageSharedAccessKey', 'service'"),
        (token(key="other"), "was not made with the key named 'service'"),
        (token(expiry=NOW), "the token of key 'service' expired"),
        (token().replace("se=1000010", "se=9000010"), "was not made with"),
        (token().replace("orders", "other"), "was not made with"),
    ],
)
def test_a_token_that_proves_nothing_says_why(bad: str, why: str) -> None:
    with pytest.raises(TokenError, match=why):
        verify(bad, KEYS, NOW)


async def test_a_link_outlives_its_token_but_a_new_one_needs_another(start: Start) -> None:
    # given a token that is good for a second
    bus = (await start(CONFIG)).bus
    audience, expiry = f"sb://{HOST}:{bus.port}/orders", int(time.time()) + 2
    short = token(audience, WELL_KNOWN_KEY, WELL_KNOWN_NAME, expiry)
    connection = f"Endpoint=sb://{HOST}:{bus.port};SharedAccessSignature={short};UseDevelopmentEmulator=true;"
    async with ServiceBusClient.from_connection_string(connection, retry_total=0) as client:
        async with client.get_queue_sender("orders") as sender:
            await sender.send_messages(ServiceBusMessage("within"))

            # when
            await asyncio.sleep(max(0, expiry - time.time()) + 0.1)

            # then
            await sender._handler._link.flow(link_credit=1)
        with pytest.raises(ServiceBusAuthenticationError):
            async with client.get_queue_sender("orders"):
                pass


def test_principals_are_read_from_a_file(tmp_path: Path) -> None:
    # given
    file = tmp_path / "principals.json"
    file.write_text(
        '{"keys": [{"name": "inference", "key": "c2VjcmV0", "grants": ['
        '{"role": "Azure Service Bus Data Receiver", "scope": "data-changes/subscriptions/ai-processor"}]}],'
        ' "wellKnownKey": false}'
    )

    # when
    found = load_principals(file)

    # then
    assert list(found.all()) == ["inference"]
    assert found.keys[0].grants[0].scope == "data-changes/subscriptions/ai-processor"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "Invalid JSON"),
        ('{"keys": [{"name": "a"}]}', r"keys\.0\.key: Field required"),
        ('{"keys": [{"name": "a", "key": "k", "grants": [{"role": "Reader"}]}]}', r"grants\.0\.role: Input should be"),
        ('{"wellknownkey": true}', "wellknownkey: Extra inputs"),
    ],
)
def test_a_bad_principals_file_says_where(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "principals.json"
    file.write_text(text)
    with pytest.raises(PrincipalsError, match=why):
        load_principals(file)
