import asyncio
import json
from pathlib import Path

from tests.local.host.support import host_process, until, write_app

_APP = """
import azure.functions as func
from opentelemetry import metrics, trace

app = func.FunctionApp()
events = metrics.get_meter("shop").create_counter("events")

@app.timer_trigger("timer", schedule="0 0 0 1 1 *", run_on_startup=True)
def tick(timer: func.TimerRequest) -> None:
    events.add(1, {"type": "tick"})
    with trace.get_tracer("shop").start_as_current_span("a tick", attributes={"kind": "test"}):
        pass
"""


async def test_spans_and_metrics_of_a_service_are_appended_as_json_lines(tmp_path: Path) -> None:
    # given
    file, folder = tmp_path / "traces.jsonl", write_app(tmp_path / "shop", _APP)
    file.write_text('{"name": "from before"}\n')

    # when
    with host_process(folder, {"LOCAL_TRACES": str(file)}, "--json-log") as process:
        line = await asyncio.to_thread(process.stdout.readline)
        await until(lambda: "a tick" in file.read_text(), seconds=10)
        process.terminate()
        await asyncio.to_thread(process.communicate, None, 10)

    # then
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    span = next(line for line in lines if line.get("name") == "a tick")
    metric = next(line for line in lines if "resource_metrics" in line)
    assert lines[0] == {"name": "from before"}
    assert span["attributes"] == {"kind": "test"}
    assert span["resource"]["attributes"]["service.name"] == "shop"
    assert metric["resource_metrics"][0]["scope_metrics"][0]["metrics"][0]["name"] == "events"
    assert json.loads(line)["message"].startswith("shop: tick <- 0 0 0 1 1 *")
