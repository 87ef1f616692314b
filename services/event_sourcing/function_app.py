"""The function app `event_sourcing`: the Functions worker imports `app` from here."""

import azure.functions as func

from services.event_sourcing.triggers import triggers

app = func.FunctionApp()
app.register_functions(triggers)
