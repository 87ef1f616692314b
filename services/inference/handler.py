"""customer_created, order_placed, feedback_received -> ask -> decide -> record and insight.

Each handler loads the record, asks one question and lets `decide` say what follows. A second event of the same entity
that was overtaken by a newer one is stale: it is remembered and changes nothing.
"""

from services.entities import ITEMS, REFERENCE
from services.inference import decide
from services.inference.events import CustomerCreated, FeedbackReceived, OrderPlaced
from services.inference.questions import (
    CUSTOMER,
    FEEDBACK,
    ORDER,
    CustomerFacts,
    FeedbackFacts,
    OrderFacts,
    Product,
)
from services.inference.topology import TOPOLOGY
from services.kernel.commit import Home
from services.kernel.effects import Effects, stale
from services.kernel.event import Event
from services.kernel.ids import safe_id
from services.kernel.ports import Ports
from services.kernel.service import Reaction, Service


async def enrich_customer(event: Event[CustomerCreated], ports: Ports) -> Effects:
    customer = await ports.mine(ports.home.partition)
    if decide.is_stale(event, customer):
        return stale("a newer customer record is there")
    products = await ports.query(REFERENCE, "SELECT c.id, c.name, c.segments FROM c", partition="product")
    facts = CustomerFacts(
        name=event.data.name,
        company=event.data.company,
        employees=event.data.employees,
        email_domain=event.data.email.rpartition("@")[2],
        country=event.data.country,
        catalogue=tuple(Product.model_validate(product) for product in products),
    )
    answered = await ports.ask(CUSTOMER, facts)
    return decide.enrich_customer(event, customer, answered)


async def assess_order(event: Event[OrderPlaced], ports: Ports) -> Effects:
    order = await ports.mine(ports.home.partition)
    if decide.is_stale(event, order):
        return stale("a newer version of the order is there")
    customer_home = entity("customer", event.data.customer_id)
    customer = await ports.load(ITEMS, customer_home.partition, customer_home.partition)
    facts = OrderFacts(
        total=float(event.data.total),
        currency=event.data.currency,
        pieces=sum(line.quantity for line in event.data.items),
        shipping=event.data.shipping,
        customer_known=customer is not None,
        customer_segment=(customer or {}).get("predicted_segment", "unknown"),
        notes=event.data.notes,
    )
    answered = await ports.ask(ORDER, facts)
    return decide.assess_order(event, order, answered)


async def analyze_feedback(event: Event[FeedbackReceived], ports: Ports) -> Effects:
    feedback = await ports.mine(ports.home.partition)
    if decide.is_stale(event, feedback):
        return stale("a newer version of the feedback is there")
    facts = FeedbackFacts(text=event.data.text, rating=event.data.rating)
    answered = await ports.ask(FEEDBACK, facts)
    return decide.analyze_feedback(event, feedback, answered)


def entity(kind: str, foreign_id: str) -> Home:
    """Where the record of an entity lives: a partition of its own in `items`, under an id of the same name."""
    return Home(ITEMS, safe_id(kind, foreign_id))


SERVICE = Service(
    TOPOLOGY,
    (
        Reaction(CustomerCreated, lambda event: entity("customer", event.data.customer_id), enrich_customer),
        Reaction(OrderPlaced, lambda event: entity("order", event.data.order_id), assess_order),
        Reaction(FeedbackReceived, lambda event: entity("feedback", event.data.feedback_id), analyze_feedback),
    ),
)
