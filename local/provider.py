"""the Pulumi engine's requests -> a cloud that is a dictionary -> answers in the shape of Azure's

The engine attaches to it instead of starting the azure-native plugin, so that preview, up, refresh and destroy
really happen, without Azure and without a download. What an engine can see of the plugin is kept (pulumi-azure-native,
provider/pkg/provider/provider.go): it takes no secrets, which leaves it to the engine to mark outputs secret; a preview
foresees what was declared and nothing else; what exists cannot be created; what an id is made of cannot be changed.
"""
# ruff: noqa: N802, ARG002  # the protocol names its methods, and hands them more than they need

from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any, cast

import grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import provider_pb2 as wire
from pulumi.runtime.proto.plugin_pb2 import PluginAttach, PluginInfo
from pulumi.runtime.proto.provider_pb2_grpc import ResourceProviderServicer, add_ResourceProviderServicer_to_server
from pulumi.runtime.rpc import UNKNOWN

from local import azure_shapes
from local.cloud import Cloud, Existing
from local.mocks import plain

PACKAGE = "azure-native"
STABLE = ("name", "location")
"""Outputs that no update changes."""

_About = wire.DiffRequest | wire.CreateRequest | wire.UpdateRequest


@contextmanager
def serving(cloud: Cloud | None = None) -> Generator[dict[str, str]]:
    """Serve on a free port of this machine; yields the environment that makes an engine attach to it."""
    server = grpc.server(ThreadPoolExecutor(8, "azure-native"))
    add_ResourceProviderServicer_to_server(Provider(Cloud() if cloud is None else cloud), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield {"PULUMI_DEBUG_PROVIDERS": f"{PACKAGE}:{port}"}
    finally:
        server.stop(grace=1).wait()


class Provider(ResourceProviderServicer):
    """The azure-native plugin, as far as a program of ours needs it."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    # -- the provider itself ---------------------------------------------------------------------------------------

    def Handshake(
        self, request: wire.ProviderHandshakeRequest, context: grpc.ServicerContext
    ) -> wire.ProviderHandshakeResponse:
        return wire.ProviderHandshakeResponse()

    def Attach(self, request: PluginAttach, context: grpc.ServicerContext) -> Empty:
        return Empty()

    def GetPluginInfo(self, request: Empty, context: grpc.ServicerContext) -> PluginInfo:
        return PluginInfo(version=version("pulumi-azure-native"))

    def CheckConfig(self, request: wire.CheckRequest, context: grpc.ServicerContext) -> wire.CheckResponse:
        return wire.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: wire.DiffRequest, context: grpc.ServicerContext) -> wire.DiffResponse:
        return wire.DiffResponse(changes=wire.DiffResponse.DIFF_NONE)

    def Configure(self, request: wire.ConfigureRequest, context: grpc.ServicerContext) -> wire.ConfigureResponse:
        return wire.ConfigureResponse(supportsPreview=True)

    def Cancel(self, request: Empty, context: grpc.ServicerContext) -> Empty:
        return Empty()

    # -- resources -------------------------------------------------------------------------------------------------

    def Check(self, request: wire.CheckRequest, context: grpc.ServicerContext) -> wire.CheckResponse:
        return wire.CheckResponse(inputs=request.news)

    def Diff(self, request: wire.DiffRequest, context: grpc.ServicerContext) -> wire.DiffResponse:
        before, after = _read(request.old_inputs), _read(request.news)
        changed = sorted(key for key in {*before, *after} if before.get(key) != after.get(key))
        if not changed:
            return wire.DiffResponse(changes=wire.DiffResponse.DIFF_NONE)
        with _complaining(request, context):
            moved = azure_shapes.identified(_token(request.type), request.name, after) != request.id
        return wire.DiffResponse(
            changes=wire.DiffResponse.DIFF_SOME,
            diffs=changed,
            replaces=changed if moved else [],
            deleteBeforeReplace=moved,
        )

    def Create(self, request: wire.CreateRequest, context: grpc.ServicerContext) -> wire.CreateResponse:
        inputs = _read(request.properties)
        if request.preview:
            return wire.CreateResponse(properties=_written(_foreseen(request, inputs)))
        with _complaining(request, context):
            resource_id, outputs = azure_shapes.created(_token(request.type), request.name, inputs)
        if not self._cloud.add(resource_id, Existing(request.type, inputs, outputs)):
            context.abort(grpc.StatusCode.ALREADY_EXISTS, f"cannot create already existing resource '{resource_id}'")
        return wire.CreateResponse(id=resource_id, properties=_written(outputs))

    def Read(self, request: wire.ReadRequest, context: grpc.ServicerContext) -> wire.ReadResponse:
        found = self._cloud.get(request.id)
        if found is None:
            return wire.ReadResponse()  # without an id: gone
        return wire.ReadResponse(id=request.id, properties=_written(found.outputs), inputs=_written(found.inputs))

    def Update(self, request: wire.UpdateRequest, context: grpc.ServicerContext) -> wire.UpdateResponse:
        inputs, before = _read(request.news), _read(request.olds)
        if request.preview:
            stable = {key: before[key] for key in STABLE if key in before}
            return wire.UpdateResponse(properties=_written(_foreseen(request, inputs) | stable))
        with _complaining(request, context):
            _, outputs = azure_shapes.created(_token(request.type), request.name, inputs)
        self._cloud.put(request.id, Existing(request.type, inputs, outputs))
        return wire.UpdateResponse(properties=_written(outputs))

    def Delete(self, request: wire.DeleteRequest, context: grpc.ServicerContext) -> Empty:
        self._cloud.remove(request.id)
        return Empty()

    # -- functions -------------------------------------------------------------------------------------------------

    def Invoke(self, request: wire.InvokeRequest, context: grpc.ServicerContext) -> wire.InvokeResponse:
        try:
            answer = azure_shapes.answered(request.tok)
        except NotImplementedError as unknown:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, str(unknown))
        return ParseDict({"return": answer}, wire.InvokeResponse())


@contextmanager
def _complaining(request: _About, context: grpc.ServicerContext) -> Generator[None]:
    """Tell the engine, and so the user, of inputs that Azure would refuse."""
    try:
        yield
    except (KeyError, TypeError) as error:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"{request.type} '{request.name}': {error.args[0]}")


def _foreseen(request: _About, inputs: dict[str, Any]) -> dict[str, Any]:
    """The outputs that a preview can tell of: those that were declared. What Azure adds or changes is unknown."""
    try:
        _, outputs = azure_shapes.created(_token(request.type), request.name, inputs)
    except (KeyError, TypeError):  # what is wholly unknown cannot be looked into
        return inputs
    return _known(inputs, outputs)


def _known(declared: dict[str, Any], answered: dict[str, Any]) -> dict[str, Any]:
    def one(said: object, value: object) -> object:
        if isinstance(said, dict) and isinstance(value, dict):
            return _known(cast("dict[str, Any]", said), cast("dict[str, Any]", value))
        return value if said == value else UNKNOWN

    return {key: one(declared.get(key), value) for key, value in answered.items()}


def _token(type_: str) -> str:
    return type_.removeprefix(f"{PACKAGE}:")


def _read(struct: Struct) -> dict[str, Any]:
    return plain(MessageToDict(struct))


def _written(values: Mapping[str, Any]) -> Struct:
    return ParseDict(dict(values), Struct())
