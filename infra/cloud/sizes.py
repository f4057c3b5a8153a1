"""The sizes that AWS has: of tasks, of databases and their connections, of logs' lives.

Fargate: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html
PostgreSQL's connections: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html
"""

# CPU units (1024 are one vCPU), and the amounts of memory in MiB that each may have.
FARGATE_SIZES = {
    256: (512, 1024, 2048),
    512: range(1024, 4097, 1024),
    1024: range(2048, 8193, 1024),
    2048: range(4096, 16385, 1024),
    4096: range(8192, 30721, 1024),
    8192: range(16384, 61441, 4096),
    16384: range(32768, 122881, 8192),
}
# Days that CloudWatch can keep a log.
LOG_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)

# The memory in GiB of the first size in a family of database classes; each following size doubles it.
_SIZES = {
    ("t3", "t4g"): (1, ("micro", "small", "medium", "large", "xlarge", "2xlarge")),
    ("m5", "m6g", "m6i", "m7g", "m7i", "m8g"): (8, ("large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "16xlarge")),
    ("r5", "r6g", "r6i", "r7g", "r7i", "r8g"): (16, ("large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "16xlarge")),
}
DATABASE_CLASSES = {
    f"db.{family}.{size}": first << step
    for families, (first, sizes) in _SIZES.items()
    for family in families
    for step, size in enumerate(sizes)
}
FAMILIES = ", ".join(family for families in _SIZES for family in families)
# Node classes that Valkey can have: https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheNodes.SupportedTypes.html
_CACHE_SIZES = {
    ("t3", "t4g"): ("micro", "small", "medium"),
    ("m5", "r5"): ("large", "xlarge", "2xlarge", "4xlarge", "12xlarge", "24xlarge"),
    ("m6g", "m7g", "r6g", "r7g"): ("large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge"),
}
CACHE_CLASSES = tuple(
    f"cache.{family}.{size}" for families, sizes in _CACHE_SIZES.items() for family in families for size in sizes
)
CACHE_FAMILIES = ", ".join(family for families in _CACHE_SIZES for family in families)
KEPT_CONNECTIONS = 5  # reserved for superusers by PostgreSQL and for RDS itself
THREADS = 4  # of a web worker, as in the app's gunicorn configuration

# The letters of zones; a network has two blocks for each, of a sixteenth of its addresses.
ZONES = "abcdefgh"


def connections(database_class: str) -> int:
    """PostgreSQL's max_connections on a class: RDS allows one for each 9531392 bytes that it doesn't use itself.

    AWS doesn't publish what RDS uses; a quarter GiB and 7 % is slightly more than what we saw on t3 and t4g.
    """
    usable = DATABASE_CLASSES[database_class] * 0.93 - 0.25
    return min(int(usable * 2**30 / 9531392), 5000)
