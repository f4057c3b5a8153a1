"""What one service of AWS asks of the caller for another, and where AWS says so."""

ELB = "https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/elb-api-permissions.html"
FLOW_LOGS = "https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-permissions.html"
RDS = "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAM.ServiceLinkedRoles.html"
CACHE = "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/using-service-linked-roles.html"
CACHE_ACCESS = "https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AmazonElastiCacheFullAccess.html"
ECS = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html"
# The handlers' permissions in CloudFormation's schema of AWS::CloudFront::VpcOrigin, and the role, which has a
# principal of its own, vpcorigin.cloudfront.amazonaws.com.
VPC_ORIGINS = (
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudfront-vpcorigin.html"
)
VPC_ROLE = "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-service-linked-roles.html"
CLOUDFRONT = "https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudfront.html"
VENDED = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-infrastructure-V2-service-specific.html"
WAF = "https://docs.aws.amazon.com/waf/latest/developerguide/security_iam_id-based-policy-examples.html"
# By the action that makes AWS ask.
DEPENDENT = {
    "cloudfront:CreateDistribution": {"cloudfront:GetVpcOrigin": CLOUDFRONT, "wafv2:GetWebACL": WAF},
    "cloudfront:UpdateDistribution": {"cloudfront:GetVpcOrigin": CLOUDFRONT, "wafv2:GetWebACL": WAF},
    "logs:PutDeliverySource": {"cloudfront:AllowVendedLogDeliveryForResource": VENDED},
    "cloudfront:CreateVpcOrigin": {
        "ec2:DescribeInstances ec2:DescribeInternetGateways elasticloadbalancing:DescribeLoadBalancers": VPC_ORIGINS,
        "iam:CreateServiceLinkedRole": VPC_ROLE,
    },
    "cloudfront:DeleteVpcOrigin": {
        "ec2:DescribeInstances ec2:DescribeInternetGateways elasticloadbalancing:DescribeLoadBalancers": VPC_ORIGINS,
    },
    "elasticloadbalancing:CreateLoadBalancer": {
        "ec2:GetSecurityGroupsForVpc": "https://github.com/kubernetes-sigs/aws-load-balancer-controller/issues/3917",
        "ec2:DescribeAccountAttributes ec2:DescribeAddresses ec2:DescribeInternetGateways": ELB,
        "ec2:DescribeSecurityGroups ec2:DescribeSubnets ec2:DescribeVpcs iam:CreateServiceLinkedRole": ELB,
    },
    "elasticloadbalancing:CreateTargetGroup": {"ec2:DescribeInternetGateways ec2:DescribeVpcs": ELB},
    "elasticloadbalancing:SetSubnets": {"ec2:DescribeSubnets": ELB},
    "ec2:CreateFlowLogs": {"logs:CreateLogDelivery": FLOW_LOGS},
    "ec2:DeleteFlowLogs": {"logs:DeleteLogDelivery": FLOW_LOGS},
    "rds:CreateDBInstance": {"iam:CreateServiceLinkedRole": RDS},
    "elasticache:CreateReplicationGroup": {
        "iam:CreateServiceLinkedRole": CACHE,
        "ec2:DescribeSecurityGroups ec2:DescribeSubnets ec2:DescribeVpcs": CACHE_ACCESS,
    },
    "ecs:RegisterTaskDefinition": {"iam:PassRole": ECS},
    "ecs:RunTask": {"iam:PassRole": ECS},
}
# The service whose own role is made when there is none yet, for a call that asks for iam:CreateServiceLinkedRole:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_aws-services-that-work-with-iam.html
SERVICE_LINKED_ROLES = {
    "elasticloadbalancing:CreateLoadBalancer": "elasticloadbalancing.amazonaws.com",
    "elasticache:CreateReplicationGroup": "elasticache.amazonaws.com",
    "rds:CreateDBInstance": "rds.amazonaws.com",
    "cloudfront:CreateVpcOrigin": "vpcorigin.cloudfront.amazonaws.com",
    "ecs:CreateCluster": "ecs.amazonaws.com",
    "application-autoscaling:RegisterScalableTarget": "ecs.application-autoscaling.amazonaws.com",
}
