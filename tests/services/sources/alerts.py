"""An alert as Azure Monitor posts it, with its seven decimals of a second."""

from typing import Any

ALERT: dict[str, Any] = {
    "schemaId": "azureMonitorCommonAlertSchema",
    "data": {
        "essentials": {
            "alertId": "/subscriptions/s/alerts/a-1",
            "alertRule": "dead letters",
            "severity": "Sev1",
            "signalType": "Metric",
            "monitorCondition": "Fired",
            "monitoringService": "Platform",
            "alertTargetIDs": ["/subscriptions/s/namespaces/main"],
            "originAlertId": "1",
            "firedDateTime": "2026-11-22T09:02:00.3713213Z",
            "description": "Messages wait in dead-letters.",
            "essentialsVersion": "1.0",
            "alertContextVersion": "1.0",
        },
        "alertContext": {"properties": None},
    },
}


def alert(**essentials: Any) -> dict[str, Any]:
    """The alert with other essentials."""
    return {**ALERT, "data": {**ALERT["data"], "essentials": {**ALERT["data"]["essentials"], **essentials}}}
