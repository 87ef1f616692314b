"""the graph as those who build on it ask it"""

import json

import pytest
from rich.console import Console
from typer import Exit

from local.graph import Graph, evaluate, graph
from local.graph_view import render_tree, to_json


def test_resources_are_found_by_type_with_or_without_the_package(dev: Graph) -> None:
    assert dev.of_type("servicebus:Topic") == dev.of_type("azure-native:servicebus:Topic")
    assert {topic.name for topic in dev.of_type("servicebus:Topic")} >= {"data-changes", "insights"}


def test_asking_for_one_of_many_names_them(dev: Graph) -> None:
    with pytest.raises(LookupError, match=r"one servicebus:Topic was asked for; there are: data-changes, .*insights"):
        dev.one("servicebus:Topic")


def test_asking_for_one_that_is_not_there_says_so(dev: Graph) -> None:
    with pytest.raises(LookupError, match=r"called audit was asked for"):
        dev.one("servicebus:Topic", "audit")


def test_the_scope_of_a_role_leads_to_the_resource(dev: Graph) -> None:
    assignment = dev.one("authorization:RoleAssignment", "inference-sends-insights")

    assert dev.by_id(assignment.inputs["scope"]) == dev.one("servicebus:Topic", "insights")
    with pytest.raises(LookupError, match="has the id /nowhere"):
        dev.by_id("/nowhere")


def test_every_resource_is_grouped_by_a_component(dev: Graph) -> None:
    assert all(resource.is_component for resource in dev.children())
    assert {component.name for component in dev.children()} >= {"foundation", "messaging", "documents", "model"}


def test_the_tree_shows_every_resource_once(dev: Graph) -> None:
    console = Console(width=200)
    with console.capture() as shown:
        console.print(render_tree(dev))

    for resource in dev.resources:
        assert resource.name in shown.get()
    assert shown.get().count("servicebus:Topic") == len(dev.of_type("servicebus:Topic"))


def test_json_is_complete_and_hides_secrets(local: Graph) -> None:
    text = to_json(local)

    assert "local-stand-in" not in text
    secret = next(each for each in json.loads(text)["resources"] if each["type"].endswith("keyvault:Secret"))
    assert secret["inputs"]["properties"] == "[secret]"
    assert len(json.loads(text)["resources"]) == len(local.resources)


def test_the_command_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    graph("dev", json=True)

    assert json.loads(capsys.readouterr().out)["stack"] == "dev"


def test_the_command_tells_an_unknown_stack_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Exit) as ended:
        graph("nowhere")

    assert ended.value.exit_code == 1
    assert capsys.readouterr().err.startswith("there is no stack nowhere")


def test_an_override_counts_before_the_stack_file() -> None:
    cheap = evaluate("dev", patterns=[], config_overrides={"storage:sku": "Standard_ZRS"})

    assert cheap.one("storage:StorageAccount").inputs["sku"] == {"name": "Standard_ZRS"}
