"""The function app `inference`: the Functions worker imports `app` from here."""

import azure.functions as func

from services.inference.triggers import triggers

app = func.FunctionApp()
app.register_functions(triggers)
