"""The gallery's pages. Everybody may view pictures; users who are logged in may upload, and delete their own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.core.exceptions import PermissionDenied
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse_lazy
from django.utils import timezone
from django.views.generic import CreateView, DeleteView, DetailView, ListView

from gallery.count import CountedPages
from gallery.forms import PictureForm
from gallery.models import Picture
from gallery.tasks import has_worker

PATIENCE = timedelta(minutes=10)  # after that, a picture without a thumbnail is shown itself


class Index(ListView):
    """The newest pictures, twelve on each page.

    A thumbnail that is on its way has a placeholder; without a worker there is the picture itself in its place.
    """

    model = Picture
    template_name = "gallery/index.html"
    context_object_name = "pictures"
    paginate_by = 12
    paginator_class = CountedPages

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        lacking = [picture for picture in context["pictures"] if not picture.thumbnail]
        working = not lacking or has_worker()
        since = timezone.now() - PATIENCE
        context["waiting"] = {picture.pk for picture in lacking if working and picture.uploaded > since}
        context["no_worker"] = not working
        return context


class Show(DetailView):
    """One picture."""

    model = Picture
    template_name = "gallery/picture.html"
    context_object_name = "picture"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(deletable=self.object.may_be_deleted_by(self.request.user), **kwargs)


class Upload(LoginRequiredMixin, CreateView):
    """The upload form. Its script asks for JSON, to show progress; the form works without the script, too."""

    form_class = PictureForm
    template_name = "gallery/upload.html"

    def form_valid(self, form: Any) -> HttpResponse:
        form.instance.owner = self.request.user
        response = super().form_valid(form)
        messages.success(self.request, f"“{self.object}” is in the gallery.")
        return JsonResponse({"url": self.object.get_absolute_url()}) if wants_json(self.request) else response

    def form_invalid(self, form: BaseForm) -> HttpResponse:
        if wants_json(self.request):
            return JsonResponse({"errors": form.errors}, status=422)
        response = super().form_invalid(form)
        response.status_code = 422
        return response


class Delete(LoginRequiredMixin, DeleteView):
    """Asks for confirmation, then deletes row and file."""

    model = Picture
    template_name = "gallery/delete.html"
    context_object_name = "picture"
    success_url = reverse_lazy("gallery:index")

    def get_object(self, queryset: Any = None) -> Picture:
        picture: Picture = super().get_object(queryset)
        if not picture.may_be_deleted_by(self.request.user):
            raise PermissionDenied
        return picture

    def form_valid(self, form: BaseForm) -> HttpResponse:
        response = super().form_valid(form)
        messages.success(self.request, f"“{self.object}” is deleted.")
        return response


def wants_json(request: HttpRequest) -> bool:
    """True for the upload script."""
    return request.headers.get("Accept") == "application/json"
