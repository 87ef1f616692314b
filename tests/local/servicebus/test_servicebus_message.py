"""Messages taken apart and put together without touching what is the sender's."""

from typing import Any

import pytest
from azure.servicebus._pyamqp._decode import decode_payload
from azure.servicebus._pyamqp._encode import encode_payload
from azure.servicebus._pyamqp.message import Header, Message, Properties
from hypothesis import given
from hypothesis import strategies as st

from local.servicebus.codec import CodecError, long
from local.servicebus.message import parse, split_batch


def encoded(**sections: Any) -> bytes:
    output = bytearray()
    encode_payload(output, Message(**sections))
    return bytes(output)


def test_the_bare_message_is_kept_byte_for_byte_and_the_header_replaced() -> None:
    # given
    bare = encoded(
        properties=Properties(message_id="m", subject="s"), application_properties={"a": 1}, data=[b"x", b"y"]
    )
    header = encoded(header=Header(durable=True, priority=4, ttl=1000, first_acquirer=None, delivery_count=9))
    annotations = encoded(message_annotations={b"x-opt-partition-key": "p"})

    # when
    message = parse(header + annotations + bare)
    got = decode_payload(memoryview(message.wire(3, **{"x-opt-sequence-number": long(7)})))

    # then
    assert message.bare == bare
    assert (message.ttl, message.priority, message.durable) == (1000, 4, True)
    assert (got.header.ttl, got.header.delivery_count) == (1000, 3)
    assert got.message_annotations == {b"x-opt-partition-key": b"p", b"x-opt-sequence-number": 7}
    assert got.data == [b"x", b"y"]


def test_delivery_annotations_are_dropped_wherever_they_stand() -> None:
    message = parse(encoded(delivery_annotations={b"x": 1}, data=[b"x"]))
    assert message.bare == encoded(data=[b"x"])


@pytest.mark.parametrize("before", [None, {"tenant": "a", "n": 1}, {"DeadLetterReason": "old"}])
def test_application_properties_are_added_without_disturbing_the_others(before: dict[str, Any] | None) -> None:
    # given
    message = parse(encoded(properties=Properties(message_id="m"), application_properties=before, value={"a": b"x"}))

    # when
    changed = message.with_application_properties(DeadLetterReason="Why", DeadLetterErrorDescription=None)

    # then
    assert changed.application_properties == (before or {}) | {"DeadLetterReason": "Why"}
    assert changed.message_id == "m"
    assert decode_payload(memoryview(changed.bare)).value == {b"a": b"x"}


def test_a_message_at_rest_is_read_back_equal() -> None:
    message = parse(encoded(properties=Properties(message_id="m"), data=[b"x"])).annotated(**{"x-opt-a": "b"})
    assert parse(message.wire()) == message


def test_an_envelope_without_messages_is_refused() -> None:
    with pytest.raises(CodecError, match="holds no messages"):
        split_batch(encoded(value=1))


@given(st.binary(max_size=300))
def test_garbage_is_a_codec_error_and_nothing_else(garbage: bytes) -> None:
    for read in (parse, split_batch):
        try:
            read(garbage)
        except CodecError:
            continue


@given(st.data())
def test_a_damaged_message_is_a_codec_error_or_another_message(data: st.DataObject) -> None:
    # given
    whole = encoded(
        header=Header(ttl=5),
        properties=Properties(message_id="m", group_id="s"),
        application_properties={"a": "b"},
        data=[b"x"],
    )
    at = data.draw(st.integers(0, len(whole) - 1))
    damaged = whole[:at] + data.draw(st.binary(max_size=3)) + whole[at + 1 :]

    # when
    try:
        message = parse(damaged)
    except CodecError:
        return

    # then what was taken can be delivered
    assert parse(message.wire(1, **{"x-opt-sequence-number": long(1)})).bare == message.bare
