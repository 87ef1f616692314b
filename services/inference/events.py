"""What inference listens to and what it says, in the article's shapes."""

from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.kernel.event import EventData
from services.kernel.question import Confidence

Id = Annotated[str, Field(min_length=1, max_length=500)]
Text = Annotated[str, Field(max_length=8_000)]
Money = Annotated[Decimal, Field(ge=0, le=10_000_000, allow_inf_nan=False)]
Version = Annotated[int, Field(ge=0, le=2**53)]


class CustomerCreated(EventData):
    """A customer is known to the business; also sent again, with a higher `version`, when the record is corrected."""

    TYPE: ClassVar = "customer_created"

    customer_id: Id
    name: Text
    email: Text = ""
    company: Text = ""
    employees: int | None = Field(default=None, ge=0, le=5_000_000)
    country: Annotated[str, Field(max_length=60)] = ""
    version: Version | None = None


class OrderLine(BaseModel):
    model_config = ConfigDict(frozen=True)

    product_id: Id
    quantity: int = Field(ge=1, le=100_000)
    unit_price: Money


class OrderPlaced(EventData):
    TYPE: ClassVar = "order_placed"

    order_id: Id
    customer_id: Id
    items: tuple[OrderLine, ...] = Field(min_length=1, max_length=500)
    currency: str = Field(default="EUR", pattern=r"^[A-Z]{3}$")
    shipping: Literal["standard", "express"] = "standard"
    notes: Text = ""
    version: Version | None = None

    @property
    def total(self) -> Decimal:
        """What the order is worth: computed, because an amount that somebody states is not one to decide on."""
        return sum((line.quantity * line.unit_price for line in self.items), Decimal(0))


class FeedbackReceived(EventData):
    TYPE: ClassVar = "feedback_received"

    feedback_id: Id
    customer_id: Id
    text: Text
    rating: int | None = Field(default=None, ge=1, le=5)
    version: Version | None = None


class CustomerEnriched(BaseModel):
    TYPE: ClassVar = "customer_enriched"

    customer_id: str
    predicted_segment: str
    industry_classification: str
    potential_value: str
    recommended_products: tuple[str, ...]
    confidence: Confidence
    source: str


class OrderAnalyzed(BaseModel):
    """`needs_review` asks for a person's look: the answer was not a confident one."""

    TYPE: ClassVar = "order_analyzed"

    order_id: str
    customer_id: str
    total: Decimal
    currency: str
    risk: str
    fulfilment_priority: str
    reasons: tuple[str, ...]
    needs_review: bool
    confidence: Confidence
    source: str


class FeedbackAnalyzed(BaseModel):
    TYPE: ClassVar = "feedback_analyzed"

    feedback_id: str
    customer_id: str
    sentiment: str
    topics: tuple[str, ...]
    urgency: str
    needs_reply: bool
    confidence: Confidence
    source: str
