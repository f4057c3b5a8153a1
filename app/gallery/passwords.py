"""A forgotten password, by Django's own views in the gallery's look. The link in the mail works once, for an hour."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import views
from django.http import HttpRequest
from django.urls import path


class Ask(views.PasswordResetView):
    """Asks for an address, and sends mail there if an account has it."""

    template_name = "gallery/password/ask.html"
    email_template_name = "gallery/password/mail.txt"
    subject_template_name = "gallery/password/subject.txt"

    def form_valid(self, form: Any) -> Any:
        """Puts the site's own address into the link, not the host that the request names: its sender chooses that one,
        and it may be an alias."""
        site = urlsplit(getattr(settings, "SITE_URL", ""))
        self.extra_email_context = {"protocol": site.scheme, "domain": site.netloc} if site.netloc else None
        return super().form_valid(form)


class Choose(views.PasswordResetConfirmView):
    """Asks for the new password. The link's token is in the query, since that is never logged, as the path is."""

    template_name = "gallery/password/new.html"

    def dispatch(self, request: HttpRequest, *arguments: Any, **options: Any) -> Any:
        token = request.GET.get("token", self.reset_url_token)
        return super().dispatch(request, *arguments, **options, token=token)


urlpatterns = [
    path("forgotten/", Ask.as_view(), name="password_reset"),
    path(
        "sent/",
        views.PasswordResetDoneView.as_view(template_name="gallery/password/sent.html"),
        name="password_reset_done",
    ),
    path("new/<uidb64>/", Choose.as_view(), name="password_reset_confirm"),
    path(
        "changed/",
        views.PasswordResetCompleteView.as_view(template_name="gallery/password/changed.html"),
        name="password_reset_complete",
    ),
]
