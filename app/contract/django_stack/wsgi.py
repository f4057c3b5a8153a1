"""Django's WSGI application by DJANGO_SETTINGS_MODULE alone, for a project without a `wsgi.py`.

It also serves one whose own `wsgi.py` names its settings whatever the environment says.
"""

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
