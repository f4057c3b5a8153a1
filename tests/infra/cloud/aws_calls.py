"""What a deployment asks of AWS: through the provider for each type of resource, and by our own programs."""

# What the provider calls for each type of resource: to make, read, change and remove it, to tag and to untag it.
CALLS = {
    "acm/certificate:Certificate": """
        acm:RequestCertificate acm:DescribeCertificate acm:DeleteCertificate
        acm:AddTagsToCertificate acm:RemoveTagsFromCertificate acm:ListTagsForCertificate""",
    "acm/certificateValidation:CertificateValidation": "acm:DescribeCertificate",
    "appautoscaling/policy:Policy": """
        application-autoscaling:PutScalingPolicy application-autoscaling:DescribeScalingPolicies
        application-autoscaling:DeleteScalingPolicy
        cloudwatch:PutMetricAlarm cloudwatch:DescribeAlarms cloudwatch:DeleteAlarms
        ecs:DescribeServices ecs:UpdateService""",
    "appautoscaling/target:Target": """
        application-autoscaling:RegisterScalableTarget application-autoscaling:DescribeScalableTargets
        application-autoscaling:DeregisterScalableTarget application-autoscaling:TagResource
        application-autoscaling:UntagResource application-autoscaling:ListTagsForResource
        iam:CreateServiceLinkedRole""",
    "budgets/budget:Budget": """
        budgets:ModifyBudget budgets:ViewBudget
        budgets:TagResource budgets:UntagResource budgets:ListTagsForResource""",
    "cloudfront/distribution:Distribution": """
        cloudfront:CreateDistribution cloudfront:GetDistribution
        cloudfront:UpdateDistribution cloudfront:DeleteDistribution
        cloudfront:TagResource cloudfront:UntagResource cloudfront:ListTagsForResource""",
    "cloudfront/function:Function": """
        cloudfront:CreateFunction cloudfront:DescribeFunction cloudfront:GetFunction cloudfront:PublishFunction
        cloudfront:UpdateFunction cloudfront:DeleteFunction
        cloudfront:TagResource cloudfront:UntagResource cloudfront:ListTagsForResource""",
    "cloudfront/keyValueStore:KeyValueStore": """
        cloudfront:CreateKeyValueStore cloudfront:DescribeKeyValueStore cloudfront:UpdateKeyValueStore
        cloudfront:DeleteKeyValueStore
        cloudfront:TagResource cloudfront:UntagResource cloudfront:ListTagsForResource""",
    "cloudfront/originAccessControl:OriginAccessControl": """
        cloudfront:CreateOriginAccessControl cloudfront:GetOriginAccessControl cloudfront:UpdateOriginAccessControl
        cloudfront:DeleteOriginAccessControl""",
    "cloudfront/responseHeadersPolicy:ResponseHeadersPolicy": """
        cloudfront:CreateResponseHeadersPolicy cloudfront:GetResponseHeadersPolicy
        cloudfront:UpdateResponseHeadersPolicy cloudfront:DeleteResponseHeadersPolicy""",
    "cloudfront/vpcOrigin:VpcOrigin": """
        cloudfront:CreateVpcOrigin cloudfront:GetVpcOrigin cloudfront:UpdateVpcOrigin cloudfront:DeleteVpcOrigin
        cloudfront:TagResource cloudfront:UntagResource cloudfront:ListTagsForResource iam:CreateServiceLinkedRole""",
    "cloudwatch/dashboard:Dashboard": "cloudwatch:PutDashboard cloudwatch:GetDashboard cloudwatch:DeleteDashboards",
    "cloudwatch/eventRule:EventRule": """
        events:PutRule events:DescribeRule events:DeleteRule
        events:TagResource events:UntagResource events:ListTagsForResource""",
    "cloudwatch/eventTarget:EventTarget": "events:PutTargets events:ListTargetsByRule events:RemoveTargets",
    "cloudwatch/logGroup:LogGroup": """
        logs:CreateLogGroup logs:DescribeLogGroups logs:PutRetentionPolicy logs:DeleteRetentionPolicy
        logs:DeleteLogGroup logs:TagResource logs:UntagResource logs:ListTagsForResource""",
    "cloudwatch/logDelivery:LogDelivery": """
        logs:CreateDelivery logs:GetDelivery logs:DeleteDelivery
        logs:TagResource logs:UntagResource logs:ListTagsForResource""",
    "cloudwatch/logDeliveryDestination:LogDeliveryDestination": """
        logs:PutDeliveryDestination logs:GetDeliveryDestination logs:DeleteDeliveryDestination
        logs:TagResource logs:UntagResource logs:ListTagsForResource""",
    "cloudwatch/logDeliverySource:LogDeliverySource": """
        logs:PutDeliverySource logs:GetDeliverySource logs:DeleteDeliverySource
        logs:TagResource logs:UntagResource logs:ListTagsForResource""",
    "cloudwatch/metricAlarm:MetricAlarm": """
        cloudwatch:PutMetricAlarm cloudwatch:DescribeAlarms cloudwatch:DeleteAlarms
        cloudwatch:TagResource cloudwatch:UntagResource cloudwatch:ListTagsForResource""",
    "ec2/defaultSecurityGroup:DefaultSecurityGroup": """
        ec2:DescribeSecurityGroups ec2:RevokeSecurityGroupEgress ec2:RevokeSecurityGroupIngress""",
    "ec2/flowLog:FlowLog": """
        ec2:CreateFlowLogs ec2:DescribeFlowLogs ec2:DeleteFlowLogs ec2:CreateTags ec2:DeleteTags""",
    "ec2/internetGateway:InternetGateway": """
        ec2:CreateInternetGateway ec2:AttachInternetGateway ec2:DescribeInternetGateways ec2:DetachInternetGateway
        ec2:DeleteInternetGateway ec2:CreateTags ec2:DeleteTags""",
    "ec2/natGateway:NatGateway": """
        ec2:CreateNatGateway ec2:DescribeNatGateways ec2:DeleteNatGateway ec2:CreateTags ec2:DeleteTags""",
    "ec2/route:Route": "ec2:CreateRoute ec2:DescribeRouteTables ec2:ReplaceRoute ec2:DeleteRoute",
    "ec2/routeTable:RouteTable": """
        ec2:CreateRouteTable ec2:DescribeRouteTables ec2:DisassociateRouteTable ec2:DeleteRouteTable
        ec2:CreateTags ec2:DeleteTags""",
    "ec2/routeTableAssociation:RouteTableAssociation": """
        ec2:AssociateRouteTable ec2:ReplaceRouteTableAssociation ec2:DisassociateRouteTable""",
    "ec2/securityGroup:SecurityGroup": """
        ec2:CreateSecurityGroup ec2:DescribeSecurityGroups ec2:RevokeSecurityGroupEgress ec2:DeleteSecurityGroup
        ec2:DescribeNetworkInterfaces ec2:CreateTags ec2:DeleteTags""",
    "ec2/subnet:Subnet": """
        ec2:CreateSubnet ec2:DescribeSubnets ec2:ModifySubnetAttribute ec2:DescribeNetworkInterfaces
        ec2:DeleteSubnet ec2:CreateTags ec2:DeleteTags""",
    "ec2/vpc:Vpc": """
        ec2:CreateVpc ec2:DescribeVpcs ec2:DescribeVpcAttribute ec2:ModifyVpcAttribute ec2:DeleteVpc
        ec2:DescribeNetworkAcls ec2:DescribeRouteTables ec2:DescribeSecurityGroups ec2:CreateTags ec2:DeleteTags""",
    "ec2/vpcEndpoint:VpcEndpoint": """
        ec2:CreateVpcEndpoint ec2:DescribeVpcEndpoints ec2:DescribePrefixLists ec2:ModifyVpcEndpoint
        ec2:DeleteVpcEndpoints ec2:CreateTags ec2:DeleteTags""",
    "ecr/lifecyclePolicy:LifecyclePolicy": """
        ecr:PutLifecyclePolicy ecr:GetLifecyclePolicy ecr:DeleteLifecyclePolicy""",
    "ecr/repository:Repository": """
        ecr:CreateRepository ecr:DescribeRepositories ecr:PutImageTagMutability ecr:PutImageScanningConfiguration
        ecr:DeleteRepository ecr:TagResource ecr:UntagResource ecr:ListTagsForResource""",
    "ecs/cluster:Cluster": """
        ecs:CreateCluster ecs:DescribeClusters ecs:UpdateCluster ecs:DeleteCluster
        ecs:TagResource ecs:UntagResource ecs:ListTagsForResource iam:CreateServiceLinkedRole""",
    "ecs/service:Service": """
        ecs:CreateService ecs:DescribeServices ecs:UpdateService ecs:DeleteService
        ecs:TagResource ecs:UntagResource ecs:ListTagsForResource""",
    "ecs/taskDefinition:TaskDefinition": """
        ecs:RegisterTaskDefinition ecs:DescribeTaskDefinition ecs:DeregisterTaskDefinition
        ecs:TagResource ecs:UntagResource ecs:ListTagsForResource iam:PassRole""",
    "iam/role:Role": """
        iam:CreateRole iam:GetRole iam:UpdateAssumeRolePolicy iam:ListRolePolicies iam:ListAttachedRolePolicies
        iam:ListInstanceProfilesForRole iam:DeleteRole iam:TagRole iam:UntagRole iam:PutRolePermissionsBoundary""",
    "iam/rolePolicy:RolePolicy": "iam:PutRolePolicy iam:GetRolePolicy iam:DeleteRolePolicy",
    "lb/listener:Listener": """
        elasticloadbalancing:CreateListener elasticloadbalancing:DescribeListeners elasticloadbalancing:ModifyListener
        elasticloadbalancing:DescribeListenerAttributes elasticloadbalancing:ModifyListenerAttributes
        elasticloadbalancing:DeleteListener elasticloadbalancing:AddTags elasticloadbalancing:RemoveTags
        elasticloadbalancing:DescribeTags""",
    "lb/loadBalancer:LoadBalancer": """
        elasticloadbalancing:CreateLoadBalancer elasticloadbalancing:DescribeLoadBalancers
        elasticloadbalancing:DescribeLoadBalancerAttributes elasticloadbalancing:ModifyLoadBalancerAttributes
        elasticloadbalancing:SetSecurityGroups elasticloadbalancing:SetSubnets elasticloadbalancing:DeleteLoadBalancer
        elasticloadbalancing:AddTags elasticloadbalancing:RemoveTags
        ec2:DescribeNetworkInterfaces iam:CreateServiceLinkedRole""",
    "lb/targetGroup:TargetGroup": """
        elasticloadbalancing:CreateTargetGroup elasticloadbalancing:DescribeTargetGroups
        elasticloadbalancing:DescribeTargetGroupAttributes elasticloadbalancing:ModifyTargetGroup
        elasticloadbalancing:ModifyTargetGroupAttributes elasticloadbalancing:DeleteTargetGroup
        elasticloadbalancing:AddTags elasticloadbalancing:RemoveTags""",
    "elasticache/parameterGroup:ParameterGroup": """
        elasticache:CreateCacheParameterGroup elasticache:DescribeCacheParameterGroups
        elasticache:DescribeCacheParameters elasticache:ModifyCacheParameterGroup elasticache:ResetCacheParameterGroup
        elasticache:DeleteCacheParameterGroup
        elasticache:AddTagsToResource elasticache:RemoveTagsFromResource elasticache:ListTagsForResource""",
    "elasticache/replicationGroup:ReplicationGroup": """
        elasticache:CreateReplicationGroup elasticache:DescribeReplicationGroups elasticache:DescribeCacheClusters
        elasticache:ModifyReplicationGroup elasticache:IncreaseReplicaCount elasticache:DecreaseReplicaCount
        elasticache:DeleteReplicationGroup
        elasticache:AddTagsToResource elasticache:RemoveTagsFromResource elasticache:ListTagsForResource
        iam:CreateServiceLinkedRole""",
    "elasticache/subnetGroup:SubnetGroup": """
        elasticache:CreateCacheSubnetGroup elasticache:DescribeCacheSubnetGroups elasticache:ModifyCacheSubnetGroup
        elasticache:DeleteCacheSubnetGroup
        elasticache:AddTagsToResource elasticache:RemoveTagsFromResource elasticache:ListTagsForResource""",
    "rds/instance:Instance": """
        rds:CreateDBInstance rds:DescribeDBInstances rds:ModifyDBInstance rds:RebootDBInstance rds:DeleteDBInstance
        rds:RestoreDBInstanceFromDBSnapshot rds:RestoreDBInstanceToPointInTime
        rds:CreateDBSnapshot rds:AddTagsToResource rds:RemoveTagsFromResource rds:ListTagsForResource
        iam:CreateServiceLinkedRole""",
    "rds/parameterGroup:ParameterGroup": """
        rds:CreateDBParameterGroup rds:DescribeDBParameterGroups rds:DescribeDBParameters rds:ModifyDBParameterGroup
        rds:ResetDBParameterGroup rds:DeleteDBParameterGroup
        rds:AddTagsToResource rds:RemoveTagsFromResource rds:ListTagsForResource""",
    "rds/subnetGroup:SubnetGroup": """
        rds:CreateDBSubnetGroup rds:DescribeDBSubnetGroups rds:ModifyDBSubnetGroup rds:DeleteDBSubnetGroup
        rds:AddTagsToResource rds:RemoveTagsFromResource rds:ListTagsForResource""",
    "route53/record:Record": """
        route53:ChangeResourceRecordSets route53:GetChange route53:GetHostedZone route53:ListResourceRecordSets""",
    "s3/bucket:Bucket": """
        s3:CreateBucket s3:ListBucket s3:GetBucketAcl s3:GetBucketCORS s3:GetBucketLogging s3:GetBucketLocation
        s3:GetBucketObjectLockConfiguration s3:GetBucketPolicy s3:GetBucketRequestPayment s3:GetBucketTagging
        s3:GetBucketVersioning s3:GetBucketWebsite s3:GetAccelerateConfiguration s3:GetEncryptionConfiguration
        s3:GetLifecycleConfiguration s3:GetReplicationConfiguration s3:PutBucketTagging
        s3:ListBucketVersions s3:DeleteObject s3:DeleteObjectVersion s3:DeleteBucket
        s3:TagResource s3:UntagResource s3:ListTagsForResource""",
    "s3/bucketCorsConfiguration:BucketCorsConfiguration": "s3:GetBucketCORS s3:PutBucketCORS",
    "s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": """
        s3:GetLifecycleConfiguration s3:PutLifecycleConfiguration""",
    "s3/bucketLogging:BucketLogging": "s3:GetBucketLogging s3:PutBucketLogging",
    "s3/bucketOwnershipControls:BucketOwnershipControls": """
        s3:GetBucketOwnershipControls s3:PutBucketOwnershipControls""",
    "s3/bucketPolicy:BucketPolicy": "s3:GetBucketPolicy s3:PutBucketPolicy s3:DeleteBucketPolicy",
    "s3/bucketPublicAccessBlock:BucketPublicAccessBlock": """
        s3:GetBucketPublicAccessBlock s3:PutBucketPublicAccessBlock""",
    "s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": """
        s3:GetEncryptionConfiguration s3:PutEncryptionConfiguration""",
    "s3/bucketVersioning:BucketVersioning": "s3:GetBucketVersioning s3:PutBucketVersioning",
    "scheduler/schedule:Schedule": """
        scheduler:CreateSchedule scheduler:GetSchedule scheduler:UpdateSchedule scheduler:DeleteSchedule
        iam:PassRole""",
    "scheduler/scheduleGroup:ScheduleGroup": """
        scheduler:CreateScheduleGroup scheduler:GetScheduleGroup scheduler:DeleteScheduleGroup
        scheduler:TagResource scheduler:UntagResource scheduler:ListTagsForResource""",
    "secretsmanager/secret:Secret": """
        secretsmanager:CreateSecret secretsmanager:DescribeSecret secretsmanager:GetResourcePolicy
        secretsmanager:UpdateSecret secretsmanager:DeleteSecret secretsmanager:TagResource
        secretsmanager:UntagResource""",
    "secretsmanager/secretVersion:SecretVersion": """
        secretsmanager:PutSecretValue secretsmanager:GetSecretValue secretsmanager:DescribeSecret
        secretsmanager:UpdateSecretVersionStage""",
    "sesv2/emailIdentity:EmailIdentity": """
        ses:CreateEmailIdentity ses:GetEmailIdentity ses:PutEmailIdentityDkimSigningAttributes ses:DeleteEmailIdentity
        ses:TagResource ses:UntagResource ses:ListTagsForResource""",
    "sns/topic:Topic": """
        sns:CreateTopic sns:GetTopicAttributes sns:SetTopicAttributes sns:DeleteTopic
        sns:TagResource sns:UntagResource sns:ListTagsForResource""",
    "sns/topicPolicy:TopicPolicy": "sns:SetTopicAttributes sns:GetTopicAttributes",
    "sns/topicSubscription:TopicSubscription": """
        sns:Subscribe sns:GetSubscriptionAttributes sns:SetSubscriptionAttributes sns:Unsubscribe""",
    "vpc/securityGroupEgressRule:SecurityGroupEgressRule": """
        ec2:AuthorizeSecurityGroupEgress ec2:DescribeSecurityGroupRules ec2:ModifySecurityGroupRules
        ec2:RevokeSecurityGroupEgress ec2:CreateTags ec2:DeleteTags""",
    "vpc/securityGroupIngressRule:SecurityGroupIngressRule": """
        ec2:AuthorizeSecurityGroupIngress ec2:DescribeSecurityGroupRules ec2:ModifySecurityGroupRules
        ec2:RevokeSecurityGroupIngress ec2:CreateTags ec2:DeleteTags""",
    "wafv2/webAcl:WebAcl": """
        wafv2:CreateWebACL wafv2:GetWebACL wafv2:UpdateWebACL wafv2:DeleteWebACL
        wafv2:TagResource wafv2:UntagResource wafv2:ListTagsForResource""",
}
# What the program asks AWS through the provider, and what our own programs call.
FUNCTIONS = "ec2:DescribeAvailabilityZones ec2:DescribeManagedPrefixLists ec2:GetManagedPrefixListEntries"
PROGRAMS = """
    ecs:RunTask ecs:StopTask ecs:DescribeTasks ecs:ListTasks ecs:DescribeServices ecs:UpdateService
    ecs:ListTaskDefinitions ecs:DescribeTaskDefinition ecs:RegisterTaskDefinition ecs:DeregisterTaskDefinition
    logs:GetLogEvents iam:PassRole rds:DescribeDBInstances rds:DescribeDBSnapshots
    rds:DescribeDBInstanceAutomatedBackups freetier:GetAccountPlanState servicequotas:GetServiceQuota
    ecr:GetAuthorizationToken ecr:DescribeImages ecr:BatchCheckLayerAvailability
    ecr:BatchGetImage ecr:GetDownloadUrlForLayer ecr:InitiateLayerUpload ecr:UploadLayerPart ecr:CompleteLayerUpload
    ecr:PutImage logs:FilterLogEvents secretsmanager:GetSecretValue cloudwatch:DescribeAlarms
    elasticloadbalancing:DescribeTargetHealth ses:GetAccount"""
