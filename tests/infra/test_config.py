"""configuration: what a stack says is read; what it misspells, omits or overdoes is told, all at once"""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.combinations import COMBINATIONS
from infra.config import Config
from infra.config_reader import ConfigError, read
from local.graph import stack_config
from services.kernel.topology import Topology
from services.registry import PATTERNS

PROJECT = "event-driven-ai"
PLACED = {"azure-native:location": "swedencentral", "entra:clientId": "11111111-2222-3333-4444-555555555555"}
OTHERS = tuple(pattern for pattern in PATTERNS if not pattern.secrets)
"""Without those whose secrets a deployer must set: which are asked for is shown with one of our own."""
KEEPS_A_SECRET = Topology("caller", secrets=("shop-url",))


def reading(
    raw: dict[str, str], *patterns: Topology, placed: bool = True, secret: frozenset[str] = frozenset()
) -> Config:
    return read({**(PLACED if placed else {}), **raw}, project=PROJECT, patterns=[*OTHERS, *patterns], secret=secret)


def errors_of(raw: dict[str, str], *patterns: Topology, placed: bool = True) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        reading(raw, *patterns, placed=placed)
    first, *errors = str(refused.value).splitlines()
    assert first == "The configuration is not usable, and nothing was registered:"
    return [error.strip() for error in errors]


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (
            {"model:provider": "azur"},
            "model:provider: 'azur' is not possible; one of azure, openai; did you mean azure?",
        ),
        ({"model:provder": "azure"}, "model:provder: no such key; did you mean model:provider?"),
        ({"modle:provider": "azure"}, "modle:provider: no such namespace; did you mean model:provider?"),
        (
            {"event-driven-ai:protctData": "true"},
            "event-driven-ai:protctData: no such key; did you mean event-driven-ai:protectData?",
        ),
        (
            {"event-driven-ai:protectData": "maybe"},
            "event-driven-ai:protectData: 'maybe' is not possible; true or false",
        ),
        ({"functions:memoryMb": "1024"}, "functions:memoryMb: 1024 is not possible; one of 512, 2048, 4096"),
        (
            {"functions:maximumInstances": "5"},
            "functions:maximumInstances: '5' is not possible; a whole number from 40 to 1000",
        ),
        (
            {"functions:maximumInstances": "many"},
            "functions:maximumInstances: 'many' is not possible; a whole number from 40 to 1000",
        ),
        ({"retry:baseSeconds": "0"}, "retry:baseSeconds: '0' is not possible; a number above 0 to 600"),
        (
            {"retry:baseSeconds": "9", "retry:capSeconds": "3"},
            "retry:capSeconds: '3' is not possible; at least retry:baseSeconds, which is 9",
        ),
        (
            {"budget:softTokensPerDay": "10", "budget:hardTokensPerDay": "5"},
            "budget:hardTokensPerDay: '5' is not possible; at least budget:softTokensPerDay, which is 10",
        ),
        (
            {"model:small": '{"model": "gpt-5.4-mini", "version": "2026-03-17", "capcity": 3}'},
            "model:small.capcity: no such key; did you mean model:small.capacity?",
        ),
        (
            {"model:small": '{"model": "gpt-5.4-mini", "version": "2026-03-17", "capacity": 0}'},
            "model:small.capacity: 0 is not possible; a whole number from 1 to 10000",
        ),
        (
            {"model:small": "gpt-5.4-mini"},
            "model:small: 'gpt-5.4-mini' is not possible; an object with model, version, sku, capacity",
        ),
        (
            {"model:small": '{"version": "2026-03-17"}'},
            "model:small.model: not set; it is text like gpt-5.4-mini. The model's own name",
        ),
        (
            {"model:provider": "openai"},
            "model:key: needed by model:provider openai; run `pulumi config set --secret model:key`",
        ),
        (
            {"model:key": "sk-1"},
            "model:key: not used by model:provider azure, which knows no keys; remove it",
        ),
        (
            {"model:endpoint": "https://gateway.example/v1"},
            (
                "model:endpoint: 'https://gateway.example/v1' is not possible; "
                "not used by model:provider azure, which has its own; remove it"
            ),
        ),
        (
            {"model:provider": "openai", "model:key": "sk-1", "model:endpoint": "gateway"},
            "model:endpoint: 'gateway' is not possible; text like https://gateway.example/v1",
        ),
        (
            {"schedule:sweep_outbx": "0 * * * * *"},
            "schedule:sweep_outbx: no such key; did you mean schedule:sweep_outbox?",
        ),
        (
            {"schedule:sweep_outbox": "* * *"},
            (
                "schedule:sweep_outbox: '* * *' is not possible; "
                "six fields, seconds first, like `0 */5 * * * *`; these are 3"
            ),
        ),
        ({"secrets:shop-url": "https://shop.example"}, "secrets:shop-url: no such key"),
        (
            {"alerts:emails": "oncall"},
            """alerts:emails: 'oncall' is not possible; a list like ["oncall@example.com"]""",
        ),
        (
            {"alerts:emails": '["oncall"]'},
            "alerts:emails.0: 'oncall' is not possible; text like oncall@example.com",
        ),
        (
            {"network:mode": "privat"},
            "network:mode: 'privat' is not possible; one of public, private; did you mean private?",
        ),
        (
            {"network:addressSpace": "10.0.0.0/28"},
            "network:addressSpace: '10.0.0.0/28' is not possible; a private network from /12 to /24, like 10.64.0.0/22",
        ),
        (
            {"network:addressSpace": "8.8.8.0/24"},
            (
                "network:addressSpace: '8.8.8.0/24' is not possible; "
                "a private network: inside 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16"
            ),
        ),
        (
            {"cost:monthlyBudget": "300", "cost:budgetStart": "2026-12-05"},
            "cost:budgetStart: '2026-12-05' is not possible; the first day of a month, like 2026-12-01",
        ),
        ({"documents:restorableDays": "14"}, "documents:restorableDays: 14 is not possible; one of 7, 30"),
    ],
)  # fmt: skip
def test_an_error_names_the_key_its_value_and_what_is_possible(raw: dict[str, str], error: str) -> None:
    assert errors_of(raw) == [error]


