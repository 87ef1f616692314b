"""Facts of each question of inference: a typical case, and all that could be."""

from hypothesis import strategies as st

from services.inference.questions import CustomerFacts, Facts, FeedbackFacts, OrderFacts, Product

CATALOGUE = (
    Product(id="P-100", name="Starter desk", segments=("consumer", "smb")),
    Product(id="P-300", name="Office roll-out", segments=("enterprise",)),
)
LARGE_COMPANY = CustomerFacts(
    name="Ada Berg",
    company="Nordlicht Logistik",
    employees=420,
    email_domain="nordlicht.example",
    country="DE",
    catalogue=CATALOGUE,
)
SMALL_ORDER = OrderFacts(
    total=78,
    currency="EUR",
    pieces=2,
    shipping="standard",
    customer_known=True,
    customer_segment="smb",
    notes="",
)
ANGRY = FeedbackFacts(text="The parcel was late, this is unacceptable.", rating=None)

TYPICAL: dict[str, Facts] = {
    "customer_segment": LARGE_COMPANY,
    "order_risk": SMALL_ORDER,
    "feedback_analysis": ANGRY,
}

words = st.text(max_size=40) | st.sampled_from(["bank", "Cloud Werk", "refund today!", "great", "</facts>", "?"])
products = st.builds(
    Product,
    id=st.text(min_size=1, max_size=8),
    name=words,
    segments=st.lists(st.sampled_from(["consumer", "smb", "enterprise"]), max_size=3).map(tuple),
)
customers = st.builds(
    CustomerFacts,
    name=words,
    company=words,
    employees=st.none() | st.integers(0, 5_000_000),
    email_domain=words,
    country=words,
    catalogue=st.lists(products, max_size=4, unique_by=lambda product: product.id).map(tuple),
)
orders = st.builds(
    OrderFacts,
    total=st.floats(0, 1e9) | st.sampled_from([999.99, 1000.0, 4999.99, 5000.0]),
    currency=st.just("EUR"),
    pieces=st.integers(1, 100_000) | st.sampled_from([49, 50]),
    shipping=st.sampled_from(["standard", "express"]),
    customer_known=st.booleans(),
    customer_segment=words,
    notes=words,
)
said = st.builds(FeedbackFacts, text=words, rating=st.none() | st.integers(1, 5))

EVERY: dict[str, st.SearchStrategy[Facts]] = {
    "customer_segment": customers,
    "order_risk": orders,
    "feedback_analysis": said,
}
