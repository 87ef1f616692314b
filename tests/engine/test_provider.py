"""what an engine asks of the provider -> what it would hear from azure-native"""

import json
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import provider_pb2 as wire
from pulumi.runtime.proto.provider_pb2_grpc import ResourceProviderStub
from pulumi.runtime.rpc import UNKNOWN

from local.cloud import Cloud, CloudError, Existing
from local.provider import serving

QUEUE = "azure-native:servicebus:Queue"
INPUTS = {"resourceGroupName": "group", "namespaceName": "bus", "queueName": "orders", "maxDeliveryCount": 5}
ID = (
    "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/group"
    "/providers/Microsoft.ServiceBus/namespaces/bus/queues/orders"
)


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


@pytest.fixture
def engine(cloud: Cloud) -> Iterator[ResourceProviderStub]:
    """What an engine holds of a provider: the other end of its channel."""
    with serving(cloud) as attached:
        assert attached["PULUMI_DEBUG_PROVIDERS"].startswith("azure-native:")
        with grpc.insecure_channel(f"127.0.0.1:{port_of(attached)}") as channel:
            yield ResourceProviderStub(channel)


def struct(values: Mapping[str, Any]) -> Struct:
    return ParseDict(dict(values), Struct())


def create(engine: ResourceProviderStub, inputs: Mapping[str, Any], type_: str = QUEUE, **how: Any) -> Any:
    return engine.Create(wire.CreateRequest(type=type_, name="queue", properties=struct(inputs), **how))


def diff(engine: ResourceProviderStub, before: Mapping[str, Any], after: Mapping[str, Any]) -> Any:
    return engine.Diff(wire.DiffRequest(type=QUEUE, name="queue", id=ID, old_inputs=struct(before), news=struct(after)))


# -- the life of a resource -----------------------------------------------------------------------------------------


def test_what_was_created_can_be_read_until_it_is_deleted(engine: ResourceProviderStub, cloud: Cloud) -> None:
    created = create(engine, INPUTS)
    assert created.id == ID
    assert MessageToDict(created.properties)["name"] == "orders"

    read = engine.Read(wire.ReadRequest(id=ID, type=QUEUE))
    assert (read.id, read.properties, MessageToDict(read.inputs)) == (ID, created.properties, INPUTS)

    for _ in ("once", "and again, as when the answer was lost"):
        engine.Delete(wire.DeleteRequest(id=ID, type=QUEUE))
    assert not engine.Read(wire.ReadRequest(id=ID, type=QUEUE)).id
    assert not cloud.everything()


def test_what_exists_cannot_be_created(engine: ResourceProviderStub, cloud: Cloud) -> None:
    create(engine, INPUTS)

    with pytest.raises(grpc.RpcError) as refused:
        create(engine, {**INPUTS, "maxDeliveryCount": 9})

    assert refused.value.code() is grpc.StatusCode.ALREADY_EXISTS
    assert ID in refused.value.details()
    assert cloud.everything()[ID].inputs == INPUTS


def test_an_update_replaces_all_inputs(engine: ResourceProviderStub, cloud: Cloud) -> None:
    create(engine, INPUTS)
    fewer = {key: value for key, value in INPUTS.items() if key != "maxDeliveryCount"}

    engine.Update(wire.UpdateRequest(type=QUEUE, name="queue", id=ID, olds=struct(INPUTS), news=struct(fewer)))

    assert cloud.everything()[ID] == Existing(QUEUE, fewer, {**fewer, "name": "orders"})


# -- previews and differences ---------------------------------------------------------------------------------------


def test_a_preview_creates_nothing_and_knows_only_what_was_declared(engine: ResourceProviderStub, cloud: Cloud) -> None:
    vault = {"resourceGroupName": UNKNOWN, "properties": {"tenantId": "t"}}

    foreseen = create(engine, vault, "azure-native:keyvault:Vault", preview=True)

    assert not foreseen.id
    assert MessageToDict(foreseen.properties) == {
        "resourceGroupName": UNKNOWN,
        "name": UNKNOWN,
        "properties": {"tenantId": "t", "vaultUri": UNKNOWN},
    }
    assert not cloud.everything()


def test_a_preview_of_what_is_wholly_unknown_foresees_it_as_unknown(engine: ResourceProviderStub) -> None:
    foreseen = create(engine, {"properties": UNKNOWN}, "azure-native:keyvault:Vault", preview=True)

    assert MessageToDict(foreseen.properties) == {"properties": UNKNOWN}


