"""the program + the policy pack -> a preview that passes, or stops and names the rule"""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pulumi import ResourceTransformationArgs, ResourceTransformationResult
from pulumi.automation import CommandError, PulumiCommand
from pulumi.runtime import register_stack_transformation

from local.cloud import Cloud
from local.provider import serving
from tests.engine.deployment import ROOT, Deployment, deployment, through_the_door

pytestmark = [pytest.mark.engine, pytest.mark.timeout(1200)]  # minutes, where the CLI has to be built first

PACK = str(ROOT / "policies")
ANALYZER = "pulumi-analyzer-policy-python"


@pytest.fixture(scope="module")
def dev(pulumi: PulumiCommand, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("policies")
    with serving(Cloud()) as attached:
        yield deployment(pulumi, folder, Cloud(), {**attached, "PATH": path_with_analyzer(folder / "bin")})


def path_with_analyzer(bin_: Path) -> str:
    """The official CLI ships what starts a pack in Python; a built one does not, and it is two lines."""
    path = os.environ["PATH"]
    if shutil.which(ANALYZER):
        return path
    bin_.mkdir()
    script = bin_ / ANALYZER
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -u -m pulumi.policy "$1" "$2"\n')
    script.chmod(0o755)
    return f"{bin_}{os.pathsep}{path}"


def with_shared_keys() -> None:
    """The same program, but the storage account takes keys."""

    def let_keys_in(args: ResourceTransformationArgs) -> ResourceTransformationResult | None:
        if args.type_ != "azure-native:storage:StorageAccount":
            return None
        return ResourceTransformationResult({**args.props, "allow_shared_key_access": True}, args.opts)

    register_stack_transformation(let_keys_in)
    through_the_door()


def test_the_program_keeps_every_mandatory_rule(dev: Deployment) -> None:
    preview = dev.stack.preview(policy_packs=[PACK])
    print(preview.stdout)

    assert preview.change_summary


def test_a_broken_rule_stops_the_preview_by_its_name(dev: Deployment) -> None:
    with pytest.raises(CommandError) as stopped:
        dev.stack.preview(policy_packs=[PACK], program=with_shared_keys)
    print(stopped.value)

    assert "storage" in str(stopped.value)
