"""a function app with HTTP functions -> nobody gets in without a token of the stack's app registration

App Service checks signature, issuer, audience and expiry before a request reaches the app, and tells the app who calls
(services/kernel/caller.py). Who gets which app role is decided in Entra: docs/sign-in.md.
"""

from pulumi import Input, Output, Resource, ResourceOptions
from pulumi_azure_native import web

from infra.place import Place


def sign_in(name: str, app: Input[str], client_id: str, place: Place, parent: Resource) -> web.WebAppAuthSettingsV2:
    """Guard an app. There is no path without sign-in, no other provider, and no session: each request has its token.

    The audience is the client id in tokens of version 2, its URI in those of version 1.
    """
    return web.WebAppAuthSettingsV2(
        f"{name}-sign-in",
        name=app,
        resource_group_name=place.group,
        platform=web.AuthPlatformArgs(enabled=True, runtime_version="~1"),
        global_validation=web.GlobalValidationArgs(
            require_authentication=True,
            unauthenticated_client_action=web.UnauthenticatedClientActionV2.RETURN401,
        ),
        http_settings=web.HttpSettingsArgs(require_https=True),
        identity_providers=web.IdentityProvidersArgs(
            azure_active_directory=web.AzureActiveDirectoryArgs(
                enabled=True,
                registration=web.AzureActiveDirectoryRegistrationArgs(
                    client_id=client_id,
                    open_id_issuer=Output.concat("https://login.microsoftonline.com/", place.tenant, "/v2.0"),
                ),
                validation=web.AzureActiveDirectoryValidationArgs(allowed_audiences=[client_id, f"api://{client_id}"]),
            )
        ),
        login=web.LoginArgs(token_store=web.TokenStoreArgs(enabled=False)),
        opts=ResourceOptions(parent=parent),
    )
