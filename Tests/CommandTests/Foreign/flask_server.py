"""scim2-flask in memory, under the path of a tenant."""
import os

from flask import Flask, request
from scim2_flask import ScimServer
from scim2_models import UnauthorizedException
from scim2_server.memory import InMemoryStorage
from scim2_server.utils import load_default_provider

app = Flask(__name__)
app.secret_key = "for tests"


class Server(ScimServer):
    def get_subject(self):
        if request.headers.get("Authorization") != "Bearer " + os.environ["SCIM_TOKEN"]:
            raise UnauthorizedException
        return None


Server(InMemoryStorage(), load_default_provider(), app=app, url_prefix="/tenant-1/scim/v2")
