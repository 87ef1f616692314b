"""App settings -> typed settings. The names are those that infra/settings.py writes."""

from functools import cache
from typing import Literal

from pydantic import BaseModel, Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ModelSettings(BaseModel):
    """Which model answers. `small`, `large`, `economy` are what the endpoint calls them (on Azure: deployments)."""

    provider: Literal["azure", "openai"] = "openai"
    endpoint: str = ""
    key: str = Field(default="", repr=False)
    client_id: str = Field(default="", alias="clientId")
    small: str
    large: str
    economy: str
    timeout_seconds: float = Field(default=20.0, gt=0, le=240, alias="timeoutSeconds")
    effort: str = ""
    concurrency: int = Field(default=32, ge=1)
    """Calls that one process makes at once, per tier."""


class BudgetSettings(BaseModel):
    """Tokens per event type and UTC day: past `soft` a smaller model answers, past `hard` none."""

    soft: int = Field(default=2_000_000, ge=0, alias="softTokensPerDay")
    hard: int = Field(default=3_000_000, ge=0, alias="hardTokensPerDay")
    block: int | None = Field(default=None, ge=1, alias="blockTokens")
    """What a process reserves at once; left out, 20,000 or a hundredth of the hard limit, whichever is less."""

    @property
    def at_once(self) -> int:
        return self.block or max(1, min(20_000, self.hard // 100))


class RetrySettings(BaseModel):
    """How often and how soon an event is tried again: base * 2^(attempt - 1), up to cap, with jitter. Seconds."""

    attempts: int = Field(default=6, ge=1, le=20)
    base: float = Field(default=5.0, gt=0, alias="baseSeconds")
    cap: float = Field(default=600.0, gt=0, alias="capSeconds")
    tokens: int = Field(default=50_000, ge=0, alias="tokens")
    """What attempts without an answer may cost together before the event is parked."""


class OutboxSettings(BaseModel):
    older_than: float = Field(default=30.0, gt=0, alias="olderThanSeconds")


class Settings(BaseSettings):
    """All settings of a service that are not connections (those: services/kernel/connections.py)."""

    model_config = SettingsConfigDict(env_nested_delimiter="__", extra="ignore", case_sensitive=False)

    model: ModelSettings | None = None
    budget: BudgetSettings = BudgetSettings()
    retry: RetrySettings = RetrySettings()
    outbox: OutboxSettings = OutboxSettings()


@cache
def settings() -> Settings:
    """The settings of this process, read once.

    Raises:
        pydantic.ValidationError: naming each setting that is missing or out of range.
    """
    return Settings()
