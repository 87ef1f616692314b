"""what the engine is given to run: the program, the program with a mistake in it, the policies that find the mistake"""

from pathlib import Path
from runpy import run_path

from pulumi import ResourceTransformationArgs, ResourceTransformationResult
from pulumi.runtime import register_stack_transformation

from infra.program import main
from infra.publishing.content import content
from services.kernel.topology import Topology

ROOT = Path(__file__).parents[2]
PACK = str(ROOT / "policies")
CODE = "pulumi-python:dynamic/event-driven-ai:Code"


def through_the_door() -> None:
    """Run it as `pulumi up` does."""
    run_path(str(ROOT / "__main__.py"))


def with_shared_keys() -> None:
    """Let the storage account take keys."""

    def let_keys_in(args: ResourceTransformationArgs) -> ResourceTransformationResult | None:
        if args.type_ != "azure-native:storage:StorageAccount":
            return None
        return ResourceTransformationResult({**args.props, "allow_shared_key_access": True}, args.opts)

    register_stack_transformation(let_keys_in)
    through_the_door()


def publishing(tree: Path, address: str) -> None:
    """Two services, whose code lies in a tree of its own and is published at an address on this machine."""

    def elsewhere(args: ResourceTransformationArgs) -> ResourceTransformationResult | None:
        if args.type_ != CODE:
            return None
        digest = content(args.props["service"], args.props["python"], tree).digest
        return ResourceTransformationResult(
            {**args.props, "root": str(tree), "digest": digest, "address": address}, args.opts
        )

    register_stack_transformation(elsewhere)
    main([Topology("alpha"), Topology("beta")])
