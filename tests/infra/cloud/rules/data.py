"""Data are private, encrypted, and survive mistakes."""

import json
from collections.abc import Iterator

from tests.infra.cloud.rules.base import (
    BALANCER,
    BUCKET,
    INSTANCE,
    REPOSITORY,
    Break,
    Rule,
    change,
    change_json,
    delete_when_replaced,
    gone,
    unprotect,
)
from tests.infra.conftest import Run

ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration"


def the_database_is_never_public(run: Run) -> Iterator[str]:
    private = {f"{subnet.name}-id" for subnet in run.of_type("aws:ec2/subnet:Subnet") if "private" in subnet.name}
    groups = {group.inputs["name"]: group for group in run.of_type("aws:rds/subnetGroup:SubnetGroup")}
    for database in run.of_type(INSTANCE):
        if database.inputs.get("publiclyAccessible") is not False:
            yield "The database has a public address: a guessed or leaked password is then enough to read everything."
        group = groups.get(database.inputs.get("dbSubnetGroupName"))
        if group is None:
            yield "The database stands in a network that isn't this stack's, by AWS's default in a public subnet."
        elif not set(group.inputs["subnetIds"]) <= private:
            yield "The database stands in a public subnet: one changed flag would put it on the internet."
    private_routes = [r for r in run.of_type("aws:ec2/route:Route") if "private" in r.inputs["routeTableId"]]
    if private_routes:
        yield "The database's subnets have a route out of the network, which nothing in them needs."
    routed = {
        association.inputs["subnetId"]
        for association in run.of_type("aws:ec2/routeTableAssociation:RouteTableAssociation")
        if "private" in association.inputs["routeTableId"]
    }
    if not private or private - routed:
        yield "The database's subnets have no route table of their own, so the network's main one decides."


def the_database_takes_tls_only(run: Run) -> Iterator[str]:
    groups = run.of_type("aws:rds/parameterGroup:ParameterGroup")
    for database in run.of_type(INSTANCE):
        used = database.inputs.get("parameterGroupName", "")
        if not any(used.startswith(group.inputs["namePrefix"]) for group in groups):
            yield "The database has no parameters of this stack's: whether it takes TLS only is AWS's default to say."
    for group in groups:
        values = {entry["name"]: entry["value"] for entry in group.inputs.get("parameters", [])}
        if values.get("rds.force_ssl") != "1":
            yield "The database takes connections in clear: passwords and data could be read on the way."
    if "sslmode=verify-full" not in run.outputs["DATABASE_URL"]:
        yield "The app doesn't check whose database it talks to: anyone in the way could pose as it."


def stored_data_is_encrypted(run: Run) -> Iterator[str]:
    for database in run.of_type(INSTANCE):
        if database.inputs.get("storageEncrypted") is not True:
            yield "The database's storage isn't encrypted, and can't be later without a move of all data."
    rules = [
        rule["applyServerSideEncryptionByDefault"]["sseAlgorithm"]
        for token in (f"{ENCRYPTION}:BucketServerSideEncryptionConfiguration",)
        for encryption in run.of_type(token)
        for rule in encryption.inputs["rules"]
    ]
    if len(rules) != len(run.of_type(BUCKET)) or not rules or not set(rules) <= {"AES256", "aws:kms", "aws:kms:dsse"}:
        yield "The bucket's encryption is left to AWS's default, which an account can change."
    for repository in run.of_type(REPOSITORY):
        if not repository.inputs.get("encryptionConfigurations"):
            yield "The registry's encryption isn't stated."


def the_bucket_is_private(run: Run) -> Iterator[str]:
    blocks = run.of_type("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock")
    switches = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    if len(blocks) != len(run.of_type(BUCKET)) or not all(
        block.inputs.get(switch) is True for block in blocks for switch in switches
    ):
        yield "A bucket doesn't block public access: one careless policy would show all uploads to the world."
    owners = [
        ownership.inputs["rule"]["objectOwnership"]
        for ownership in run.of_type("aws:s3/bucketOwnershipControls:BucketOwnershipControls")
    ]
    if owners != ["BucketOwnerEnforced"] * len(blocks) or not owners:
        yield "A bucket takes ACLs, with which single files can be made public unnoticed."
    policies = run.of_type("aws:s3/bucketPolicy:BucketPolicy")
    if len(policies) != len(run.of_type(BUCKET)) or not policies:
        yield "A bucket has no policy, so it takes requests in clear."
    for policy in policies:
        statements = json.loads(policy.inputs["policy"])["Statement"]
        for statement in statements:
            if statement["Effect"] == "Allow" and statement["Principal"] in ("*", {"AWS": "*"}):
                yield "The bucket's policy lets everybody in; public media go through CloudFront."
        if not any(s["Effect"] == "Deny" and "aws:SecureTransport" in json.dumps(s) for s in statements):
            yield "The bucket takes requests in clear."