PRIVATE = {"network:mode": "private", "messaging:sku": "Premium", "network:deployFrom": "[]"}
ZONES = {"event-driven-ai:zoneRedundant": "true", "storage:sku": "Standard_ZRS"}


EXCLUDING = [
    (PRIVATE | {"messaging:sku": "Standard"}, "messaging:sku", "set messaging:sku Premium, or network:mode public"),
    ({"messaging:units": "2"}, "messaging:units", "set Premium, or remove it"),
    (
        {"messaging:duplicateWindowSeconds": "2"},
        "messaging:duplicateWindowSeconds",
        "Azure takes 20 seconds and more",
    ),
    (
        ZONES | {"azure-native:location": "westus"},
        "azure-native:location",
        "did you mean westus2? Or set zoneRedundant false",
    ),
    (
        ZONES | {"storage:sku": "Standard_GRS"},
        "storage:sku",
        "set storage:sku Standard_GZRS, or zoneRedundant false",
    ),
    ({"documents:requestUnits": "4000"}, "documents:requestUnits", "set documents:capacity autoscale, or remove it"),
    ({"documents:capacity": "autoscale"}, "documents:requestUnits", "a thousand is the smallest"),
    ({"network:callers": '["203.0.113.0/24"]'}, "network:callers", "set network:mode private, or remove it"),
    ({"network:deployFrom": "[]"}, "network:deployFrom", "set network:mode private, or remove it"),
    (
        {"network:mode": "private", "messaging:sku": "Premium"},
        "network:deployFrom",
        "set [] if you deploy from inside (docs/network.md)",
    ),
    ({"cost:monthlyBudget": "300"}, "cost:budgetStart", "the first day of a month, like 2026-12-01"),
    ({"cost:budgetStart": "2026-12-01"}, "cost:monthlyBudget", "set the amount, or remove both"),
]


@pytest.mark.parametrize(("raw", "key", "ways_out"), EXCLUDING)
def test_values_that_exclude_each_other_are_told_with_the_ways_out(
    raw: dict[str, str], key: str, ways_out: str
) -> None:
    (error,) = errors_of(raw)

    assert error.startswith(f"{key}: ")
    assert error.endswith(ways_out)


@pytest.mark.parametrize("raw", [PRIVATE, ZONES, PRIVATE | ZONES, {"messaging:sku": "Premium", "messaging:units": "2"}])
def test_values_that_go_together_are_read(raw: dict[str, str]) -> None:
    assert reading(raw)


def test_every_combination_that_is_refused_has_been_tried() -> None:
    """A check that nobody has seen refuse something may refuse nothing."""
    assert {key for _, key, _ in EXCLUDING} == {each.key for each in COMBINATIONS}


def test_what_does_not_go_together_is_told_beside_what_is_wrong_by_itself() -> None:
    errors = errors_of({"network:mode": "private", "functions:memoryMb": "1", "storage:sku": "Premium"} | {
        "event-driven-ai:zoneRedundant": "true"
    })  # fmt: skip

    # then: storage, of which the value itself is wrong, is told once, by what it may be
    assert [error.partition(": ")[0] for error in errors] == [
        "functions:memoryMb", "messaging:sku", "network:deployFrom", "storage:sku",
    ]  # fmt: skip
    assert "one of Standard_LRS" in errors[-1]


