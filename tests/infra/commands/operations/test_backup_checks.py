"""What `status` says of the last check of a backup."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from infra.commands.operations import backup_checks
from infra.commands.operations.backup_checks import BackupCheck

NOW = datetime.now(UTC)


def test_a_check_of_a_local_stack_is_known_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert backup_checks.read_here("shop-local") is None
    for good in (False, True):
        backup_checks.write_here("shop-local", BackupCheck(NOW, good))
        assert backup_checks.read_here("shop-local") == BackupCheck(NOW, good)
    assert backup_checks.read_here("shop-other") is None
    (file,) = (tmp_path / "django-stack").iterdir()
    file.write_text("[]")
    assert backup_checks.read_here("shop-local") is None


def test_status_shows_its_age_and_a_failure_is_not_well() -> None:
    now = datetime.now(UTC)
    section = BackupCheck(now - timedelta(days=3, hours=1), is_good=True).section()
    assert (section.text, section.is_well) == ("checked 3 days ago", True)
    section = BackupCheck(now - timedelta(minutes=5), is_good=False).section()
    assert (section.text, section.is_well) == ("the check failed 5 minutes ago", False)
    section = backup_checks.never("cloud")
    assert ("django-stack backup check -s cloud" in section.text, section.is_well) == (True, True)


@pytest.mark.parametrize(("values", "good"), [([1.0, 0.0], True), ([0.0, 1.0], False), ([], None)])
def test_the_last_check_of_a_cloud_stack_is_a_metric(values: list[float], good: bool | None) -> None:
    asked: list[dict[str, Any]] = []

    def get(**query: Any) -> dict[str, Any]:
        asked.append(query)
        times = [NOW - timedelta(hours=number) for number in range(len(values))]
        return {"MetricDataResults": [{"Values": values, "Timestamps": times}]}

    found = backup_checks.read_metric(SimpleNamespace(get_metric_data=get), "shop-cloud")
    assert found == (None if good is None else BackupCheck(NOW, good))
    assert asked[0]["ScanBy"] == "TimestampDescending"
    metric = asked[0]["MetricDataQueries"][0]["MetricStat"]
    assert metric["Metric"]["Dimensions"] == [{"Name": "Stack", "Value": "shop-cloud"}]
    # CloudWatch keeps periods below an hour for 15 or 63 days.
    assert metric["Period"] % 3600 == 0