def test_an_update_s_preview_keeps_the_name_and_changes_nothing(engine: ResourceProviderStub, cloud: Cloud) -> None:
    create(engine, INPUTS)
    after = {**INPUTS, "maxDeliveryCount": 9}

    foreseen = engine.Update(
        wire.UpdateRequest(
            type=QUEUE, name="queue", id=ID, olds=struct({**INPUTS, "name": "orders"}), news=struct(after), preview=True
        )
    )

    assert MessageToDict(foreseen.properties) == {**after, "name": "orders"}
    assert cloud.everything()[ID].inputs == INPUTS


def test_equal_inputs_are_no_change(engine: ResourceProviderStub) -> None:
    assert diff(engine, INPUTS, INPUTS).changes == wire.DiffResponse.DIFF_NONE


@pytest.mark.parametrize(
    ("after", "changed"),
    [
        ({**INPUTS, "maxDeliveryCount": 9}, ["maxDeliveryCount"]),
        ({**INPUTS, "maxDeliveryCount": UNKNOWN}, ["maxDeliveryCount"]),
        ({**INPUTS, "requiresSession": True}, ["requiresSession"]),
        ({key: value for key, value in INPUTS.items() if key != "maxDeliveryCount"}, ["maxDeliveryCount"]),
    ],
    ids=["changed", "not known yet", "added", "gone"],
)
def test_another_input_is_an_update_in_place(
    engine: ResourceProviderStub, after: dict[str, Any], changed: list[str]
) -> None:
    found = diff(engine, INPUTS, after)

    assert found.changes == wire.DiffResponse.DIFF_SOME
    assert (list(found.diffs), list(found.replaces)) == (changed, [])


@pytest.mark.parametrize("name", ["invoices", UNKNOWN])
def test_another_id_is_a_replacement_and_the_old_one_goes_first(engine: ResourceProviderStub, name: str) -> None:
    found = diff(engine, INPUTS, {**INPUTS, "queueName": name})

    assert list(found.replaces) == ["queueName"]
    assert found.deleteBeforeReplace


# -- what it cannot do ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("type_", "inputs", "reason"),
    [
        (QUEUE, {"resourceGroupName": "group", "queueName": "orders"}, "namespaceName is not among the inputs"),
        ("azure-native:keyvault:Vault", {"resourceGroupName": "group"}, "properties is not among the inputs"),
        ("azure-native:keyvault:Vault", {"resourceGroupName": "group", "properties": "text"}, "not a mapping"),
    ],
)
def test_inputs_that_azure_would_refuse_are_refused_with_the_reason(
    engine: ResourceProviderStub, cloud: Cloud, type_: str, inputs: dict[str, Any], reason: str
) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        create(engine, inputs, type_)

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert type_ in refused.value.details()
    assert reason in refused.value.details()
    assert not cloud.everything()


def test_a_function_that_is_not_known_says_where_to_add_it(engine: ResourceProviderStub) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        engine.Invoke(wire.InvokeRequest(tok="azure-native:web:listWebAppHostKeys"))

    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert "azure-native:web:listWebAppHostKeys; add it in local/azure_shapes.py" in refused.value.details()


def test_the_client_s_configuration_is_that_of_the_ids(engine: ResourceProviderStub) -> None:
    answer = engine.Invoke(wire.InvokeRequest(tok="azure-native:authorization:getClientConfig"))

    assert MessageToDict(getattr(answer, "return"))["subscriptionId"] in ID


def test_it_answers_for_the_version_of_the_sdk_that_is_installed(engine: ResourceProviderStub) -> None:
    assert engine.GetPluginInfo(Empty()).version.startswith("3.")


# -- what it keeps --------------------------------------------------------------------------------------------------


def test_what_exists_outlives_the_process(tmp_path: Path) -> None:
    file = tmp_path / "cloud.json"
    with serving(Cloud(file)) as attached, grpc.insecure_channel(f"127.0.0.1:{port_of(attached)}") as channel:
        create(ResourceProviderStub(channel), INPUTS)

    assert Cloud(file).everything() == {ID: Existing(QUEUE, INPUTS, {**INPUTS, "name": "orders"})}


def test_only_its_owner_may_read_what_exists(tmp_path: Path) -> None:
    file = tmp_path / "cloud.json"

    Cloud(file).put(ID, Existing(QUEUE, INPUTS, INPUTS))

    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", ["", "[]", '{"id": 1}', "{" * 5000, json.dumps({"id": {"type": QUEUE}})])
def test_a_file_that_says_something_else_is_refused_and_left_alone(tmp_path: Path, content: str) -> None:
    file = tmp_path / "cloud.json"
    file.write_text(content)

    with pytest.raises(CloudError, match=r"cloud\.json does not say what exists; remove it"):
        Cloud(file)

    assert file.read_text() == content


def port_of(attached: Mapping[str, str]) -> str:
    return attached["PULUMI_DEBUG_PROVIDERS"].rpartition(":")[2]
