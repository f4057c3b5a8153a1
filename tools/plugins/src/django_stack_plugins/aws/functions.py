"""The functions that programs ask AWS with: aws.get_availability_zones and aws.ec2.get_managed_prefix_list."""

from collections.abc import Callable

from django_stack_plugins.aws.session import Session
from django_stack_plugins.resource import PluginError
from django_stack_plugins.values import Properties


def functions(session: Session) -> dict[str, Callable[[Properties], Properties]]:
    """The functions by their tokens."""

    def availability_zones(arguments: Properties) -> Properties:
        _only(arguments, "filters", "excludeZoneIds")
        request = {"Filters": [{"Name": one["name"], "Values": one["values"]} for one in arguments.get("filters", [])]}
        found = session.call("ec2", "DescribeAvailabilityZones", request)["AvailabilityZones"]
        excluded = arguments.get("excludeZoneIds") or []
        zones = sorted(
            (zone for zone in found if zone["ZoneId"] not in excluded), key=lambda zone: str(zone["ZoneName"])
        )
        return {
            **arguments,
            "id": session.region,
            "names": [zone["ZoneName"] for zone in zones],
            "zoneIds": [zone["ZoneId"] for zone in zones],
        }

    def managed_prefix_list(arguments: Properties) -> Properties:
        _only(arguments, "name")
        name = arguments["name"]
        request = {"Filters": [{"Name": "prefix-list-name", "Values": [name]}]}
        found = session.call("ec2", "DescribeManagedPrefixLists", request)["PrefixLists"]
        if len(found) != 1:
            raise PluginError(f"there are {len(found)} managed prefix lists of the name {name}, and there must be one")
        (one,) = found
        return {"id": one["PrefixListId"], "name": one["PrefixListName"], "arn": one.get("PrefixListArn", "")}

    return {
        "aws:index/getAvailabilityZones:getAvailabilityZones": availability_zones,
        "aws:ec2/getManagedPrefixList:getManagedPrefixList": managed_prefix_list,
    }


def _only(arguments: Properties, *names: str) -> None:
    for unknown in sorted(arguments.keys() - set(names)):
        known = ", ".join(map(repr, names))
        raise PluginError(f"django-stack's plugin does not support the argument {unknown!r}; it has {known}")
