"""Where everything is. The health paths are not here: `django_stack.health` answers them before that."""

from django.contrib import admin
from django.contrib.auth import views as auth
from django.contrib.staticfiles.storage import staticfiles_storage
from django.urls import include, path
from django.views.generic import RedirectView


class Favicon(RedirectView):
    """Browsers ask for /favicon.ico where a page names none, as for a picture opened alone."""

    def get_redirect_url(self, *_: object, **__: object) -> str:
        return staticfiles_storage.url("gallery/favicon.svg")


urlpatterns = [
    path("", include("gallery.urls")),
    path("login/", auth.LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("logout/", auth.LogoutView.as_view(), name="logout"),
    path("admin/", admin.site.urls),
    path("favicon.ico", Favicon.as_view()),
]

handler400 = "django_stack.errors.bad_request"
handler500 = "django_stack.errors.server_error"
