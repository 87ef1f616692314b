from pathlib import Path

import azure.functions as func
import pytest

from local.host.apps import load_app, read_app
from local.host.errors import HostError
from local.host.triggers import ServiceBusTrigger
from tests.local.host.support import host_json, write_app

_APP = """
import os
import azure.functions as func
from greeting import hello

bp = func.Blueprint()

@bp.service_bus_topic_trigger("message", topic_name="%TOPIC%", subscription_name="worker", connection="ServiceBus",
                              is_sessions_enabled=True)
@bp.function_name("on-change")
async def on_change(message: func.ServiceBusMessage, context: func.Context) -> None: ...

app = func.FunctionApp()
app.register_functions(bp)
assert hello == "hello"
"""


def test_an_app_is_imported_from_its_folder_and_its_functions_are_read(tmp_path: Path) -> None:
    # given
    folder = write_app(tmp_path / "relay", _APP)
    (folder / "greeting.py").write_text('hello = "hello"\n')

    # when
    app = load_app(folder, {"TOPIC": "data-changes"})

    # then
    function = app.functions[0]
    trigger = function.trigger
    assert (app.name, function.name, str(function)) == ("relay", "on-change", "relay: on-change")
    assert isinstance(trigger, ServiceBusTrigger)
    assert trigger.path == "data-changes/worker"
    assert trigger.is_sessions_enabled
    assert (function.argument, function.takes_context, function.is_async) == ("message", True, True)


def test_an_app_in_a_package_is_imported_by_its_dotted_name(tmp_path: Path) -> None:
    # given
    folder = write_app(
        tmp_path / "shop_services" / "relay",
        "import azure.functions as func\n"
        "from shop_services.relay.work import tick\n"
        "app = func.FunctionApp()\n"
        "app.timer_trigger('timer', schedule='0 * * * * *')(tick)\n",
    )
    (folder / "__init__.py").touch()
    (folder.parent / "__init__.py").touch()
    (folder / "work.py").write_text("def tick(timer): ...\n")

    # when, then
    assert load_app(folder, {}).functions[0].call.__module__ == "shop_services.relay.work"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("import nowhere\n", "function_app.py cannot be imported: ModuleNotFoundError: No module named 'nowhere'"),
        ("def f(:\n", "cannot be imported: SyntaxError"),
        ("x = 1\n", "has no `app` that is an azure.functions.FunctionApp"),
        ("import azure.functions as func\napp = func.FunctionApp()\n", "the app has no functions"),
    ],
)
def test_a_module_that_holds_no_app_is_refused(tmp_path: Path, source: str, says: str) -> None:
    folder = write_app(tmp_path / "broken", source)
    with pytest.raises(HostError) as caught:
        load_app(folder, {})
    assert says in str(caught.value)


def test_a_folder_without_an_app_is_refused(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    with pytest.raises(HostError, match=r"function_app.py is missing; give the folder of a function app"):
        load_app(tmp_path, {})


def test_every_function_that_cannot_be_hosted_is_said_at_once() -> None:
    # given
    app = func.FunctionApp()

    @app.queue_trigger("message", queue_name="q", connection="Storage")
    def on_queue(message: func.QueueMessage) -> None: ...

    @app.timer_trigger("timer", schedule="99 * * * * *")
    def tick(timer: func.TimerRequest) -> None: ...

    @app.timer_trigger("timer", schedule="%NOWHERE%")
    def tock(timer: func.TimerRequest) -> None: ...

    @app.timer_trigger("timer", schedule="0 * * * * *")
    def misnamed(request: func.TimerRequest) -> None: ...

    @app.timer_trigger("timer", schedule="0 * * * * *")
    def greedy(timer: func.TimerRequest, more: str) -> None: ...

    @app.timer_trigger("timer", schedule="0 * * * * *")
    @app.service_bus_queue_output("out", connection="ServiceBus", queue_name="q")
    def writer(timer: func.TimerRequest, out: func.Out[str]) -> None: ...

    @app.timer_trigger("timer", schedule="0 * * * * *")
    @app.retry(strategy="fixed_delay", max_retry_count="3")
    def retrier(timer: func.TimerRequest) -> None: ...

    # when
    with pytest.raises(HostError) as caught:
        read_app(app, "shop", host_json(), {})

    # then
    problems = dict(line.removeprefix("shop: ").split(" ", 1) for line in str(caught.value).splitlines())
    assert problems["on_queue"] == (
        "has a queueTrigger, which this host does not run; "
        "it runs serviceBusTrigger, timerTrigger, cosmosDBTrigger, httpTrigger"
    )
    assert "second '99' is out of range; allowed are 0 to 59" in problems["tick:"]
    assert (
        problems["tock,"] == "schedule uses %NOWHERE%, but there is no app setting NOWHERE; add it to the settings file"
    )
    assert problems["misnamed"] == "takes request, but its trigger names the argument timer"
    assert problems["greedy"] == "takes more, which no binding provides"
    assert "has a serviceBus binding; this host runs triggers and HTTP responses only" in problems["writer"]
    assert "fixed_delay needs delay_interval" in problems["retrier:"]


def test_two_functions_of_one_name_are_refused_as_in_azure() -> None:
    # given
    app = func.FunctionApp()
    for _ in range(2):

        @app.timer_trigger("timer", schedule="0 * * * * *")
        def tick(timer: func.TimerRequest) -> None: ...

    # when, then
    with pytest.raises(HostError, match="shop: Function tick does not have a unique function name"):
        read_app(app, "shop", host_json(), {})
