"""The gallery in Django's admin, with the same form, so that the same checks apply."""

from __future__ import annotations

from django.contrib import admin
from django.utils.html import format_html

from gallery.forms import PictureForm
from gallery.models import Picture


@admin.register(Picture)
class PictureAdmin(admin.ModelAdmin):
    """Pictures with a thumbnail of each."""

    form = PictureForm
    fields = ("image", "title", "owner", "view")
    readonly_fields = ("view",)
    list_display = ("title", "view", "owner", "uploaded")
    list_filter = ("uploaded",)
    list_select_related = ("owner",)
    search_fields = ("title",)

    @admin.display(description="view")
    def view(self, picture: Picture) -> str:
        """The picture, 72 pixels high."""
        return format_html('<img src="{}" alt="" height="72">', picture.small.url) if picture.pk else ""
