"""LOCAL_TRACES=file.jsonl -> spans and metrics as JSON lines

The services use the OpenTelemetry API only, so whoever hosts them installs what records. A batch is written in one go,
so that several hosts may append to one file.
"""

import contextlib
from collections.abc import Generator
from pathlib import Path

from local.host.errors import HostError

_ONE_WRITE = 8 * 1024 * 1024
_EVERY_MS = 500


@contextlib.contextmanager
def telemetry(file: Path | None, service: str) -> Generator[None]:
    """Record spans and metrics of this process to `file` while the body runs; None records nothing.

    Raises:
        HostError: when the file cannot be written.
    """
    if file is None:
        yield
        return
    from opentelemetry import metrics, trace
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, PeriodicExportingMetricReader
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter

    try:
        out = file.open("a", encoding="utf-8", buffering=_ONE_WRITE)
    except OSError as error:
        raise HostError(f"LOCAL_TRACES: {file} cannot be written: {error.strerror}") from None
    resource = Resource.create({"service.name": service})
    spans = ConsoleSpanExporter(out=out, formatter=lambda span: span.to_json(indent=None) + "\n")
    points = ConsoleMetricExporter(out=out, formatter=lambda data: data.to_json(indent=None) + "\n")
    tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
    tracers.add_span_processor(BatchSpanProcessor(spans, schedule_delay_millis=_EVERY_MS))
    meters = MeterProvider(
        [PeriodicExportingMetricReader(points, _EVERY_MS)], resource=resource, shutdown_on_exit=False
    )
    trace.set_tracer_provider(tracers)
    metrics.set_meter_provider(meters)
    try:
        yield
    finally:
        tracers.shutdown()
        meters.shutdown()
        out.close()
