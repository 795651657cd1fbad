"""One account's token item as a plug-in of the least kind handles it: opens, seals, and leaves the cache to MSAL.

Nothing is put in order on the way in or out, so that MSAL.NET meets what the product wrote, and the product meets what
MSAL.NET wrote.
"""

import json
import os

import boto3
from shared_token_cache import ItemAddress, KmsKeys, LocalKey, Missing


class TokenItem:
    """Read when made; `write` replaces what was read, or fails if somebody else was first."""

    def __init__(self, account):
        table, client_id = os.environ["TABLE_NAME"], os.environ["ENTRA_CLIENT_ID"].lower()
        self._dynamodb = boto3.client("dynamodb")
        self._sealer = _sealer(self._dynamodb, table)
        self._address = ItemAddress(table, f"ACCOUNT#{account.lower()}", f"TOKENS#{client_id}", client_id)
        self._place = {"TableName": table, "Key": {"pk": {"S": self._address.pk}, "sk": {"S": self._address.sk}}}
        answer = self._dynamodb.get_item(**self._place, ConsistentRead=True)
        if "Item" not in answer:
            raise Missing(f"no tokens are cached for {account}")
        self._version = int(answer["Item"]["version"]["N"])
        self.cache = self._sealer.open(self._address, answer["Item"]["blob"]["B"])

    @property
    def home_account_id(self):
        """MSAL's name of the account, which for a guest is not that of the item."""
        accounts = json.loads(self.cache)["Account"].values()
        (home_account_id,) = {account["home_account_id"] for account in accounts}
        return home_account_id

    def write(self, cache):
        self._dynamodb.update_item(
            **self._place,
            UpdateExpression="SET #blob = :blob, #version = :next",
            ConditionExpression="#version = :seen",
            ExpressionAttributeNames={"#blob": "blob", "#version": "version"},
            ExpressionAttributeValues={
                ":blob": {"B": self._sealer.seal(self._address, cache)},
                ":next": {"N": str(self._version + 1)},
                ":seen": {"N": str(self._version)},
            },
        )
        self._version += 1
        self.cache = cache


def _sealer(dynamodb, table):
    if os.environ.get("SEALING_KEY_ARN"):
        return KmsKeys(boto3.client("kms"), dynamodb, table, os.environ["SEALING_KEY_ARN"])
    return LocalKey(os.environ["SEALING_LOCAL_KEY"])
