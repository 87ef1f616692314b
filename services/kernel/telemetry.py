"""Spans and metrics of a delivery, by the OpenTelemetry API alone: whoever hosts the service installs the exporter.

Names of `gen_ai.*` follow open-telemetry/semantic-conventions-genai (read 2026-11; all of it still "development"), the
messaging names follow the Azure messaging conventions. They stand here and nowhere else. Costs have no convention: they
are `ai.cost`, in US dollars. Contents of prompts and answers are never recorded.
"""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

from opentelemetry import metrics, propagate, trace
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode, get_current_span

from services.kernel.delivery import Delivery
from services.kernel.topology import Subscription

_tracer = trace.get_tracer("services")
_meter = metrics.get_meter("services")

_events = _meter.create_counter("events", unit="{event}", description="deliveries, by event type and outcome")
_latency = _meter.create_histogram("events.latency", unit="s", description="enqueued until settled")
_tokens = _meter.create_counter("ai.tokens", unit="{token}", description="tokens, by event type, model and kind")
_cost = _meter.create_counter("ai.cost", unit="USD", description="cost of the answers, by event type and model")
_answers = _meter.create_counter("ai.answers", unit="{answer}", description="answers, by question and source")
_duration = _meter.create_histogram("gen_ai.client.inference.duration", unit="s")
_age = _meter.create_gauge("events.backlog.age", unit="s", description="age of the oldest waiting message")
_depth = _meter.create_gauge("events.backlog.depth", unit="{message}", description="waiting messages, counted to a cap")


def context_properties() -> dict[str, str | int]:
    """The W3C context of the current span, as application properties of a message."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return dict(carrier)


@contextmanager
def consumer_span(delivery: Delivery, subscription: Subscription) -> Generator[Span]:
    """One span per delivery, linked to the producer's: session triggers lose the context in the host, so it is read
    from the message itself.
    """
    carrier = {key: value for key, value in delivery.properties.items() if isinstance(value, str)}
    producer = get_current_span(propagate.extract(carrier)).get_span_context()
    with _tracer.start_as_current_span(
        f"process {subscription.topic.name}",
        kind=SpanKind.CONSUMER,
        links=[Link(producer)] if producer.is_valid else [],
        attributes={
            "messaging.system": "servicebus",
            "messaging.operation.type": "process",
            "messaging.destination.name": subscription.topic.name,
            "messaging.destination.subscription.name": subscription.name,
            "messaging.message.id": delivery.message_id,
            "messaging.message.attempt": delivery.attempt,
        },
    ) as span:
        yield span


@contextmanager
def model_span(question: str, version: str, model: str, provider: str, event_type: str) -> Generator[Span]:
    """One span per call of the model."""
    with _tracer.start_as_current_span(
        f"chat {model}",
        kind=SpanKind.CLIENT,
        attributes={
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "azure.ai.openai" if provider == "azure" else "openai",
            "gen_ai.request.model": model,
            "gen_ai.prompt.name": question,
            "gen_ai.prompt.version": version,
            "gen_ai.output.type": "json",
            "event.type": event_type,
        },
    ) as span:
        yield span


def answered(span: Span, *, model: str, usage: Mapping[str, int], finish: str, seconds: float, event_type: str) -> None:
    """Record what one answer of the model took."""
    span.set_attributes(
        {
            "gen_ai.response.model": model,
            "gen_ai.response.finish_reasons": [finish],
            "gen_ai.usage.input_tokens": usage["input"],
            "gen_ai.usage.output_tokens": usage["output"],
            "gen_ai.usage.cache_read.input_tokens": usage["cached"],
            "gen_ai.usage.reasoning.output_tokens": usage["reasoning"],
        }
    )
    _duration.record(seconds, {"gen_ai.response.model": model, "event.type": event_type})
    for kind in ("input", "output"):
        _tokens.add(usage[kind], {"event.type": event_type, "gen_ai.response.model": model, "kind": kind})


def decided(question: str, event_type: str, source: str, model: str, cost: float | None) -> None:
    """Count an answer by where it came from, and what it cost."""
    _answers.add(1, {"question": question, "event.type": event_type, "source": source})
    if cost is not None:
        _cost.add(cost, {"event.type": event_type, "gen_ai.response.model": model})


def settled(span: Span, delivery: Delivery, event_type: str, outcome: str, note: str = "") -> None:
    """Count a delivery by its outcome, with the time since it was enqueued."""
    span.set_attributes({"event.type": event_type, "event.outcome": outcome})
    if outcome in ("park", "retry"):
        span.set_status(Status(StatusCode.ERROR, note))
    _events.add(1, {"event.type": event_type, "outcome": outcome})
    if delivery.enqueued:
        _latency.record((datetime.now(UTC) - delivery.enqueued).total_seconds(), {"event.type": event_type})


def backlog(subscription: Subscription, age: float | None, depth: int) -> None:
    """What waits at a subscription; Azure itself has no such metric per subscription."""
    attributes = {"topic": subscription.topic.name, "subscription": subscription.name}
    if age is not None:
        _age.set(age, attributes)
    _depth.set(depth, attributes)


def fault(error: Exception) -> None:
    """A handler or a store did what nobody expected: somebody should look."""
    get_current_span().record_exception(error)
    _events.add(1, {"event.type": "any", "outcome": "fault"})


def left_in_outbox(error: Exception) -> None:
    """Committed, but not published: the sweep will."""
    get_current_span().record_exception(error)
    _events.add(1, {"event.type": "any", "outcome": "left-in-outbox"})
