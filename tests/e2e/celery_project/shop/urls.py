from django.http import HttpResponse
from django.urls import path

handler400 = "django_stack.errors.bad_request"
handler500 = "django_stack.errors.server_error"
urlpatterns = [path("", lambda _: HttpResponse("<title>Shop</title>"))]
