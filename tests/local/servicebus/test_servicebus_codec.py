"""What the emulator uses of the private codec inside azure-servicebus: a new version that changes it fails here."""

import importlib
import struct
import sys
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import azure.servicebus
import pytest
from azure.servicebus._pyamqp import endpoints, message, outcomes, performatives
from azure.servicebus._pyamqp._decode import decode_frame
from azure.servicebus._pyamqp._encode import encode_frame, encode_payload
from hypothesis import given
from hypothesis import strategies as st

from local.servicebus import codec
from local.servicebus.performatives import (
    RECEIVER,
    SENDER,
    AmqpError,
    Attach,
    Begin,
    Close,
    Detach,
    Disposition,
    End,
    Flow,
    Open,
    Performative,
    Transfer,
)

HINT = "azure-servicebus changed its codec: mend local/servicebus/codec.py, then raise SUPPORTED"


def test_the_codec_is_the_pinned_version() -> None:
    assert codec.sdk_version.startswith(codec.SUPPORTED + "."), HINT


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (Open, performatives.OpenFrame),
        (Begin, performatives.BeginFrame),
        (Attach, performatives.AttachFrame),
        (Flow, performatives.FlowFrame),
        (Transfer, performatives.TransferFrame),
        (Disposition, performatives.DispositionFrame),
        (Detach, performatives.DetachFrame),
        (End, performatives.EndFrame),
        (Close, performatives.CloseFrame),
    ],
)
def test_our_performatives_have_the_fields_of_the_codecs(ours: Any, theirs: Any) -> None:
    assert ours._fields == theirs._fields, HINT


@pytest.mark.parametrize(
    "sent",
    [
        Open("me", "host", 65536, 255, 30000),
        Begin(1, 0, 100, 100),
        Flow(1, 2, 3, 4, 5, 6, 7, 8, drain=True, echo=True),
        Transfer(1, 2, b"tag", 0x80013700, settled=True, more=True, payload=b"payload"),
        Disposition(RECEIVER, 1, 2, settled=True),
        Detach(1, closed=True),
        End(),
        Close(),
    ],
)
def test_a_performative_survives_encoding_and_decoding(sent: Performative) -> None:
    # when
    frame = codec.encode(7, sent)
    got = codec.decode(frame[8:])

    # then
    assert struct.unpack(">IBBH", frame[:8]) == (len(frame), 2, 0, 7), HINT
    assert type(got) is type(sent)
    texts = [value.encode() if isinstance(value, str) else value for value in sent]
    assert [bytes(v) if isinstance(v, memoryview) else v for v in got] == texts, HINT


def test_an_attach_carries_addresses_session_filter_and_properties() -> None:
    # given
    attach = Attach(
        "link", 3, SENDER, 1, 0,
        source=codec.source("amqps://h/q", "s1"),
        target=codec.target("q"),
        initial_delivery_count=0,
        max_message_size=262_144,
        properties={"com.microsoft:locked-until-utc": codec.long(5)},
    )  # fmt: skip

    # when
    got = codec.decode(codec.encode(0, attach)[8:])

    # then
    assert isinstance(got, Attach)
    assert endpoints.Source(*got.source).address == b"amqps://h/q", HINT
    assert endpoints.Source(*got.source).filters == {b"com.microsoft:session-filter": b"s1"}, HINT
    assert endpoints.Target(*got.target).address == b"q", HINT
    assert (got.max_message_size, got.properties) == (262_144, {b"com.microsoft:locked-until-utc": 5}), HINT


@pytest.mark.parametrize(
    ("outcome", "decoded"),
    [
        (codec.ACCEPTED, {"accepted": []}),
        (codec.RELEASED, {"released": []}),
        (codec.REJECTED, {"rejected": [None]}),
        (codec.modified(undeliverable_here=True), {"modified": [True, True, None]}),
    ],
)
def test_an_outcome_is_read_under_its_name(outcome: Any, decoded: dict[str, Any]) -> None:
    got = codec.decode(codec.encode(0, Disposition(SENDER, 1, state=outcome))[8:])
    assert isinstance(got, Disposition)
    assert got.state == decoded, HINT


def test_an_error_carries_condition_description_and_info() -> None:
    state = codec.rejected(AmqpError("amqp:not-allowed", "why"))
    got = codec.decode(codec.encode(0, Disposition(SENDER, 1, state=state))[8:])
    assert isinstance(got, Disposition)
    [[condition, description, info]] = got.state["rejected"]
    assert (condition, description) == (b"amqp:not-allowed", b"why"), HINT
    assert info, "the SDK hangs a send on an error without info"


def test_the_sasl_exchange_is_encoded_as_sasl_frames() -> None:
    for frame, code in ((codec.sasl_mechanisms(), 0x40), (codec.sasl_outcome(0), 0x44)):
        assert struct.unpack(">IBBH", frame[:8]) == (len(frame), 2, 1, 0), HINT
        assert decode_frame(memoryview(frame)[8:])[0] == code, HINT
    init = performatives.SASLInit(b"ANONYMOUS", b"", "host")
    _, body = encode_frame(init, frame_type=b"\x01")
    assert codec.decode(bytes(body or b""))[0] == b"ANONYMOUS", HINT


@pytest.mark.parametrize(
    "value",
    [None, True, 7, -70_000, 0.5, "ü", b"\x00", uuid4(), {"a": [1, "b"]}, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)],
)
def test_a_value_survives_encoding_and_decoding(value: Any) -> None:
    got = codec.decode_any(codec.encode_any(value))
    expected = {b"a": [1, b"b"]} if isinstance(value, dict) else value
    assert got == expected, HINT
    assert isinstance(got, type(value)), HINT


def test_typed_values_keep_their_amqp_type() -> None:
    assert codec.encode_any(codec.symbol("x"))[0] == 0xA3, HINT
    assert codec.encode_any(codec.long(1))[0] == 0x55, HINT
    assert codec.encode_any(codec.timestamp(1))[0] == 0x83, HINT
    assert codec.decode_any(codec.encode_any(codec.array([codec.long(1), codec.long(2)]))) == [1, 2], HINT
    assert codec.decode_any(codec.encode_any(codec.array([]))) == [], HINT


def test_a_request_is_read_with_its_ids_type_and_its_plain_keys() -> None:
    # given
    message_id = uuid4()
    request = message.Message(
        properties=message.Properties(message_id=message_id),
        application_properties={"operation": b"put-token"},
        value={"lock-tokens": [message_id]},
    )
    output = bytearray()
    encode_payload(output, request)

    # when
    got_id, properties, value = codec.decode_request(bytes(output))

    # then
    assert got_id == message_id, HINT
    assert isinstance(got_id, UUID)
    assert properties == {"operation": b"put-token"}, HINT
    assert value == {"lock-tokens": [message_id]}, HINT


def test_the_codec_still_reads_transfers_of_a_frozen_outcome_type() -> None:
    assert isinstance(codec.ACCEPTED, outcomes.Accepted), HINT


@given(st.binary(max_size=200))
def test_garbage_is_a_codec_error_and_nothing_else(garbage: bytes) -> None:
    for read in (codec.decode, codec.decode_any, codec.decode_request):
        try:
            read(garbage)
        except codec.CodecError:
            continue


def test_another_sdk_version_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    monkeypatch.setattr(azure.servicebus, "__version__", "7.99.0")
    monkeypatch.delitem(sys.modules, "local.servicebus.codec")

    # when / then
    with pytest.raises(ImportError, match=r"7\.99\.0 is installed.*mend codec\.py"):
        importlib.import_module("local.servicebus.codec")
