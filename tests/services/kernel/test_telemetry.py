"""One trace from the producer to the parked message, and one span per call of the model."""

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from local.host.messages import application_properties
from services.kernel import telemetry
from tests.services.events import message, order
from tests.services.world import World

PRODUCER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TEXT = "Please ring twice at the blue door."


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """What a host's exporter would get."""
    provider, exporter = TracerProvider(), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(telemetry, "_tracer", provider.get_tracer("services"))
    yield exporter
    provider.shutdown()


def one(spans: InMemorySpanExporter, kind: SpanKind) -> ReadableSpan:
    (found,) = [span for span in spans.get_finished_spans() if span.kind is kind]
    return found


def trace_of(span: ReadableSpan) -> str:
    return format(span.context.trace_id, "032x")


async def test_a_delivery_is_linked_to_its_producer_and_carries_its_trace_on(
    world: World, spans: InMemorySpanExporter
) -> None:
    # when
    await world.send(message(order(notes=TEXT), "m-1", application_properties={"traceparent": PRODUCER}))
    await world.deliver(world.process())

    # then
    delivery = one(spans, SpanKind.CONSUMER)
    assert delivery.name == "process data-changes"
    assert [format(link.context.trace_id, "032x") for link in delivery.links] == [PRODUCER.split("-")[1]]
    attributes: Any = delivery.attributes
    assert attributes["messaging.destination.subscription.name"] == "ai-processor"
    assert (attributes["messaging.message.id"], attributes["messaging.message.attempt"]) == ("m-1", 1)
    assert (attributes["event.type"], attributes["event.outcome"]) == ("order_placed", "committed")

    # then: whoever gets the insight can go on
    (insight,) = await world.peek("insights", "watcher")
    assert application_properties(insight)["traceparent"].split("-")[1] == trace_of(delivery)


async def test_a_call_of_the_model_is_a_span_with_its_tokens_and_without_its_contents(
    world: World, spans: InMemorySpanExporter
) -> None:
    # when
    await world.send(message(order(notes=TEXT)))
    await world.deliver(world.process())

    # then
    call = one(spans, SpanKind.CLIENT)
    attributes: Any = call.attributes
    tokens = world.model.stats().tokens
    assert attributes["gen_ai.operation.name"] == "chat"
    assert attributes["gen_ai.prompt.name"] == "order_risk"
    assert attributes["gen_ai.usage.input_tokens"] == tokens.prompt
    assert attributes["gen_ai.usage.output_tokens"] == tokens.completion
    assert call.parent
    assert call.parent.span_id == one(spans, SpanKind.CONSUMER).context.span_id
    for span in spans.get_finished_spans():
        assert TEXT not in span.to_json()


async def test_a_parked_message_names_the_trace_in_which_it_was_parked(
    world: World, spans: InMemorySpanExporter
) -> None:
    # when
    await world.send(message("no JSON"))
    await world.deliver(world.process())

    # then
    delivery = one(spans, SpanKind.CONSUMER)
    (parked,) = await world.parked()
    assert parked.properties["traceparent"].split("-")[1] == trace_of(delivery)
    assert delivery.status.status_code is StatusCode.ERROR
    assert (delivery.attributes or {})["event.outcome"] == "park"


async def test_a_copy_is_linked_to_the_attempt_that_asked_for_it(world: World, spans: InMemorySpanExporter) -> None:
    # given
    process = world.process()
    world.model.turn(down=True)
    await world.send(message(order(), application_properties={"traceparent": PRODUCER}))
    await world.deliver(process)

    # when
    world.model.turn(down=False)
    await world.deliver(process)

    # then
    first, second = [span for span in spans.get_finished_spans() if span.kind is SpanKind.CONSUMER]
    assert [link.context.span_id for link in second.links] == [first.context.span_id]
    assert (first.attributes or {})["event.outcome"] == "retry"
    assert (second.attributes or {})["messaging.message.attempt"] == 2


async def test_without_a_recorder_nothing_is_traced_and_all_works(world: World) -> None:
    # when
    await world.send(message("no JSON"))
    await world.deliver(world.process())

    # then
    (parked,) = await world.parked()
    assert "traceparent" not in parked.properties


@pytest.mark.parametrize("hostile", ["", "00-zz", "x" * 5000, "00-" + "0" * 32 + "-" + "0" * 16 + "-01"])
async def test_a_trace_context_that_is_none_is_ignored(world: World, spans: InMemorySpanExporter, hostile: str) -> None:
    # when
    await world.send(message(order(), application_properties={"traceparent": hostile, "tracestate": hostile}))
    await world.deliver(world.process())

    # then
    assert not one(spans, SpanKind.CONSUMER).links
    assert len(await world.records()) == 1
