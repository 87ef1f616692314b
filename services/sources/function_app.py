"""The function app `sources`: the Functions worker imports `app` from here."""

import azure.functions as func

from services.sources.triggers import triggers

app = func.FunctionApp()
app.register_functions(triggers)
