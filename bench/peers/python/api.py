"""The API: validates the caller's token, gets a Graph token on their behalf, answers with their profile."""

import json
import re

import jwt

from graph import me
from runtime import run
from table import note_activity
from tokens import CLIENT_ID, HOST, TENANT, on_behalf_of

# One client for the life of the process: it keeps the keys.
keys = jwt.PyJWKClient(f"{HOST}/{TENANT}/discovery/v2.0/keys", cache_keys=True)


def answer(status, body):
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    return {"statusCode": status, "headers": headers, "body": json.dumps(body)}


def handler(event):
    bearer = re.fullmatch("Bearer (.+)", event["headers"].get("authorization", ""), re.IGNORECASE)
    if not bearer:
        return answer(401, {"error": "missing_token"})
    token = bearer[1]
    try:
        claims = jwt.decode(
            token,
            keys.get_signing_key_from_jwt(token),
            algorithms=["RS256"],
            audience=CLIENT_ID,
            issuer=f"{HOST}/{TENANT}/v2.0",
            leeway=60,
        )
    except jwt.PyJWTError:
        return answer(401, {"error": "invalid_token"})
    if "Profile.Read" not in claims["scp"].split():
        return answer(403, {"error": "insufficient_scope"})
    graph_token, cached, key = on_behalf_of(token)
    # As in Microsoft's sample: noted when the cache is written.
    if not cached:
        note_activity(f"{claims['oid']}.{claims['tid']}", key)
    return answer(200, me(graph_token))


run(handler)