# What the commands of `django-stack` call, for which there is a policy of its own. AWS's Session Manager plugin opens
# the channel of a session, and resumes one whose connection broke.
COMMANDS = """
    ecs:DescribeServices ecs:DescribeTaskDefinition ecs:DescribeTasks ecs:ExecuteCommand ecs:ListServices
    ecs:ListTaskDefinitions ecs:ListTasks ecs:RunTask ecs:StopTask ecs:TagResource iam:PassRole
    ecr:DescribeImages logs:FilterLogEvents logs:GetLogEvents secretsmanager:GetSecretValue s3:ListBucket
    rds:DescribeDBInstances
    cloudwatch:DescribeAlarms cloudwatch:GetMetricData elasticloadbalancing:DescribeTargetHealth
    ce:GetCostAndUsage scheduler:ListSchedules scheduler:GetSchedule
    ssm:StartSession ssm:ResumeSession ssm:TerminateSession ssmmessages:OpenDataChannel
    cloudfront:DescribeKeyValueStore cloudfront-keyvaluestore:DescribeKeyValueStore cloudfront-keyvaluestore:ListKeys
    cloudfront-keyvaluestore:UpdateKeys"""
# Lists, of which AWS asks whether everything may be seen, whatever the reference says of single ones.
LISTS = {
    "ce:GetCostAndUsage",
    "cloudwatch:DescribeAlarms",
    "cloudwatch:GetMetricData",
    "ecs:ListTasks",
    "rds:DescribeDBInstances",
}
