"""Wires scim2-server into a WSGI application whose ServiceProviderConfig depends on FLAVOUR."""

import os

from scim2_models import ScimProvider, ServiceProviderConfig
from scim2_server.memory import InMemoryStorage
from scim2_server.service import ScimService
from scim2_server.testserver.application import BEARER_TOKEN_SCHEME, BearerTokenApplication
from scim2_server.utils import (
    load_default_resource_types,
    load_default_schemas,
    load_default_service_provider_config,
)


def configuration(flavour):
    if flavour == "strict":
        return load_default_service_provider_config()
    document = {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": {"supported": flavour == "cursor"},
        "bulk": {"supported": False, "maxOperations": 0, "maxPayloadSize": 0},
        "filter": {"supported": flavour == "cursor", "maxResults": 100 if flavour == "cursor" else 50},
        "changePassword": {"supported": False},
        "sort": {"supported": False},
        "etag": {"supported": False},
        "authenticationSchemes": [],
    }
    if flavour == "cursor":
        document["pagination"] = {
            "cursor": True, "index": True, "defaultPaginationMethod": "cursor",
            "defaultPageSize": 50, "maxPageSize": 100, "cursorTimeout": 3600,
        }
    return ServiceProviderConfig.model_validate(document)


config = configuration(os.environ["FLAVOUR"])
config.authentication_schemes = [*(config.authentication_schemes or []), BEARER_TOKEN_SCHEME]
provider = ScimProvider.from_discovery(
    list(load_default_schemas().values()), list(load_default_resource_types().values()), config=config
)
app = BearerTokenApplication(
    InMemoryStorage(), provider,
    service=ScimService(provider, secret="only for cursors of this test server"),
    bearer_tokens=[os.environ["SCIM_TOKEN"]],
)
