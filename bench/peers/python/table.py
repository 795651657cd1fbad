"""The peer's own table: caches under `CACHE#<partition key>`, and one partition of all accounts that the worker reads.

In the peer's favour, against the product: nothing is sealed, writes are not conditional and merge nothing (the last writer wins),
items have no time to live, there are no leases, tombstones, back-off or parking, and the worker finds its accounts in one partition,
which DynamoDB would throttle at a thousand writes per second.
"""

import os
import time

import boto3
from botocore.config import Config

TABLE = os.environ["TABLE_NAME"]
ACCOUNTS = {"S": "ACCOUNTS"}

# The low-level client: quicker than boto3's resources. It keeps its connections and may be used by several threads.
client = boto3.client("dynamodb", config=Config(max_pool_connections=256, connect_timeout=2, read_timeout=10))


def cache_key(key):
    return {"pk": {"S": f"CACHE#{key}"}, "sk": {"S": "CACHE"}}


def load_cache(key):
    item = client.get_item(TableName=TABLE, Key=cache_key(key)).get("Item")
    return item["cache"]["S"] if item else None


def store_cache(key, cache):
    client.put_item(TableName=TABLE, Item={**cache_key(key), "cache": {"S": cache}})


def note_activity(account, key):
    """Notes that a user was here, and under which key their tokens lie."""
    item = {"pk": ACCOUNTS, "sk": {"S": account}, "cacheKey": {"S": key}, "lastActivity": seconds(), "failed": {"BOOL": False}}
    client.put_item(TableName=TABLE, Item=item)


def idle_accounts(idle_seconds):
    """The accounts whose users have been away for so long, with their cache keys."""
    pages = client.get_paginator("query").paginate(
        TableName=TABLE,
        KeyConditionExpression="pk = :accounts",
        FilterExpression="lastActivity <= :before AND failed = :no",
        ExpressionAttributeValues={":accounts": ACCOUNTS, ":before": seconds(-idle_seconds), ":no": {"BOOL": False}},
    )
    return [(item["sk"]["S"], item["cacheKey"]["S"]) for page in pages for item in page["Items"]]


def note_turn(account, failed):
    """Notes how an account's turn ended."""
    client.update_item(
        TableName=TABLE,
        Key={"pk": ACCOUNTS, "sk": {"S": account}},
        UpdateExpression="SET lastSweep = :now, failed = :failed",
        ExpressionAttributeValues={":now": seconds(), ":failed": {"BOOL": failed}},
    )


def seconds(offset=0):
    return {"N": str(int(time.time()) + offset)}
