"""The gallery's URLs."""

from django.urls import path

from gallery import views

app_name = "gallery"

urlpatterns = [
    path("", views.Index.as_view(), name="index"),
    path("upload/", views.Upload.as_view(), name="upload"),
    path("pictures/<int:pk>/", views.Show.as_view(), name="picture"),
    path("pictures/<int:pk>/delete/", views.Delete.as_view(), name="delete"),
]
