"""The function app `cdc`: the Functions worker imports `app` from here."""

import azure.functions as func

from services.cdc.triggers import triggers

app = func.FunctionApp()
app.register_functions(triggers)
