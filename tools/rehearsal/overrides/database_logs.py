"""Which of a database's logs go to CloudWatch, and what RDS shows of its load: MiniStack forgets both.

Each update would see a change.

https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html, API_ModifyDBInstance.html
What the database says still isn't copied to CloudWatch.
"""

from typing import Any

from ministack.services import rds

from tools.rehearsal.emulator.config import EmulatorConfig
from tools.rehearsal.overrides import replace

EXPORTED = "EnabledCloudwatchLogsExports"
CHANGE = "CloudwatchLogsExportConfiguration"
MODE, INSIGHTS, DAYS = "DatabaseInsightsMode", "PerformanceInsightsEnabled", "PerformanceInsightsRetentionPeriod"


def apply(_: EmulatorConfig) -> None:
    """Wraps how an instance is made, changed and described."""
    create, modify, describe = rds._create_db_instance, rds._modify_db_instance, rds._instance_xml

    def instance(params: Any) -> dict[str, Any]:
        return rds._instances.get(rds._p(params, "DBInstanceIdentifier")) or {}

    def keep_insights(params: Any, kept: dict[str, Any]) -> None:
        kept[MODE] = rds._p(params, MODE) or kept.get(MODE, "standard")
        kept[DAYS] = rds._p(params, DAYS) or kept.get(DAYS, 7)
        if enabled := rds._p(params, "EnablePerformanceInsights"):
            kept[INSIGHTS] = enabled == "true"

    def create_db_instance(params: Any) -> Any:
        answer = create(params)
        keep_insights(params, instance(params))
        instance(params)[EXPORTED] = rds._parse_member_list(params, "EnableCloudwatchLogsExports")
        return answer

    def modify_db_instance(params: Any) -> Any:
        changed = instance(params)  # before the call, which may rename it
        keep_insights(params, changed)
        come = rds._parse_member_list(params, f"{CHANGE}.EnableLogTypes")
        gone = rds._parse_member_list(params, f"{CHANGE}.DisableLogTypes")
        changed[EXPORTED] = [log for log in changed.get(EXPORTED, []) if log not in {*come, *gone}] + come
        return modify(params)

    def instance_xml(instance: dict[str, Any]) -> str:
        logs = "".join(f"<member>{log}</member>" for log in instance.get(EXPORTED, []))
        described: str = describe(instance)
        mode = f"<{MODE}>{instance.get(MODE, 'standard')}</{MODE}>"
        return described.replace(f"<{EXPORTED}/>", f"<{EXPORTED}>{logs}</{EXPORTED}>{mode}")

    replace(rds, "_create_db_instance", create_db_instance)
    replace(rds, "_modify_db_instance", modify_db_instance)
    replace(rds, "_instance_xml", instance_xml)
