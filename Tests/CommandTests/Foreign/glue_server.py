"""django-scim2 on SQLite, with its own adapters; the tables are made from the models of `glue`."""
import os
from pathlib import Path

import django
from django.conf import settings


class Caller:
    is_anonymous = False
    is_authenticated = True


class Nobody:
    is_anonymous = True
    is_authenticated = False


def bearer(get_response):
    def middleware(request):
        request.user = Caller() if request.headers.get("Authorization") == "Bearer " + os.environ["SCIM_TOKEN"] else Nobody()
        return get_response(request)

    return middleware


settings.configure(
    SECRET_KEY="for tests " * 5,
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    AUTH_USER_MODEL="glue.User",
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django_scim", "glue"],
    MIDDLEWARE=[__name__ + ".bearer", "django_scim.middleware.SCIMAuthCheckMiddleware"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": Path(os.environ["SCIM_FOLDER"]) / "glue.sqlite3",
            "ATOMIC_REQUESTS": True,
            "OPTIONS": {"timeout": 30, "transaction_mode": "IMMEDIATE", "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"},
        }
    },
    SCIM_SERVICE_PROVIDER={
        "NETLOC": "127.0.0.1:" + os.environ["SCIM_PORT"],
        "SCHEME": "http",
        "GROUP_MODEL": "glue.models.Group",
        "WWW_AUTHENTICATE_HEADER": "Bearer",
        "AUTHENTICATION_SCHEMES": [{"type": "oauthbearertoken", "name": "Bearer", "description": "a token"}],
    },
)
django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.urls import include, path  # noqa: E402

urlpatterns = [path("scim/v2/", include("django_scim.urls"))]
application = get_wsgi_application()
