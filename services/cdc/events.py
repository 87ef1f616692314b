"""What change data capture tells itself, and what it tells others."""

from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.cdc.fields import Kind
from services.kernel.event import EventData
from services.kernel.question import Confidence

Operation = Literal["create", "update", "delete"]


class ItemRef(BaseModel):
    """Where an item is; the lengths are Cosmos DB's."""

    model_config = ConfigDict(frozen=True)

    id: Annotated[str, Field(min_length=1, max_length=1023)]
    partition: Annotated[str, Field(min_length=1, max_length=2048)]


class ItemChanged(EventData):
    """An item has another version: which item, which version, since when; never what it says.

    `lsn` is the feed's position, which only the feed knows. `by_ai` is whether that very version is as AI wrote it.
    """

    TYPE: ClassVar = "item_changed"

    item: ItemRef
    etag: Annotated[str, Field(min_length=1, max_length=200)]
    lsn: int | None = None
    time: datetime
    by_ai: bool = False


class ChangeDetected(BaseModel):
    """A change that matters; `customer_id` is whom it concerns, or empty."""

    TYPE: ClassVar = "change_detected"

    item_id: str
    kind: Kind
    operation: Operation
    change_type: Literal["correction", "update", "escalation"]
    trigger_workflow: bool
    reason: str
    changed: tuple[str, ...]
    customer_id: str
    confidence: Confidence
    source: str
