"""The smallest Django project around django-scim2-server: settings, one route, a token check."""

import os
from pathlib import Path

from django.conf import settings


def accepts(request):
    return request.headers.get("Authorization") == "Bearer " + os.environ["SCIM_TOKEN"]


if not settings.configured:
    settings.configure(
        DEBUG=False,
        SECRET_KEY="only for the tests of this project, on loopback",
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF=__name__,
        USE_TZ=True,
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django_scim2_server"],
        MIDDLEWARE=[],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": Path(os.environ["SCIM_FOLDER"]) / "db.sqlite3",
                "CONN_MAX_AGE": None,
                "ATOMIC_REQUESTS": True,
                "OPTIONS": {
                    "timeout": 30,
                    "transaction_mode": "IMMEDIATE",
                    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;",
                },
            }
        },
        SCIM2_SERVER_AUTH_CHECK=__name__ + ".accepts",
    )

import django  # noqa: E402  (settings first)

django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.urls import include, path  # noqa: E402

urlpatterns = [path("scim/v2/", include("django_scim2_server.urls"))]
application = get_wsgi_application()
