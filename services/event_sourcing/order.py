"""the record of an order in `items` -> what a refund may be about: its amount, its currency, whose it is."""

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.entities import ITEMS
from services.kernel.ids import safe_id
from services.kernel.ports import Ports


class Order(BaseModel):
    """An order as our own record has it; nothing else says what it was worth."""

    model_config = ConfigDict(frozen=True)

    order_id: str
    customer_id: str
    total: Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    risk: str = "unknown"


async def look_up(ports: Ports, order_id: str) -> Order | None:
    """The order, or None: also if its record lacks what a refund rests on."""
    if not order_id:
        return None
    partition = safe_id("order", order_id)
    record = await ports.load(ITEMS, partition, partition)
    try:
        return Order.model_validate(record)
    except ValidationError:
        return None
