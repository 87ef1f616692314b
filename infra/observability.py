"""everything that runs -> its logs in the workspace, its alerts to somebody, a workbook, a limit on the bill"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pulumi import ComponentResource, Output, ResourceOptions, get_project, get_stack
from pulumi_azure_native import applicationinsights, consumption, monitor

from infra import alerts, availability, diagnostics, names, workbook
from infra.alerts import Metric, Watched
from infra.availability import Door
from infra.pattern_service import PatternService
from infra.secrets import Secret
from infra.settings import Surroundings
from services.kernel.topology import Topology

SHARES = {"half": 50.0, "most": 80.0, "all": 100.0}
"""Percent of the budget at which somebody is told."""


@dataclass(frozen=True)
class ObservabilityArgs:
    around: Surroundings
    services: Mapping[str, PatternService]
    patterns: Sequence[Topology]


class Observability(ComponentResource):
    """Nothing here is needed for an event to be handled, and everything for somebody to know that it was not."""

    workbook: Output[str]

    def __init__(self, name: str, args: ObservabilityArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("event-driven-ai:infra:Observability", name, None, opts)
        around, services = args.around, args.services
        self._config, self._foundation, self._place = around.config, around.foundation, around.foundation.place
        workspace, group = self._foundation.workspace_id, self._action_group()
        for alert in alerts.rules(self._config.alerts, _watched(around, args.patterns)):
            if isinstance(alert, Metric):
                alerts.by_metric(alert, group, self._place, self)
            else:
                alerts.by_query(alert, group, workspace, self._place, self)
        for topology in args.patterns:
            if topology.http and self._config.alerts.availability:
                door = Door(names.slug(topology.name), services[topology.name].host_name)
                availability.watch(door, self._foundation.insights_id, group, self._place, self)
        apps = {names.slug(name): service.app_id for name, service in services.items()}
        for logged in diagnostics.everything(around, apps):
            diagnostics.send(logged, workspace, self)
        self.workbook = self._workbook()
        self._budget(group)
        self.register_outputs({"workbook": self.workbook})

    def _action_group(self) -> Output[str]:
        group = monitor.ActionGroup(
            "on-call",
            resource_group_name=self._place.group,
            location="global",
            tags=self._place.tags,
            group_short_name="on-call",
            enabled=True,
            email_receivers=[
                monitor.MicrosoftCommonEmailReceiverArgs(name=email, email_address=email, use_common_alert_schema=True)
                for email in self._config.alerts.emails
            ],
            opts=ResourceOptions(parent=self),
        )
        return group.id

    def _workbook(self) -> Output[str]:
        made = applicationinsights.Workbook(
            "events",
            resource_name_=self._foundation.group_id.apply(lambda group: names.guid(group, "workbook")),
            resource_group_name=self._place.group,
            location=self._place.location,
            tags=self._place.tags,
            kind=applicationinsights.WorkbookSharedTypeKind.SHARED,
            display_name=f"Events, cost and latency of {get_project()} {get_stack()}",
            category="workbook",
            source_id=self._foundation.workspace_id,
            serialized_data=workbook.serialized(),
            version="Notebook/1.0",
            opts=ResourceOptions(parent=self),
        )
        return made.id

    def _budget(self, group: Output[str]) -> None:
        """What Azure bills for the resource group. It tells and stops nothing; `budget:` limits tokens by itself."""
        cost = self._config.cost
        if cost.monthly_budget is None or cost.budget_start is None:
            return
        consumption.Budget(
            "budget",
            budget_name=f"{get_project()}-{get_stack()}",
            scope=self._foundation.group_id,
            category=consumption.CategoryType.COST,
            amount=cost.monthly_budget,
            time_grain=consumption.TimeGrainType.MONTHLY,
            time_period=consumption.BudgetTimePeriodArgs(start_date=f"{cost.budget_start.isoformat()}T00:00:00Z"),
            notifications={
                name: consumption.NotificationArgs(
                    enabled=True,
                    operator=consumption.OperatorType.GREATER_THAN,
                    threshold=percent,
                    threshold_type=consumption.ThresholdType.ACTUAL,
                    contact_emails=[],
                    contact_groups=[group],
                    contact_roles=["Owner"],  # so that somebody hears even where no address is configured
                )
                for name, percent in SHARES.items()
            },
            opts=ResourceOptions(parent=self),
        )


def _watched(around: Surroundings, patterns: Sequence[Topology]) -> Watched:
    access = around.model.access
    return Watched(
        namespace=around.messaging.namespace_id,
        account=around.documents.account_id,
        model=None if isinstance(access, Secret) else access.id,
        subscriptions=[listener for topology in patterns for listener in topology.listens],
    )
