"""put-token -> SAS token verified -> a claim of this connection; the reply says what is wrong with it"""

import time
from typing import TYPE_CHECKING, Any, Final

from local.servicebus.auth import TokenError, verify
from local.servicebus.performatives import text
from local.servicebus.requests import Answer

if TYPE_CHECKING:
    from local.servicebus.connection import Connection

ACCEPTED: Final = 202
BAD_REQUEST: Final = 400
UNAUTHORIZED: Final = 401


def put_token(connection: "Connection", properties: dict[str, Any], value: Any) -> Answer:
    """The handler of `$cbs`; status names have hyphens here, unlike on `$management`."""
    if text(properties.get("operation")) != "put-token" or not isinstance(value, bytes):
        return _status(BAD_REQUEST, "$cbs knows the operation put-token with the token as its body")
    try:
        claim = verify(value.decode(), connection.keys, time.time())
    except (TokenError, UnicodeDecodeError) as wrong:
        return _status(UNAUTHORIZED, str(wrong))
    connection.claims = [*(old for old in connection.claims if old.resource != claim.resource), claim]
    return _status(ACCEPTED, "Accepted")


def _status(code: int, description: str) -> Answer:
    return {"status-code": code, "status-description": description}, None