def overwritten_files_are_kept_a_while(run: Run) -> Iterator[str]:
    states = [
        versioning.inputs["versioningConfiguration"]["status"]
        for versioning in run.of_type("aws:s3/bucketVersioning:BucketVersioning")
    ]
    kept = {versioning.inputs["bucket"] for versioning in run.of_type("aws:s3/bucketVersioning:BucketVersioning")}
    if states != ["Enabled"]:
        yield "The bucket keeps no versions: an overwritten or deleted upload is gone."
    rules = [
        rule
        for lifecycle in run.of_type("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration")
        for rule in lifecycle.inputs["rules"]
        if rule["status"] == "Enabled" and lifecycle.inputs["bucket"] in kept
    ]
    if not any(rule.get("noncurrentVersionExpiration", {}).get("noncurrentDays", 0) >= 30 for rule in rules):
        yield "Old versions of uploads are kept for ever, and billed, or go before anybody misses them."
    if any(rule.get("expiration") for rule in rules):
        yield "Uploads that are in use come to an end by themselves."


def static_files_stay_when_a_version_is_replaced(run: Run) -> Iterator[str]:
    days = [
        rule["expiration"]["days"]
        for lifecycle in run.of_type("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration")
        for rule in lifecycle.inputs["rules"]
        if lifecycle.name.startswith("static-files") and "expiration" in rule
    ]
    if not days or min(days) < 90:
        yield "Static files of a version that still runs are gone when the next one is rolled out, or none ever go."
    for distribution in run.of_type("aws:cloudfront/distribution:Distribution"):
        groups = {group["originId"]: group for group in distribution.inputs.get("originGroups") or []}
        for behavior in distribution.inputs.get("orderedCacheBehaviors") or []:
            group = groups.get(behavior["targetOriginId"], {"members": []})
            if behavior["pathPattern"] == "/static/*" and [one["originId"] for one in group["members"]] != [
                "static-files",
                "load-balancer",
            ]:
                yield "In a roll-out, pages of one version ask tasks of the other for static files."


def logs_in_a_bucket_end_some_day(run: Run) -> Iterator[str]:
    for bucket in run.of_type(BUCKET):
        if "-logs-" not in bucket.inputs["bucketPrefix"]:
            continue
        ends = [
            rule.get("expiration", {}).get("days")
            for lifecycle in run.of_type("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration")
            for rule in lifecycle.inputs["rules"]
            if lifecycle.inputs["bucket"].startswith(bucket.inputs["bucketPrefix"])
        ]
        if not ends or not all(ends):
            yield "The bucket keeps logs for ever: visitors' addresses too, and it's billed."


def data_survives_a_slip_of_the_hand(run: Run) -> Iterator[str]:
    for data in (*run.of_type(INSTANCE), *run.of_type(BUCKET)):
        if data.name == "static-files":  # the images have them all
            continue
        # While a database is made from a backup, only AWS protects it: Pulumi must replace it, and forgets the old. A
        # bucket of logs is protected by nobody, and not deleted.
        restored = data.inputs.get("snapshotIdentifier") or data.inputs.get("restoreToPointInTime")
        if not data.request.protect and not (data.request.retainOnDelete and (restored or data.type == BUCKET)):
            yield f"{data.name} isn't protected: `pulumi destroy`, or a change that replaces it, takes the data away."
        if data.inputs.get("forceDestroy"):
            yield f"{data.name} is emptied when it's deleted."
    for database in run.of_type(INSTANCE):
        if database.inputs.get("deletionProtection") is not True:
            yield "The database can be deleted by one click in AWS's console."
        if database.inputs.get("skipFinalSnapshot") is not False or not database.inputs.get("finalSnapshotIdentifier"):
            yield "A deleted database leaves no last snapshot."
        if database.inputs.get("backupRetentionPeriod", 0) < 1:
            yield "The database has no backups."
    for balancer in run.of_type(BALANCER):
        if balancer.inputs.get("enableDeletionProtection") is not True:
            yield "The load balancer can be deleted by one click in AWS's console, and the site with it."


