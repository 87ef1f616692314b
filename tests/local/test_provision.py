import pytest

from infra import names
from local.graph import Graph, evaluate
from local.provision import Addresses, Plan, plan
from services.entities import DEAD_LETTERS
from services.kernel.access import grants
from services.kernel.topology import Container, Subscription
from services.registry import PATTERNS


@pytest.fixture(scope="module")
def graph() -> Graph:
    return evaluate("local")


@pytest.fixture(scope="module")
def planned(graph: Graph) -> Plan:
    return plan(graph)


def test_the_emulators_get_the_topics_queues_and_subscriptions_of_the_graph(graph: Graph, planned: Plan) -> None:
    namespace = planned.bus.namespace
    subscriptions = {f"{topic.name}/{one.name}" for topic in namespace.topics for one in topic.subscriptions}

    assert {topic.name for topic in namespace.topics} == {
        t.inputs["topicName"] for t in graph.of_type("servicebus:Topic")
    }
    assert [queue.name for queue in namespace.queues] == [DEAD_LETTERS.name]
    assert {f"{s.topic.name}/{s.name}" for pattern in PATTERNS for s in pattern.listens} <= subscriptions
    assert all(one.rules for topic in namespace.topics for one in topic.subscriptions), "none may take everything"


def test_each_service_is_granted_what_its_topology_needs_and_no_more(planned: Plan) -> None:
    for pattern in PATTERNS:
        wanted = grants(pattern)
        (bus,) = (key for key in planned.bus_principals.keys if key.name == names.slug(pattern.name))
        (cosmos,) = (key for key in planned.cosmos_principals.keys if key.name == names.slug(pattern.name))

        on_the_bus = {(grant.role.rpartition(" ")[2], grant.scope) for grant in bus.grants}
        in_cosmos = {(grant.role.rpartition(" ")[2], grant.scope) for grant in cosmos.grants}

        assert on_the_bus == {
            ("Receiver", f"{grant.on.topic.name}/subscriptions/{grant.on.name}")
            if isinstance(grant.on, Subscription)
            else ("Sender", grant.on.name)
            for grant in wanted
            if not isinstance(grant.on, Container)
        }
        assert in_cosmos == {
            ("Contributor" if grant.right == "write" else "Reader", f"/dbs/main/colls/{grant.on.name}")
            for grant in wanted
            if isinstance(grant.on, Container)
        }


def test_an_app_gets_its_settings_with_the_connections_of_this_machine(planned: Plan) -> None:
    at = Addresses(bus_port=1, cosmos_port=2, model_url="http://127.0.0.1:3/v1", model_key="key")

    for app in planned.apps:
        settings = app.settings(at)

        assert settings["ServiceBus"].startswith("Endpoint=sb://127.0.0.1:1;")
        assert settings["Cosmos"].startswith("AccountEndpoint=http://127.0.0.1:2/;")
        assert settings.get("Model__endpoint") == (at.model_url if "Model__small" in app.declared else None)
        assert not [name for name in settings if name.startswith(("ServiceBus__", "Cosmos__"))]
        unchanged = settings.keys() & app.declared.keys() - {"Model__endpoint"}
        assert {name: settings[name] for name in unchanged} == {name: app.declared[name] for name in unchanged}


def test_keys_are_kept_from_start_to_start_and_differ_between_services(graph: Graph, planned: Plan) -> None:
    kept = {app.pattern: app.key for app in planned.apps}

    again = plan(graph, kept)

    assert {app.pattern: app.key for app in again.apps} == kept
    assert len(set(kept.values())) == len(kept)
