"""The function app `notifications`: the Functions worker imports `app` from here."""

import azure.functions as func

from services.notifications.triggers import triggers

app = func.FunctionApp()
app.register_functions(triggers)
