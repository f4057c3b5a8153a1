"""What an account may cost: aws.budgets."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django_stack_plugins.aws.base import AWSResource
from django_stack_plugins.aws.calls import Call, words
from django_stack_plugins.aws.tags import Tagging
from django_stack_plugins.resource import Operation
from django_stack_plugins.values import Properties

_LIMIT = "{Amount: limitAmount, Unit: limitUnit}"
_BUDGET = f"{{BudgetName: name, BudgetType: budgetType, TimeUnit: timeUnit, BudgetLimit: {_LIMIT}}}"
_NOTIFICATIONS = (
    "notifications[].{Notification: {NotificationType: notificationType, ComparisonOperator: comparisonOperator,"
    " Threshold: threshold, ThresholdType: thresholdType},"
    " Subscribers: subscriberSnsTopicArns[].{SubscriptionType: 'SNS', Address: @}}"
)


class Budget(AWSResource):
    """Belongs to an account, which each call names. The notifications are not read: they are made with the budget."""

    docs, token, service = "budgets_budget", "aws:budgets/budget:Budget", "budgets"
    required = words("budgetType timeUnit")
    replacing = words("name notifications")
    in_place = words("budgetType limitAmount limitUnit timeUnit")
    creating = Call(
        "CreateBudget", {"AccountId": "account", "Budget": _BUDGET, "NotificationsWithSubscribers": _NOTIFICATIONS}
    )
    updating: ClassVar[Mapping[str, Call]] = {
        " ".join(sorted(in_place)): Call("UpdateBudget", {"AccountId": "account", "NewBudget": _BUDGET})
    }
    reading = Call("DescribeBudget", {"AccountId": "account", "BudgetName": "name"}, gives="Budget")
    reads: ClassVar[Mapping[str, str]] = {
        "name": "BudgetName",
        "limitAmount": "BudgetLimit.Amount",
        "limitUnit": "BudgetLimit.Unit",
    }
    outputs: ClassVar[Mapping[str, str]] = {"arn": "Arn"}
    unread = words("notifications")
    missing = words("NotFoundException")
    deleting = Call("DeleteBudget", {"AccountId": "account", "BudgetName": "name"})
    tagging = Tagging(
        Call("TagResource", {"ResourceARN": "arn", "ResourceTags": "tags"}),
        Call("UntagResource", {"ResourceARN": "arn", "ResourceTagKeys": "gone"}),
        Call("ListTagsForResource", {"ResourceARN": "arn"}, gives="ResourceTags"),
        argument="ResourceTags",
    )

    def resource_id(self, answer: Any, inputs: Properties) -> str:
        return f"{self._account()}:{inputs['name']}"

    def call(self, operation: Operation, call: Call, scope: Properties, rest: Properties) -> Any:
        # The calls about a budget take no argument by an input's name alone.
        return super().call(operation, call, {**scope, "account": self._account()}, {})

    def find(self, operation: Operation, resource_id: str, scope: Properties) -> Any:
        found = super().find(operation, resource_id, scope)
        arn = f"arn:aws:budgets::{self._account()}:budget/{scope['name']}"
        return found and {**found, "Arn": arn}

    def _account(self) -> str:
        return str(self.session.call("sts", "GetCallerIdentity", {})["Account"])
