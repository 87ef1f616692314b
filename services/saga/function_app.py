"""The function app `saga`: the Functions worker imports `app` from here."""

import azure.functions as func

from services.saga.triggers import triggers

app = func.FunctionApp()
app.register_functions(triggers)
