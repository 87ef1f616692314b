"""keys of Pulumi.<stack>.yaml -> typed sections: each key with its meaning, its range and its default

A section is a namespace (`model:timeoutSeconds` is `Config.model.timeout_seconds`); `Config` holds the project's
own keys. How keys are read, and how errors are told, is in `config_reader.py`.
"""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
)
from pydantic.alias_generators import to_camel

from infra import addresses
from infra.ncrontab import checked

Region = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]+$", examples=["swedencentral"])]
Schedule = Annotated[str, AfterValidator(checked)]
Tier = Literal["small", "large", "economy"]


def _first_of_month(value: date) -> date:
    if value.day != 1:
        raise ValueError(f"the first day of a month, like {value:%Y-%m}-01")
    return value


Addresses = Annotated[str, AfterValidator(addresses.network)]
Caller = Annotated[str, AfterValidator(addresses.caller)]
Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", examples=["oncall@example.com"])]


def _number(value: Any) -> Any:
    """Let `"512"` be 512: `pulumi config set` writes numbers as text, and a Literal does not convert."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


class Section(BaseModel):
    """Keys in camelCase, none unknown, none changed after reading.

    What `services/kernel/settings.py` reads again has its defaults here, and no value that it refuses.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)


class Observability(Section):
    retention_days: int = Field(default=30, ge=30, le=730, description="Days that logs and traces are kept")
    daily_cap_gb: float | None = Field(
        default=None,
        gt=0,
        le=1000,
        description="Gigabytes a day after which the workspace stops taking logs in",
    )


class Alerts(Section):
    """When somebody is told, and who."""

    emails: tuple[Email, ...] = Field(
        default=(), examples=['["oncall@example.com"]'], description="Who is written to when an alert fires"
    )
    backlog_seconds: int = Field(
        default=900, ge=60, le=86_400, description="Age of the oldest waiting message of a subscription"
    )
    backlog_messages: int = Field(
        default=200, ge=1, le=249, description="Waiting messages of a subscription; 250 are counted at most"
    )
    failures: int = Field(default=5, ge=1, description="Failed invocations of one function in a quarter of an hour")
    fallback_percent: int = Field(
        default=20, ge=1, le=100, description="Share of answers within an hour that rules gave, not a model"
    )
    throttled: int = Field(
        default=20, ge=1, description="Requests in five minutes that the model or Cosmos DB answered with 429"
    )
    availability: bool = Field(
        default=False, description="Call the HTTP functions from several regions, and tell when they do not answer"
    )


class Cost(Section):
    """What Azure may bill in a month; tokens have limits of their own in `budget`."""

    monthly_budget: float | None = Field(
        default=None, gt=0, examples=[300], description="Amount in the currency of the bill at which somebody is told"
    )
    budget_start: Annotated[date, AfterValidator(_first_of_month)] | None = Field(
        default=None, examples=["2026-12-01"], description="First month of the budget; a fixed day, or it would change"
    )


class Network(Section):
    mode: Literal["public", "private"] = Field(
        default="public",
        description="public: reachable from everywhere, open to identities only; private: inside a virtual network",
    )
    address_space: Annotated[str, AfterValidator(addresses.space)] = Field(
        default="10.64.0.0/22",
        examples=["10.64.0.0/22"],
        description="Addresses of the virtual network, /24 or larger; private only",
    )
    callers: tuple[Caller, ...] = Field(
        default=(),
        examples=['["203.0.113.0/24", "AzureFrontDoor.Backend"]'],
        description="Networks and service tags that may call the HTTP functions from outside; private only",
    )
    deploy_from: tuple[Addresses, ...] | None = Field(
        default=None,
        examples=['["203.0.113.7/32"]', "[]"],
        description="Addresses outside of the network that may publish code, [] for none; private only",
    )


