"""an app with HTTP functions -> a request from several regions, and an alert when it is not answered as it should be

The request carries no token, for Azure's tests cannot sign in: what must come back is sign-in's refusal, 401. That
proves the address, its certificate, the platform's front end and that the door is shut; an open door, which would
answer otherwise, fires the alert as well. Whether the function behind works is what `function-failures`, `silence` and
the backlog tell. A test that signs in would need a secret of its own, and a secret that opens a door is worth less
than what it would tell.
"""

from dataclasses import dataclass

from pulumi import Output, Resource, ResourceOptions
from pulumi_azure_native import applicationinsights, monitor

from infra.place import Place

REGIONS = ("emea-nl-ams-azr", "emea-gb-db3-azr", "emea-se-sto-edge", "us-va-ash-azr", "apac-sg-sin-azr")
"""Azure's names of the places that it calls from: West and North Europe, UK, East US, Southeast Asia."""

REFUSED = 401
FAILING = 3
"""Of these regions, so that one of them with a problem of its own wakes nobody."""


@dataclass(frozen=True)
class Door:
    """An app that answers over HTTP."""

    service: str
    host: Output[str]


def watch(door: Door, insights: Output[str], group: Output[str], place: Place, parent: Resource) -> None:
    """Create the test and its alert."""
    name = f"{door.service}-answers"
    linked = insights.apply(lambda component: {**place.tags, f"hidden-link:{component}": "Resource"})
    test = applicationinsights.WebTest(
        name,
        resource_group_name=place.group,
        location=place.location,
        tags=linked,  # without it the portal does not find the test
        web_test_name=name,
        synthetic_monitor_id=name,
        kind=applicationinsights.WebTestKind.STANDARD,
        web_test_kind=applicationinsights.WebTestKind.STANDARD,
        enabled=True,
        frequency=300,
        timeout=60,  # an app that is scaled to zero starts first
        retry_enabled=True,
        locations=[applicationinsights.WebTestGeolocationArgs(location=region) for region in REGIONS],
        request=applicationinsights.WebTestPropertiesRequestArgs(
            request_url=Output.concat("https://", door.host, "/api/"), http_verb="GET", follow_redirects=False
        ),
        validation_rules=applicationinsights.WebTestPropertiesValidationRulesArgs(
            expected_http_status_code=REFUSED, s_sl_check=True, s_sl_cert_remaining_lifetime_check=7
        ),
        opts=ResourceOptions(parent=parent),
    )
    monitor.MetricAlert(
        name,
        resource_group_name=place.group,
        location="global",
        tags=linked,
        description=f"{door.service} does not answer, or answers somebody who has not signed in.",
        severity=1,
        enabled=True,
        auto_mitigate=True,
        scopes=[test.id, insights],
        evaluation_frequency="PT1M",
        window_size="PT15M",
        criteria=monitor.WebtestLocationAvailabilityCriteriaArgs(
            odata_type="Microsoft.Azure.Monitor.WebtestLocationAvailabilityCriteria",
            component_id=insights,
            web_test_id=test.id,
            failed_location_count=FAILING,
        ),
        actions=[monitor.MetricAlertActionArgs(action_group_id=group)],
        opts=ResourceOptions(parent=parent),
    )
