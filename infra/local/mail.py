"""The mail server: Mailpit in a container, which keeps every mail and sends none on."""

import pulumi
import pulumi_command as command
import pulumi_docker as docker

from infra.local.containers import container_options
from infra.local.context import LocalContext
from infra.local.requests import AnswerRequest
from infra.local.server_container import server_container
from infra.steps import step_command, step_input

SMTP_PORT, PAGE_PORT = 1025, 8025
KEPT = 500  # mails; the oldest go first


class Mail(pulumi.ComponentResource):
    """Mailpit, its page published on 127.0.0.1:`mail-port`. The mails are in the container, and go with it.

    Exposes `url` (for the app), which is known only once the server answers, and `page`, where the mails are shown.
    """

    def __init__(self, name: str, context: LocalContext, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("django-stack:local:Mail", name, None, opts)
        settings = context.settings
        own = pulumi.ResourceOptions(parent=self)
        image = docker.RemoteImage(f"{name}-image", name=settings.mail_image, keep_locally=True, opts=own)
        container = docker.Container(
            name,
            **server_container(
                context, "mail", image.image_id, (PAGE_PORT, settings.mail_port), ["CMD", "/mailpit", "readyz"]
            ),
            envs=[
                "MP_DATABASE=/mailpit.db",  # otherwise a restart would empty it
                "MP_DISABLE_VERSION_CHECK=true",
                f"MP_MAX_MESSAGES={KEPT}",
                "MP_SMTP_DISABLE_RDNS=true",
            ],
            destroy_grace_seconds=10,
            opts=container_options(self),
        )
        answers = command.local.Command(
            f"{name}-answers",
            create=step_command("infra.local.steps.answer"),
            add_previous_output_in_env=False,
            stdin=step_input(
                AnswerRequest,
                container=container.id,
                what="The mail server",
                port=settings.mail_port,
                question="GET /readyz HTTP/1.0\r\n\r\n",
                answer="HTTP/1.0 200",
                secrets=[],
            ),
            opts=own,
        )
        self.url: pulumi.Output[str] = answers.id.apply(lambda _: f"smtp://mail:{SMTP_PORT}")
        self.page = f"http://localhost:{settings.mail_port}"
        self.register_outputs({"url": self.url, "page": self.page})
