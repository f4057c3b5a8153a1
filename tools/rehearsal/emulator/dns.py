"""DNS for the tasks: AWS's names lead to the emulator, all others go to Docker's own resolver."""

from dnslib import QTYPE, RCODE, RR, A, DNSRecord
from dnslib.server import BaseResolver, DNSHandler, DNSLogger, DNSServer

DOCKER = "127.0.0.11"
AWS = (".amazonaws.com", ".cloudfront.net")


class Resolver(BaseResolver):  # type: ignore[misc]  # dnslib has no types
    """Answers for AWS's names with the emulator's address."""

    def __init__(self, address: str) -> None:
        self._address = address

    def resolve(self, request: DNSRecord, handler: DNSHandler) -> DNSRecord:
        """The answer to one question; SERVFAIL when Docker's resolver gives none."""
        name = request.q.qname
        if not str(name).rstrip(".").lower().endswith(AWS):
            try:
                return DNSRecord.parse(request.send(DOCKER, 53, tcp=handler.protocol == "tcp", timeout=5))
            except (OSError, EOFError):
                reply = request.reply()
                reply.header.rcode = RCODE.SERVFAIL
                return reply
        reply = request.reply()
        if request.q.qtype in {QTYPE.A, QTYPE.ANY}:
            reply.add_answer(RR(name, QTYPE.A, rdata=A(self._address), ttl=5))
        return reply


def start(address: str) -> None:
    """Serves DNS over UDP and TCP on `address`, in threads of its own."""
    quiet = DNSLogger("-request,-reply,-truncated,-error,-recv,-send,-data", prefix=False)
    for tcp in (False, True):
        DNSServer(Resolver(address), address=address, port=53, tcp=tcp, logger=quiet).start_thread()
