"""IAM, when a rehearsal enforces it: every call is asked of the caller's policies as AWS asks, and written down.

MiniStack can enforce IAM (AUTH=true), but asks for one resource a call, often for none: the cluster for a service, `*`
for a load balancer that is being made. It asks neither for the tags of EC2's resources nor for iam:PassRole, the
permissions boundary of a role, or the tags that a call gives: https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
What is to be asked is in tools/rehearsal/emulator/authorization.py; the decision is MiniStack's evaluator's.
Programs on this machine reach AWS's API without TLS here, which bucket policies forbid; it counts as TLS.
"""

import json
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import request_scope
from ministack.core.router import extract_access_key_id
from ministack.services import acm, cloudfront, ec2, ecs, iam, tagging

from tools.rehearsal.emulator import authorization, server
from tools.rehearsal.emulator.authorization import Call
from tools.rehearsal.emulator.config import EmulatorConfig
from tools.rehearsal.overrides import replace

PATH = "/_rehearsal/permission-checks"
_call: ContextVar[Call | None] = ContextVar("call", default=None)
_refused: ContextVar[str] = ContextVar("refused", default="")
_checks: list[dict[str, Any]] = []


def apply(config: EmulatorConfig) -> None:
    """Asks for everything that AWS asks for, and answers PATH with what was asked and granted; if IAM is enforced."""
    if not config.enforces_iam:
        return
    _keep_the_request()
    _check_everything()
    _add_tags()
    _treat_as_tls()
    _enforce_our_own_services(config)
    server.pages[PATH] = lambda: json.dumps(_checks).encode()


def _keep_the_request() -> None:
    extract = iam_actions.extract_resource_arn

    def extract_resource_arn(
        service: str, method: str, path: str, headers: Any, body: bytes, query: Any, region: str, account: str
    ) -> str:
        resource: str = extract(service, method, path, headers, body, query, region, account)
        action = iam_actions.extract_iam_action(service, method, path, headers, body, query)
        parameters = authorization.parameters(query, _document(body))
        named = authorization.in_path(service, path, account) or resource
        _call.set(Call(action, region, account, parameters, named))
        return resource

    replace(iam_actions, "extract_resource_arn", extract_resource_arn)


def _document(body: bytes) -> Any:
    """The request's JSON document, or its XML as a text; nothing for another kind."""
    if body[:1] == b"<":
        return {authorization.TEXT: body.decode(errors="replace")}
    try:
        return json.loads(body) if body[:1] == b"{" else None
    except ValueError:
        return None


def _check_everything() -> None:
    enforce = iam_evaluator.enforce

    def enforce_each(
        key: str, action: str, service: str, region: str, resource_arn: str = "*", service_context: Any = None
    ) -> Any:
        call = _call.get()
        _call.set(None)
        _refused.set("")
        if call is None or call.action != action:  # one more check of the same request, of a batch's second object say
            return enforce(key, action, service, region, resource_arn=resource_arn, service_context=service_context)
        refusal = None
        for check in authorization.permission_checks(call, Account()):
            context = {**(service_context or {}), **check.context}
            answer = enforce(key, check.action, service, region, resource_arn=check.resource, service_context=context)
            if not isinstance(answer, iam_evaluator.AuthError):
                _note(key, call, check, granted=answer is None)
            if answer is not None and refusal is None:
                refusal = answer
                _refused.set(check.action)
        return refusal

    replace(iam_evaluator, "enforce", enforce_each)
    say = iam_actions.access_denied_response

    def name_the_missing_action(service: str, action: str, *arguments: Any, **named: Any) -> Any:
        return say(service, _refused.get() or action, *arguments, **named)

    replace(iam_actions, "access_denied_response", name_the_missing_action)


def _note(key: str, call: Call, check: authorization.PermissionCheck, *, granted: bool) -> None:
    principal = iam_evaluator.resolve_principal(key, call.account)
    if isinstance(principal, iam_evaluator.PrincipalInfo) and principal.policies is not None:
        _checks.append(
            {
                "caller": principal.arn,
                "call": call.action,
                "action": check.action,
                "resource": check.resource,
                "context": dict(check.context),
                "granted": granted,
            }
        )


class Account(authorization.State):
    """MiniStack's account of the request."""

    def boundary_of(self, role: str) -> str:
        return str((iam._roles.get(role) or {}).get("PermissionsBoundary") or "")

    def roles_of(self, definition: str) -> list[str]:
        found = ecs._task_defs.get(ecs._resolve_td_key(definition)) or {}
        return [found[name] for name in ("taskRoleArn", "executionRoleArn") if found.get(name)]

    def route_table_of(self, association: str) -> list[str]:
        return [
            one
            for table in ec2._route_tables.values()
            for found in table.get("Associations", [])
            if found["RouteTableAssociationId"] == association
            for one in (table["RouteTableId"], found.get("SubnetId"))
            if one
        ]


def _add_tags() -> None:
    known = tagging.resource_tags

    def resource_tags(arn: str) -> dict[str, str] | None:
        found = dict(_tags(arn))
        return found or known(arn)

    replace(tagging, "resource_tags", resource_tags)


def _tags(arn: str) -> Iterator[tuple[str, str]]:
    service = arn.split(":")[2] if arn.startswith("arn:") else ""
    found: Any = None
    if service == "acm":
        found = (acm._certificates.get(arn) or {}).get("Tags")
    elif service == "cloudfront":
        found = cloudfront._tags.get(arn)
    elif service == "ec2":
        found = ec2._tags.get(arn.rpartition("/")[2])
    for tag in found or []:
        yield tag["Key"], tag["Value"]


def _treat_as_tls() -> None:
    pin = iam_evaluator.pin_request_origin
    from ministack import app  # noqa: PLC0415  # it reads the environment when it is imported

    replace(app, "pin_request_origin", lambda address, _: pin(address, True))


def _enforce_our_own_services(config: EmulatorConfig) -> None:
    """The calls that tools/rehearsal/emulator/server.py keeps from MiniStack."""

    def permit(service: str, action: str, headers: Any, body: bytes) -> server.Answer | None:
        with request_scope(config.account, config.region):
            parameters = authorization.parameters({}, _document(body))
            _call.set(Call(f"{service}:{action}", config.region, config.account, parameters))
            key = extract_access_key_id(headers, {})
            denied = iam_evaluator.enforce(key, f"{service}:{action}", service, config.region)
            if denied is None:
                return None
            lacks = f"User is not authorized to perform: {_refused.get() or action}"
            refusal = {"__type": "AccessDeniedException", "message": lacks}
            return 400, {"content-type": "application/x-amz-json-1.1"}, json.dumps(refusal).encode()

    server.permit = permit