class Documents(Section):
    capacity: Literal["serverless", "autoscale"] = Field(
        default="serverless", description="Pay per request, or for a limit that is shared by all containers"
    )
    request_units: int | None = Field(
        default=None,
        ge=1000,
        le=1_000_000,
        multiple_of=1000,
        description="Request units per second that autoscale goes up to; a tenth of it is always paid for",
    )
    restorable_days: Annotated[Literal[7, 30], BeforeValidator(_number)] = Field(
        default=7, description="Days back to any second of which data can be restored; 7 cost nothing"
    )


class Vault(Section):
    purge_protection: bool = Field(
        default=True, description="Nobody can purge the deleted vault early; cannot be switched off again"
    )
    soft_delete_days: int = Field(default=90, ge=7, le=90, description="Days that a deleted vault can be recovered")


class Storage(Section):
    sku: Literal["Standard_LRS", "Standard_ZRS", "Standard_GRS", "Standard_GZRS"] = Field(
        default="Standard_LRS", description="Replication of the function hosts' storage account"
    )


class Messaging(Section):
    sku: Literal["Standard", "Premium"] = Field(default="Standard", description="Tier of the Service Bus namespace")
    units: Annotated[Literal[1, 2, 4, 8, 16], BeforeValidator(_number)] = Field(
        default=1, description="Messaging units; Premium only"
    )
    lock_seconds: int | None = Field(
        default=None, ge=5, le=300, description="Seconds that every lock lasts, instead of what the topologies say"
    )
    duplicate_window_seconds: int = Field(
        default=600,
        ge=1,
        le=7 * 24 * 3600,
        description="Seconds that a topic remembers message ids; Azure takes 20 and more, the emulator any",
    )


class Functions(Section):
    memory_mb: Annotated[Literal[512, 2048, 4096], BeforeValidator(_number)] = Field(
        default=2048, description="Memory of an instance in MB"
    )
    maximum_instances: int = Field(default=100, ge=40, le=1000, description="Instances that one app scales out to")
    always_ready: int = Field(
        default=0, ge=0, le=20, description="Instances kept warm for each function on a pattern's urgent lane"
    )
    python_version: Literal["3.11", "3.12"] = Field(default="3.11", description="Python of the Functions runtime")
    publish_code: bool = Field(
        default=True, description="Publish the services' code in the same `up`; off where a pipeline does it"
    )


class Deployment(Section):
    """A model behind one tier; names, versions and SKUs change too often to be anything but configuration."""

    model: str = Field(pattern=r"^[\w.-]+$", examples=["gpt-5.4-mini"], description="The model's own name")
    version: str = Field(
        default="",
        pattern=r"^[\w.-]*$",
        examples=["2026-03-17"],
        description="Its pinned version; azure only",
    )
    sku: Literal["GlobalStandard", "DataZoneStandard", "Standard"] = Field(
        default="GlobalStandard",
        description="Where requests may be processed: anywhere, in the data zone, in the region",
    )
    capacity: int = Field(default=50, ge=1, le=10_000, description="Quota in thousands of tokens per minute")