RULES: list[Rule] = [
    the_database_is_never_public,
    the_database_takes_tls_only,
    stored_data_is_encrypted,
    the_bucket_is_private,
    overwritten_files_are_kept_a_while,
    static_files_stay_when_a_version_is_replaced,
    logs_in_a_bucket_end_some_day,
    data_survives_a_slip_of_the_hand,
]
OF_PARTS_THAT_ARE_THERE: list[Rule] = [
    logs_in_a_bucket_end_some_day,
    the_database_takes_tls_only,
    data_survives_a_slip_of_the_hand,
]
BREAKS = [
    Break("database-subnets", gone, "a network that isn't this stack's"),
    Break("network-private-a-routes", gone, "no route table of their own"),
    Break("database-parameters", gone, "no parameters of this stack's"),
    Break("media-encryption", gone, "left to AWS's default"),
    Break(
        "media-encryption",
        change(rules=[{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "none"}}]),
        "left to AWS's default",
    ),
    Break("media-private", gone, "doesn't block public access"),
    Break("media-ownership", gone, "takes ACLs"),
    Break("media-policy", gone, "no policy"),
    Break("static-files-lifecycle", gone, "or none ever go"),
    Break("static-files-lifecycle", change(rules=[{"status": "Enabled", "expiration": {"days": 30}}]), "still runs"),
    Break("static-files-policy", gone, "no policy"),
    Break("static-files-encryption", gone, "left to AWS's default"),
    Break("static-files-ownership", gone, "takes ACLs"),
    Break("static-files-private", gone, "doesn't block public access"),
    Break("address-cloudfront", change(originGroups=[]), "ask tasks of the other"),
    Break("logs-private", gone, "doesn't block public access", "logs"),
    Break("logs-ownership", gone, "takes ACLs", "logs"),
    Break("logs-policy", gone, "has no policy", "logs"),
    Break("logs-lifecycle", gone, "keeps logs for ever", "logs"),
    Break("logs-lifecycle", change(rules=[{"status": "Enabled"}]), "keeps logs for ever", "logs"),
    Break("logs", lambda bucket: setattr(bucket.request, "retainOnDelete", False), "logs isn't protected", "logs"),
    Break("media-versions", gone, "keeps no versions"),
    Break("media-lifecycle", gone, "kept for ever"),
    Break("media-lifecycle", change(rules=[{"status": "Enabled", "expiration": {"days": 90}}]), "come to an end"),
    Break("image-repository", change(encryptionConfigurations=[]), "encryption isn't stated"),
    Break("database", change(publiclyAccessible=True), "has a public address"),
    Break("database-subnets", change(subnetIds=["network-public-0-id"]), "in a public subnet"),
    Break("network-to-world", change(routeTableId="network-private-id"), "route out of the network"),
    Break("database-parameters", change(parameters=[]), "takes connections in clear"),
    Break("database", change(storageEncrypted=False), "isn't encrypted"),
    Break("media-private", change(blockPublicPolicy=False), "doesn't block public access"),
    Break("media-ownership", change(rule={"objectOwnership": "ObjectWriter"}), "takes ACLs"),
    Break(
        "media-policy",
        change_json("policy", lambda policy: policy["Statement"][0].update(Effect="Allow", Principal="*")),
        "lets everybody in",
    ),
    Break("media-versions", change(versioningConfiguration={"status": "Suspended"}), "keeps no versions"),
    Break("database", unprotect, "isn't protected"),
    Break("media", unprotect, "isn't protected"),
    Break("database", change(deletionProtection=False), "deleted by one click"),
    Break("address-load-balancer", change(enableDeletionProtection=False), "and the site with it"),
    Break("database", change(skipFinalSnapshot=True), "no last snapshot"),
    Break("database", delete_when_replaced, "isn't protected", variant="from a snapshot"),
    Break("database", change(backupRetentionPeriod=0), "no backups"),
]
