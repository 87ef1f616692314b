from datetime import timedelta
from typing import Any

import azure.functions as func
import pytest
from azure.servicebus import ServiceBusMessage, ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusClient
from azure.servicebus.amqp import AmqpAnnotatedMessage, AmqpMessageHeader

from local.host import messages
from local.servicebus.server import ServiceBusEmulator
from tests.local.host.support import app_on_queue, host_json, hosting, queue, settings_of, until

_PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def _received(*sent: Any, **properties: Any) -> list[ServiceBusReceivedMessage]:
    """What the official client makes of what it sent."""
    async with (
        ServiceBusEmulator(queue(**properties)) as bus,
        ServiceBusClient.from_connection_string(bus.connection_string()) as client,
        client.get_queue_sender("orders") as sender,
        client.get_queue_receiver("orders") as receiver,
    ):
        await sender.send_messages(list(sent))
        return await receiver.receive_messages(max_message_count=len(sent), max_wait_time=5)


async def test_a_function_sees_what_it_would_see_in_azure() -> None:
    # given
    seen = list[func.ServiceBusMessage]()
    contexts = list[func.Context]()

    async def on_order(message: func.ServiceBusMessage, context: func.Context) -> None:
        seen.append(message)
        contexts.append(context)

    sent = ServiceBusMessage(
        b'{"total": 3}',
        subject="order_placed",
        to="worker",
        message_id="m1",
        correlation_id="c1",
        content_type="application/json",
        reply_to="answers",
        application_properties={"traceparent": _PARENT, "attempt": 2, "urgent": True},
    )

    # when
    async with ServiceBusEmulator(queue()) as bus, hosting(app_on_queue(on_order, host_json(), bus), settings_of(bus)):
        async with (
            ServiceBusClient.from_connection_string(bus.connection_string()) as client,
            client.get_queue_sender("orders") as sender,
        ):
            await sender.send_messages(sent)
        await until(lambda: bool(seen))

    # then
    message, context = seen[0], contexts[0]
    assert message.get_body() == b'{"total": 3}'
    assert (message.subject, message.label, message.to) == ("order_placed", "order_placed", "worker")
    assert (message.message_id, message.correlation_id, message.reply_to) == ("m1", "c1", "answers")
    assert message.content_type == "application/json"
    assert message.application_properties == {"traceparent": _PARENT, "attempt": 2, "urgent": True}
    assert message.user_properties == message.application_properties
    assert message.delivery_count == 1, "Azure counts from one, AMQP from zero"
    assert len(message.lock_token or "") == 36
    assert message.enqueued_time_utc is not None
    assert message.enqueued_time_utc.tzinfo is None, "the extension writes no offset"
    assert message.session_id is None
    assert isinstance(context, func.Context)
    assert context.function_name == "on_order"
    assert context.trace_context.trace_parent == _PARENT


async def test_application_properties_are_text_numbers_and_truth_values() -> None:
    # given
    sent = ServiceBusMessage("x", application_properties={"raw": b"bytes", "part": 0.5, "none": None, "count": 12_345})

    # when
    message = messages.one((await _received(sent))[0])

    # then
    assert message.application_properties == {"raw": "bytes", "part": 0.5, "none": None, "count": 12_345}


async def test_a_message_without_anything_has_nothing_and_never_expires() -> None:
    # when
    message = messages.one((await _received(ServiceBusMessage(b"")))[0])

    # then
    assert message.get_body() == b""
    assert message.application_properties == {}
    assert (message.subject, message.to, message.correlation_id, message.content_type) == (None, None, None, None)
    assert message.expires_at_utc is not None
    assert message.expires_at_utc.year == 9999


async def test_a_time_to_live_becomes_the_time_it_expires() -> None:
    # when
    message = messages.one((await _received(ServiceBusMessage("x", time_to_live=timedelta(hours=1))))[0])

    # then
    assert message.expires_at_utc is not None
    assert message.enqueued_time_utc is not None
    assert message.expires_at_utc - message.enqueued_time_utc == timedelta(hours=1)


async def test_each_message_of_a_batch_keeps_its_own_properties() -> None:
    # given
    sent = [
        ServiceBusMessage(
            str(number), message_id=f"m{number}", subject=subject, application_properties={"number": number}
        )
        for number, subject in enumerate(["first", None, "third"])
    ]

    # when
    batch = messages.many(await _received(*sent))

    # then
    assert [message.get_body() for message in batch] == [b"0", b"1", b"2"]
    assert [message.message_id for message in batch] == ["m0", "m1", "m2"]
    assert [message.subject for message in batch] == ["first", None, "third"]
    assert [message.application_properties["number"] for message in batch] == [0, 1, 2]
    assert [message.delivery_count for message in batch] == [1, 1, 1]


async def test_a_body_that_is_not_data_is_refused() -> None:
    # given
    sent = AmqpAnnotatedMessage(value_body="text", header=AmqpMessageHeader())

    # when
    received = (await _received(sent))[0]

    # then
    with pytest.raises(ValueError, match="the body is an AMQP value; functions are given data bodies only"):
        messages.one(received)
