"""Names and certificates: aws.route53 and aws.acm."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django_stack_plugins.aws import tags
from django_stack_plugins.aws.base import AWSResource
from django_stack_plugins.aws.calls import Call, Wait, wait, words
from django_stack_plugins.aws.session import CallError
from django_stack_plugins.resource import Operation
from django_stack_plugins.values import Properties

_SPREAD = 1800.0  # seconds that Route 53 may take to tell all its servers
_PROOF = 75 * 60.0  # seconds that a certificate may take to be issued


class Record(AWSResource):
    docs, token, service = "route53_record", "aws:route53/record:Record", "route53"
    required = words("name type zoneId")
    replacing = words("name zoneId")
    in_place = words("aliases allowOverwrite records ttl type")
    unordered = words("records")
    delete_before_replace = True
    defaults: ClassVar[Mapping[str, Any]] = {"allowOverwrite": False}
    names: ClassVar[Mapping[str, str]] = {
        "aliases": "AliasTarget",
        "aliases.name": "DNSName",
        "aliases.zoneId": "HostedZoneId",
        "changes.ResourceRecordSet.AliasTarget.name": "DNSName",
        "changes.ResourceRecordSet.AliasTarget.zoneId": "HostedZoneId",
    }
    reading = Call(
        "ListResourceRecordSets", {"HostedZoneId": "zoneId", "StartRecordName": "name", "StartRecordType": "type"}
    )
    reads: ClassVar[Mapping[str, str]] = {"records": "ResourceRecords[].Value"}
    outputs: ClassVar[Mapping[str, str]] = {"fqdn": "Fqdn"}
    unread = words("allowOverwrite zoneId")
    missing = words("NoSuchHostedZone")

    def make(self, operation: Operation, inputs: Properties) -> Any:
        action = "UPSERT" if inputs["allowOverwrite"] else "CREATE"
        self._apply(operation, inputs, {"Action": action, "ResourceRecordSet": self._set(inputs)})

    def resource_id(self, answer: Any, inputs: Properties) -> str:
        return f"{inputs['zoneId']}_{inputs['name']}_{inputs['type']}"

    def change(self, operation: Operation, changed: set[str], scope: Properties, inputs: Properties) -> None:
        changes = [{"Action": "UPSERT", "ResourceRecordSet": self._set(inputs)}]
        if "type" in changed and (before := self._found(operation, scope["before"])):
            # One of another type is another one for AWS; both at once.
            changes.insert(0, {"Action": "DELETE", "ResourceRecordSet": before})
        if changed - self.unread:
            self._apply(operation, inputs, *changes)

    def find(self, operation: Operation, resource_id: str, scope: Properties) -> Any:
        found = self._found(operation, scope)
        if found is None:
            return None
        shown = {"Name": scope["name"], "Fqdn": _plain(scope["name"])}
        if target := found.get("AliasTarget"):
            shown["AliasTarget"] = {**target, "DNSName": target["DNSName"].rstrip(".")}
        return {**found, **shown}

    def delete(self, operation: Operation, resource_id: str, state: Properties) -> None:
        if found := self._found(operation, state):  # the API wants to be told the very record that is to go
            try:
                self._apply(operation, state, {"Action": "DELETE", "ResourceRecordSet": found})
            except CallError as error:
                if error.code not in {*self.missing, "InvalidChangeBatch"}:
                    raise

    def _found(self, operation: Operation, scope: Properties) -> dict[str, Any] | None:
        """The record as the API has it. The listing begins with it, or with what comes after."""
        listing = super().find(operation, "", scope) or {}
        for found in listing.get("ResourceRecordSets") or []:
            if _plain(found["Name"]) == _plain(scope["name"]) and found["Type"] == scope["type"]:
                return dict(found)
        return None

    def _set(self, inputs: Properties) -> dict[str, Any]:
        record: dict[str, Any] = {"Name": inputs["name"], "Type": inputs["type"]}
        if inputs.get("records"):
            record |= {"TTL": inputs.get("ttl"), "ResourceRecords": [{"Value": value} for value in inputs["records"]]}
        if inputs.get("aliases"):
            record["AliasTarget"] = inputs["aliases"]
        return record

    def _apply(self, operation: Operation, inputs: Properties, *changes: dict[str, Any]) -> None:
        takes = {"HostedZoneId": "zoneId", "ChangeBatch.Changes": "changes"}
        call = Call("ChangeResourceRecordSets", takes, gives="ChangeInfo.Id")
        change = self.call(operation, call, {**inputs, "changes": list(changes)}, {})
        status = Call("GetChange", {"Id": "change"}, gives="ChangeInfo.Status")
        wait(
            operation,
            lambda: f"{operation.name} is not yet known to all of Route 53's servers",
            lambda: self.call(operation, status, {"change": change}, {}) == "INSYNC",
            _SPREAD,
        )


def _plain(name: str) -> str:
    """A name as it is compared: Route 53 writes `*` as a number, and a dot behind."""
    return name.lower().rstrip(".").replace("\\052", "*")


class Certificate(AWSResource):
    docs, token, service = "acm_certificate", "aws:acm/certificate:Certificate", "acm"
    replacing = words("domainName region subjectAlternativeNames validationMethod")
    unordered = words("subjectAlternativeNames")
    unread = words("region")
    creating, identity = Call("RequestCertificate"), "CertificateArn"
    reading = Call("DescribeCertificate", {"CertificateArn": "id"}, gives="Certificate")
    outputs: ClassVar[Mapping[str, str]] = {
        "arn": "CertificateArn",
        "domainValidationOptions": (
            "DomainValidationOptions[].{domainName: DomainName, resourceRecordName: ResourceRecord.Name,"
            " resourceRecordType: ResourceRecord.Type, resourceRecordValue: ResourceRecord.Value}"
        ),
        "status": "Status",
    }
    reads: ClassVar[Mapping[str, str]] = {"validationMethod": "DomainValidationOptions[0].ValidationMethod"}
    missing = words("ResourceNotFoundException")
    deleting, busy = Call("DeleteCertificate", {"CertificateArn": "id"}), words("ResourceInUseException")
    # The records that prove it come a little later than the certificate.
    ready = Wait("Proofs", words("there"), words("FAILED"), "FailureReason", 300)
    tagging = tags.CERTIFICATES

    def make(self, operation: Operation, inputs: Properties) -> Any:
        names = inputs.get("subjectAlternativeNames") or None  # the API takes no empty list
        return super().make(operation, {**inputs, "subjectAlternativeNames": names})

    def find(self, operation: Operation, resource_id: str, scope: Properties) -> Any:
        found = super().find(operation, resource_id, scope)
        if not found:
            return None
        options = found.get("DomainValidationOptions") or []
        proofs = "there" if options and all(option.get("ResourceRecord") for option in options) else found["Status"]
        others = [name for name in found.get("SubjectAlternativeNames") or [] if name != found["DomainName"]]
        return {**found, "Proofs": proofs, "SubjectAlternativeNames": others}


class CertificateValidation(AWSResource):
    docs = "acm_certificate_validation"
    token, service = "aws:acm/certificateValidation:CertificateValidation", "acm"
    required = words("certificateArn")
    replacing = words("certificateArn region validationRecordFqdns")
    unordered = words("validationRecordFqdns")
    unread = words("region validationRecordFqdns")
    id_input = "certificateArn"
    reading = Call("DescribeCertificate", {"CertificateArn": "certificateArn"}, gives="Certificate")
    gone = "Status!='ISSUED' && Status!='PENDING_VALIDATION' && Status!='FAILED'"
    missing = words("ResourceNotFoundException")
    ready = Wait("Status", words("ISSUED"), words("FAILED VALIDATION_TIMED_OUT"), "FailureReason", _PROOF)

    def make(self, operation: Operation, inputs: Properties) -> Any:
        return inputs
