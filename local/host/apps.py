"""services/inference -> function_app.py -> app.get_functions() -> typed functions"""

import contextlib
import inspect
import json
import logging
import sys
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import azure.functions as func
from pydantic import ValidationError

from local.host.errors import HostError, all_of
from local.host.host_json import HostJson, load_host_json, problem_of
from local.host.settings import expand
from local.host.triggers import TRIGGERS, Retry, Trigger


@dataclass(frozen=True)
class HostedFunction:
    """One function of an app: what starts it and how it is called.

    `argument` names the parameter that takes what the trigger brings; `timeout` is the app's functionTimeout, None
    for none; `retry` is set only where `@app.retry` declares it.
    """

    app: str
    name: str
    call: Callable[..., Any]
    trigger: Trigger
    argument: str
    takes_context: bool
    timeout: timedelta | None
    retry: Retry | None

    @property
    def is_async(self) -> bool:
        return inspect.iscoroutinefunction(self.call)

    def __str__(self) -> str:
        return f"{self.app}: {self.name}"


@dataclass(frozen=True)
class HostedApp:
    name: str
    limits: HostJson
    functions: tuple[HostedFunction, ...]


def load_app(folder: Path, settings: Mapping[str, str]) -> HostedApp:
    """Import `folder/function_app.py` and read its `app`.

    The settings must be in os.environ by now, for the module reads them as it is imported.

    Raises:
        HostError: for a missing file or app, a failing import, or what `read_app` and `load_host_json` refuse.
    """
    limits = load_host_json(folder)
    return read_app(_app_of(folder), folder.resolve().name, limits, settings)


def read_app(app: func.FunctionApp, name: str, limits: HostJson, settings: Mapping[str, str]) -> HostedApp:
    """Read the functions of `app`, which works once per object: a second `get_functions()` raises.

    Raises:
        HostError: for a binding or trigger that this host does not run, an attribute that is wrong, or a `%SETTING%`
            that does not exist; all the app's problems at once.
    """
    try:
        with _quiet_root_logger():
            builders = app.get_functions()
    except ValueError as error:
        raise HostError(f"{name}: {error}") from None
    functions, problems = list[HostedFunction](), list[str]()
    for function in builders:
        try:
            functions.append(_hosted(name, function, limits, settings))
        except HostError as error:
            problems.append(str(error))
    all_of(problems)
    if not functions:
        raise HostError(f"{name}: the app has no functions; register some, or their blueprint, on it")
    return HostedApp(name, limits, tuple(functions))


def _app_of(folder: Path) -> func.FunctionApp:
    file = folder / "function_app.py"
    if not file.is_file():
        raise HostError(f"{file} is missing; give the folder of a function app, such as services/inference")
    try:
        module = _import(file.resolve())
    except Exception as error:
        logging.getLogger(__name__).debug("import of %s", file, exc_info=True)
        where = inspect.getinnerframes(error.__traceback__)[-1] if error.__traceback__ else None
        place = f" ({where.filename}:{where.lineno})" if where else ""
        raise HostError(f"{file} cannot be imported: {type(error).__name__}: {error}{place}") from None
    app = getattr(module, "app", None)
    if not isinstance(app, func.FunctionApp):
        raise HostError(f"{file} has no `app` that is an azure.functions.FunctionApp")
    return app


def _import(file: Path) -> ModuleType:
    """Import by dotted name where the folder is a package, else by path with the folder on sys.path, as in Azure."""
    package, root = [file.stem], file.parent
    while (root / "__init__.py").exists():
        package.insert(0, root.name)
        root = root.parent
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    if len(package) > 1:
        return import_module(".".join(package))
    spec = spec_from_file_location(f"function_app_of_{file.parent.name}", file)
    if spec is None or spec.loader is None:
        raise ImportError(f"no loader for {file}")
    module = sys.modules[spec.name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextlib.contextmanager
def _quiet_root_logger() -> Generator[None]:
    """get_functions() warns of HTTP authorisation in every app without HTTP functions: nothing anyone can mend."""
    root = logging.getLogger()
    root.disabled = True
    try:
        yield
    finally:
        root.disabled = False


def _hosted(app: str, function: Any, limits: HostJson, settings: Mapping[str, str]) -> HostedFunction:
    where = f"{app}: {function.get_function_name()}"
    attributes = _trigger_attributes(function, where)
    kind = str(attributes.pop("type"))
    if kind not in TRIGGERS:
        raise HostError(f"{where} has a {kind}, which this host does not run; it runs {', '.join(TRIGGERS)}")
    expanded = {key: _expanded(value, settings, f"{where}, {key}") for key, value in attributes.items()}
    try:
        trigger = TRIGGERS[kind].model_validate(expanded)
        declared = function.get_settings_dict("retry_policy")
        retry = Retry.model_validate(declared) if declared else None
    except ValidationError as error:
        raise HostError("\n".join(f"{where}: {problem}" for problem in _problems(error))) from None
    call = function.get_user_function()
    parameters = inspect.signature(call).parameters
    if attributes["name"] not in parameters:
        raise HostError(
            f"{where} takes {', '.join(parameters)}, but its trigger names the argument {attributes['name']}"
        )
    if unknown := parameters.keys() - {attributes["name"], "context"}:
        raise HostError(f"{where} takes {', '.join(sorted(unknown))}, which no binding provides")
    return HostedFunction(
        app=app,
        name=str(function.get_function_name()),
        call=call,
        trigger=trigger,
        argument=str(attributes["name"]),
        takes_context="context" in parameters,
        timeout=limits.function_timeout or None,
        retry=retry,
    )


def _trigger_attributes(function: Any, where: str) -> dict[str, Any]:
    trigger = function.get_trigger()
    attributes = dict[str, Any]()
    for binding, raw in zip(function.get_bindings(), function.get_raw_bindings(), strict=True):
        described = cast("dict[str, Any]", json.loads(raw))
        if binding is trigger:
            attributes = described
        elif described["type"] != "http":
            raise HostError(
                f"{where} has a {described['type']} binding; this host runs triggers and HTTP responses only"
            )
    return attributes


def _expanded(value: object, settings: Mapping[str, str], where: str) -> object:
    return expand(value, settings, where=where) if isinstance(value, str) else value


def _problems(error: ValidationError) -> list[str]:
    return [problem_of(detail) for detail in error.errors()]
