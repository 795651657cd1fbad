import os

from tokens import TIMEOUT_SECONDS, session

PROPERTIES = "displayName,givenName,surname,userPrincipalName,jobTitle,department,city,country,employeeId"
URL = f"{os.environ['GRAPH_BASE_URL']}/me?$select={PROPERTIES}"


def me(token):
    """The user's profile."""
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    answer = session.get(URL, headers=headers, timeout=TIMEOUT_SECONDS)
    answer.raise_for_status()
    user = answer.json()
    return {name: user.get(name) for name in PROPERTIES.split(",")}
