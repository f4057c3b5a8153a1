"""The URLs of the site. Those of the health checks are not here: `django_stack.health` answers them before."""

from django.contrib import admin
from django.contrib.auth import views as auth
from django.contrib.staticfiles.storage import staticfiles_storage
from django.urls import include, path
from django.views.generic import RedirectView


class Favicon(RedirectView):
    """Browsers request /favicon.ico where no page names an icon, as with a picture in a tab of its own."""

    def get_redirect_url(self, *_: object, **__: object) -> str:
        return staticfiles_storage.url("gallery/favicon.svg")


urlpatterns = [
    path("", include("gallery.urls")),
    path("login/", auth.LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("logout/", auth.LogoutView.as_view(), name="logout"),
    path("password/", include("gallery.passwords")),
    path("admin/", admin.site.urls),
    path("favicon.ico", Favicon.as_view()),
]

handler400 = "django_stack.errors.bad_request"
handler500 = "django_stack.errors.server_error"
