"""where something comes in from outside: nobody gets in unsigned, and what nobody listens to is kept, with a reason"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from policies.naming import filters_of, listeners, name_at
from policies.resources import Resource, Stack
from policies.rule import EXAMPLE_DAY, Rule, alone, requires
from policies.rules.functions import APP, is_of
from services.entities import DEAD_LETTERS
from services.kernel.topology import Subscription, Topic, Topology

TOPIC, SUBSCRIPTION = "servicebus:Topic", "servicebus:Subscription"
DEFAULT, ADDITIONAL = "servicebus:DefaultRule", "servicebus:Rule"
SIGN_IN = "web:WebAppAuthSettingsV2"
LITERAL = re.compile(r"'([^']*)'")
MANY_TENANTS = re.compile(r"/(common|organizations|consumers)(/|$)")


def _keeps_the_rest(topic: Resource, stack: Stack) -> Iterator[str]:
    name = name_at(topic, "topicName", stack)
    if name not in {each.topic.name for pattern in stack.patterns for each in pattern.listens if each.topic.door}:
        return
    on_topic = [each for each in stack.of_type(SUBSCRIPTION) if name_at(each, "topicName", stack) == name]
    heard = {word for each in on_topic if any(listeners(each, stack)) for word in _selected(each, stack)}
    rest = [each for each in on_topic if name_at(each, "forwardTo", stack) == DEAD_LETTERS.name]
    if not rest:
        yield f"no subscription forwards what nobody listens to to {DEAD_LETTERS.name}"
    for subscription in rest:
        excepted = _excepted(subscription, stack)
        if lost := sorted(excepted - heard):
            yield f"{subscription.name} leaves out {', '.join(lost)}, which nobody listens to"
        if twice := sorted(heard - excepted):
            yield f"{subscription.name} also keeps {', '.join(twice)}, which somebody listens to"


def _selected(subscription: Resource, stack: Stack) -> Iterator[str]:
    """The event types and the name that a listener's rules let in."""
    for each in filters_of(subscription, stack, DEFAULT, ADDITIONAL):
        yield from (str(word) for key in ("label", "to") if (word := each.get(f"correlationFilter.{key}")))


def _excepted(subscription: Resource, stack: Stack) -> set[str]:
    """The words that the filter of the rest excludes."""
    filters = filters_of(subscription, stack, DEFAULT)
    return {word for each in filters for word in LITERAL.findall(str(each.get("sqlFilter.sqlExpression") or ""))}


def _door(expression: str | None) -> Stack:
    """A door at which one listener hears `created`, and the filter of what is kept besides."""
    topic = {"topicName": "orders"}
    listener, rest = {**topic, "subscriptionName": "analyst"}, {**topic, "subscriptionName": "unrouted"}
    kept = (
        Resource(SUBSCRIPTION, "unrouted", {**rest, "forwardTo": DEAD_LETTERS.name}),
        Resource(DEFAULT, "unrouted", {**rest, "sqlFilter": {"sqlExpression": expression}}),
    )
    return Stack(
        (
            Resource(TOPIC, "orders", topic),
            Resource(SUBSCRIPTION, "analyst", listener),
            Resource(DEFAULT, "analyst-to", {**listener, "correlationFilter": {"to": "analyst"}}),
            Resource(ADDITIONAL, "analyst-created", {**listener, "correlationFilter": {"label": "created"}}),
            *(kept if expression else ()),
        ),
        EXAMPLE_DAY,
        (Topology("example", listens=(Subscription(Topic("orders", door=True), "analyst", ("created",)),)),),
    )


KEPT = Rule(
    id="door-keeps-unrouted",
    title="At a door nothing is dropped in silence",
    why="Service Bus drops a message that matches no rule: an event type that is misspelt would just vanish.",
    remedy="Declare the topic as a door in services/entities.py; infra/unrouted.py then keeps what nobody listens to.",
    severity="high",
    scope="stack",
    about=(TOPIC,),
    check=_keeps_the_rest,
    passes=(_door("sys.Label NOT IN ('created') AND sys.To NOT IN ('analyst')"),),
    fails=(
        _door(None),
        _door("sys.Label NOT IN ('created', 'removed') AND sys.To NOT IN ('analyst')"),
        _door("sys.To NOT IN ('analyst')"),
    ),
)