def test_a_deployment_on_azure_is_pinned() -> None:
    (error,) = errors_of({"model:small": '{"model": "gpt-5.5"}'})

    assert error.startswith("model:small: ")
    assert error.endswith("name the version of gpt-5.5: azure deployments are pinned")


def test_a_key_that_must_be_set_is_asked_for() -> None:
    (error,) = errors_of({"entra:clientId": PLACED["entra:clientId"]}, placed=False)

    meaning = "Azure region of the stack; the provider's own key"
    assert error == f"azure-native:location: not set; it is text like swedencentral. {meaning}"


def test_a_secret_that_a_pattern_needs_is_asked_for_by_its_name() -> None:
    assert errors_of({}, KEEPS_A_SECRET) == [
        "secrets:shop-url: not set, and caller needs it; run `pulumi config set --secret secrets:shop-url`"
    ]


def test_all_errors_are_told_at_once() -> None:
    wrong = {"model:provider": "x", "functions:memoryMb": "1", "budgt:x": "1", "schedule:nope": "", "outbox:x": "1"}

    errors = errors_of(wrong, KEEPS_A_SECRET, placed=False)

    assert [error.partition(": ")[0] for error in errors] == [
        "azure-native:location", "budgt:x", "entra:clientId", "functions:memoryMb", "model:provider", "outbox:x",
        "schedule:nope", "secrets:shop-url",
    ]  # fmt: skip


def test_no_error_repeats_a_secret() -> None:
    secret = "sk-very-secret"
    raw = {"model:key": secret, "model:endpoint": secret}

    with pytest.raises(ConfigError) as refused:
        reading(raw, secret=frozenset({"model:endpoint"}))

    assert secret not in str(refused.value)


def test_keys_of_providers_and_of_pulumi_are_theirs() -> None:
    foreign = {"azure-native:subscriptionId": "x", "aws:region": "eu-north-1", "pulumi:tags": "{}"}

    assert reading(foreign) == reading({})


@pytest.mark.parametrize("stack", ["dev", "local", "staging", "prod"])
def test_the_stacks_of_the_repository_are_readable_once_the_deployer_has_said_whose_tokens_they_take(
    stack: str,
) -> None:
    raw, secret = stack_config(stack)
    deployers = {"entra:clientId": PLACED["entra:clientId"]}
    deployers |= {f"secrets:{name}": "x" for pattern in PATTERNS for name in pattern.secrets}

    assert read({**deployers, **raw}, project=PROJECT, patterns=PATTERNS, secret=secret)


def test_a_door_without_an_app_registration_is_never_built() -> None:
    raw, secret = stack_config("dev")

    with pytest.raises(ConfigError) as refused:
        read(raw, project=PROJECT, patterns=[Topology("shop", http=True)], secret=secret)

    assert "entra:clientId: not set, and shop can be called over HTTP, never without sign-in" in str(refused.value)
    assert "docs/sign-in.md" in str(refused.value)


@pytest.mark.parametrize("client_id", ["", "my-app", "api://11111111-2222-3333-4444-555555555555"])
def test_a_client_id_is_one(client_id: str) -> None:
    (error,) = errors_of({"entra:clientId": client_id})

    assert error.startswith(f"entra:clientId: {client_id!r} is not possible; text like 11111111-")


def test_numbers_and_objects_arrive_as_the_engine_sends_them() -> None:
    deployment = {"model": "gpt-5.5", "version": "2026-04-24", "sku": "Standard", "capacity": 3}

    config = reading({"functions:memoryMb": "512", "retry:baseSeconds": "0.5", "model:large": json.dumps(deployment)})

    assert config.functions.memory_mb == 512
    assert config.retry.base_seconds == 0.5
    assert config.model.large.model_dump(by_alias=True) == deployment


@given(
    st.dictionaries(
        st.one_of(
            st.sampled_from(["model:small", "model:key", "budget:hardTokensPerDay", "schedule:sweep_outbox", "a:b"]),
            st.text(max_size=12).map(lambda name: f"model:{name}"),
            st.text(max_size=12),
        ),
        st.one_of(st.text(max_size=12), st.integers().map(str), st.just("{}"), st.just('{"model": []}')),
        max_size=4,
    )
)
def test_whatever_a_stack_says_is_read_or_refused(raw: dict[str, str]) -> None:
    try:
        outcome = reading(raw).location
    except ConfigError as refused:
        outcome = str(refused).splitlines()[0]
    assert outcome in {"swedencentral", "The configuration is not usable, and nothing was registered:"}
