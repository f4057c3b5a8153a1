"""Deliveries of logs that services write themselves: aws.cloudwatch.LogDelivery and its two ends."""

from collections.abc import Mapping
from typing import ClassVar

from django_stack_plugins.aws import tags
from django_stack_plugins.aws.base import AWSResource
from django_stack_plugins.aws.calls import Call, words


class _Delivery(AWSResource):
    service = "logs"
    missing = words("ResourceNotFoundException")
    unread = words("region")
    # A source or a destination that a delivery uses.
    busy = words("ConflictException")
    tagging = tags.LOGS


class LogDeliverySource(_Delivery):
    docs, token = "cloudwatch_log_delivery_source", "aws:cloudwatch/logDeliverySource:LogDeliverySource"
    required = words("logType name resourceArn")
    replacing = words("logType name region resourceArn")
    creating, identity = Call("PutDeliverySource"), "deliverySource.name"
    reading = Call("GetDeliverySource", {"name": "id"}, gives="deliverySource")
    reads: ClassVar[Mapping[str, str]] = {"resourceArn": "resourceArns[0]"}
    outputs: ClassVar[Mapping[str, str]] = {"arn": "arn", "service": "service"}
    deleting = Call("DeleteDeliverySource", {"name": "id"})


class LogDeliveryDestination(_Delivery):
    docs = "cloudwatch_log_delivery_destination"
    token = "aws:cloudwatch/logDeliveryDestination:LogDeliveryDestination"
    required = words("deliveryDestinationConfiguration name")
    replacing = words("name outputFormat region")
    in_place = words("deliveryDestinationConfiguration")
    creating, identity, puts = Call("PutDeliveryDestination"), "deliveryDestination.name", True
    reading = Call("GetDeliveryDestination", {"name": "id"}, gives="deliveryDestination")
    outputs: ClassVar[Mapping[str, str]] = {"arn": "arn", "deliveryDestinationType": "deliveryDestinationType"}
    deleting = Call("DeleteDeliveryDestination", {"name": "id"})


class LogDelivery(_Delivery):
    docs, token = "cloudwatch_log_delivery", "aws:cloudwatch/logDelivery:LogDelivery"
    required = words("deliveryDestinationArn deliverySourceName")
    replacing = words("deliveryDestinationArn deliverySourceName region")
    creating, identity = Call("CreateDelivery"), "delivery.id"
    reading = Call("GetDelivery", {"id": "id"}, gives="delivery")
    outputs: ClassVar[Mapping[str, str]] = {"arn": "arn"}
    deleting = Call("DeleteDelivery", {"id": "id"})