class Model(Section):
    provider: Literal["azure", "openai"] = Field(
        default="azure", description="azure provisions an account and deployments; openai takes a key"
    )
    location: Region | None = Field(
        default=None, description="Region of the model account where it is not that of the stack; azure only"
    )
    endpoint: str = Field(
        default="", pattern=r"^(https?://\S+)?$", examples=["https://gateway.example/v1"],
        description="Base address of a compatible server, empty for OpenAI's own; openai only",
    )  # fmt: skip
    key: SecretStr | None = Field(default=None, validate_default=True, description="The API key; openai only")
    small: Deployment = Field(
        default=Deployment(model="gpt-5.4-mini", version="2026-03-17"), description="Many cheap answers"
    )
    large: Deployment = Field(
        default=Deployment(model="gpt-5.4", version="2026-03-05"), description="Few weighty answers"
    )
    economy: Deployment = Field(
        default=Deployment(model="gpt-5.4-nano", version="2026-03-17"),
        description="What answers beyond the soft budget",
    )
    timeout_seconds: float = Field(default=20, gt=0, le=240, description="Seconds that one call may take")
    effort: Literal["none", "low", "medium", "high"] = Field(default="low", description="Reasoning effort")

    @field_validator("key")
    @classmethod
    def _key_fits_provider(cls, key: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        provider = info.data.get("provider")
        if provider == "openai" and key is None:
            raise ValueError("needed by model:provider openai; run `pulumi config set --secret model:key`")
        if provider == "azure" and key is not None:
            raise ValueError("not used by model:provider azure, which knows no keys; remove it")
        return key

    @field_validator("endpoint")
    @classmethod
    def _endpoint_fits_provider(cls, endpoint: str, info: ValidationInfo) -> str:
        if endpoint and info.data.get("provider") == "azure":
            raise ValueError("not used by model:provider azure, which has its own; remove it")
        return endpoint

    @field_validator("small", "large", "economy")
    @classmethod
    def _version_is_pinned(cls, deployment: Deployment, info: ValidationInfo) -> Deployment:
        if info.data.get("provider") == "azure" and not deployment.version:
            raise ValueError(f"name the version of {deployment.model}: azure deployments are pinned")
        return deployment

    def tiers(self) -> dict[Tier, Deployment]:
        """The deployment behind each tier."""
        return {"small": self.small, "large": self.large, "economy": self.economy}


class Entra(Section):
    client_id: str | None = Field(
        default=None,
        pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
        examples=["11111111-2222-3333-4444-555555555555"],
        description="Application (client) id of the app registration whose tokens the HTTP functions take",
    )


class Budget(Section):
    """Counted per event type and UTC day."""

    soft_tokens_per_day: int = Field(default=2_000_000, ge=0, description="Tokens after which `economy` answers")
    hard_tokens_per_day: int = Field(default=3_000_000, ge=0, description="Tokens after which rules answer, or wait")

    @field_validator("hard_tokens_per_day")
    @classmethod
    def _not_below_soft(cls, hard: int, info: ValidationInfo) -> int:
        soft = info.data.get("soft_tokens_per_day")
        if soft is not None and hard < soft:
            raise ValueError(f"at least budget:softTokensPerDay, which is {soft}")
        return hard


class Retry(Section):
    attempts: int = Field(default=6, ge=1, le=20, description="Deliveries before a message is parked")
    base_seconds: float = Field(
        default=5, gt=0, le=600, description="Seconds before the second delivery; doubled after"
    )
    cap_seconds: float = Field(default=600, gt=0, le=86_400, description="Seconds that no wait between two exceeds")

    @field_validator("cap_seconds")
    @classmethod
    def _not_below_base(cls, cap: float, info: ValidationInfo) -> float:
        base = info.data.get("base_seconds")
        if base is not None and cap < base:
            raise ValueError(f"at least retry:baseSeconds, which is {base:g}")
        return cap


class Outbox(Section):
    older_than_seconds: float = Field(
        default=30,
        gt=0,
        le=3600,
        description="Age at which the sweep takes a record for left behind by a crash",
    )


class Config(Section):
    """Everything that may differ between stacks."""

    location: Region = Field(description="Azure region of the stack; the provider's own key")
    protect_data: bool = Field(default=False, description="Refuse to delete, and keep on destroy, whatever holds data")
    zone_redundant: bool = Field(
        default=False, description="Spread over availability zones; said when accounts are created, not later"
    )
    observability: Observability = Observability()
    alerts: Alerts = Alerts()
    cost: Cost = Cost()
    network: Network = Network()
    documents: Documents = Documents()
    vault: Vault = Vault()
    storage: Storage = Storage()
    functions: Functions = Functions()
    model: Model = Model()
    entra: Entra = Entra()
    messaging: Messaging = Messaging()
    budget: Budget = Budget()
    retry: Retry = Retry()
    outbox: Outbox = Outbox()
    schedule: dict[str, Schedule] = Field(default={}, description="When a timer function runs, where not as declared")
    secrets: dict[str, SecretStr] = Field(default={}, description="Values of the secrets that patterns declare")