def _lets_nobody_by(sign_in: Resource, stack: Stack) -> Iterator[str]:
    for path, allowed in {
        "platform.enabled": (True,),
        "globalValidation.requireAuthentication": (True,),
        "globalValidation.unauthenticatedClientAction": ("Return401", "Return403"),
        "httpSettings.requireHttps": (True,),
        "identityProviders.azureActiveDirectory.enabled": (True,),
    }.items():
        yield from requires(path, *allowed)(sign_in, stack)
    if paths := sign_in.sequence("globalValidation.excludedPaths"):
        yield f"globalValidation.excludedPaths lets anybody call {', '.join(map(str, paths))}"
    if others := sorted(set(sign_in.mapping("identityProviders")) - {"azureActiveDirectory"}):
        yield f"identityProviders also has {', '.join(others)}, whose users have none of our roles"
    if not sign_in.sequence("identityProviders.azureActiveDirectory.validation.allowedAudiences"):
        yield "allowedAudiences is empty, so it is not said for whom a token must be"
    issuer = str(sign_in.get("identityProviders.azureActiveDirectory.registration.openIdIssuer") or "not set")
    if issuer == "not set" or MANY_TENANTS.search(issuer):
        yield f"openIdIssuer is {issuer}, not one tenant's"


def _has_sign_in(app: Resource, stack: Stack) -> Iterator[str]:
    pattern = stack.pattern_of(app)
    if pattern and pattern.http and not any(is_of(each, app) for each in stack.of_type(SIGN_IN)):
        yield f"it has HTTP functions, and no {SIGN_IN} keeps anybody out"


def _sign_in(**changes: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that keep everybody out who has no token of one tenant for one audience, with changes."""
    tenant = "https://login.microsoftonline.com/00000000-0000-4000-8000-000000000002/v2.0"
    entra = {"registration": {"openIdIssuer": tenant}, "validation": {"allowedAudiences": ["api://shop"]}}
    return {
        "platform": {"enabled": True},
        "globalValidation": {"requireAuthentication": True, "unauthenticatedClientAction": "Return401"},
        "httpSettings": {"requireHttps": True},
        "identityProviders": {"azureActiveDirectory": {"enabled": True, **entra}},
        **changes,
    }


def _entra(**changes: Any) -> dict[str, Any]:
    return {"azureActiveDirectory": {**_sign_in()["identityProviders"]["azureActiveDirectory"], **changes}}


def _app(*, http: bool, of: str = "") -> Stack:
    """An app that calls itself `app-1`, and the sign-in of the app called `of`."""
    app = Resource(APP, "shop", {}, {"name": "app-1"}, urn="urn:app")
    guards = (Resource(SIGN_IN, "shop-sign-in", {**_sign_in(), "name": of}),) if of else ()
    return Stack((app, *guards), EXAMPLE_DAY, (Topology("shop", http=http),))


REQUIRED = {"requireAuthentication": True, "unauthenticatedClientAction": "Return401"}

LOCKED = Rule(
    id="door-lets-nobody-by",
    title="Sign-in has no way around it",
    why="An excluded path, another provider or anonymous requests reach the functions, which trust the platform.",
    remedy="Build it with infra/sign_in.py; let an availability test expect 401 instead of excluding a path.",
    severity="critical",
    sources=("CKV_AZURE_56", "Azure Policy c75248c1-ea1d-4a9c-8fc9-29a6aabd5da8"),
    about=(SIGN_IN,),
    check=_lets_nobody_by,
    passes=alone(SIGN_IN, _sign_in()),
    fails=alone(
        SIGN_IN,
        {},
        _sign_in(platform={"enabled": False}),
        _sign_in(globalValidation={**REQUIRED, "requireAuthentication": False}),
        _sign_in(globalValidation={**REQUIRED, "unauthenticatedClientAction": "AllowAnonymous"}),
        _sign_in(globalValidation={**REQUIRED, "excludedPaths": ["/api/health"]}),
        _sign_in(httpSettings={"requireHttps": False}),
        _sign_in(identityProviders={**_entra(), "gitHub": {"enabled": True}}),
        _sign_in(identityProviders=_entra(validation={"allowedAudiences": []})),
        _sign_in(
            identityProviders=_entra(registration={"openIdIssuer": "https://login.microsoftonline.com/common/v2.0"})
        ),
        _sign_in(identityProviders=_entra(registration={})),
    ),
)

SIGNED_IN = Rule(
    id="door-signed-in",
    title="Every app with HTTP functions is behind sign-in",
    why="A function app is on the internet by default: without sign-in, anybody sends events and decides approvals.",
    remedy="Say http=True in the pattern's topology, and infra/pattern_service.py guards its app.",
    severity="critical",
    scope="stack",
    about=(APP,),
    check=_has_sign_in,
    passes=(_app(http=True, of="app-1"), _app(http=False)),
    fails=(_app(http=True), _app(http=True, of="app-2")),
)

RULES = (KEPT, LOCKED, SIGNED_IN)
