"""Branch keys that KMS wrapped: whose they are, how often they are asked for, and what it means when they cannot be had."""

import json
from datetime import date, timedelta

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from accounts import NOW, Clock, Table, cached, redeem
from shared_token_cache import KmsKeys, Unavailable, Unreadable

HOUR = 3600


class Counting:
    """Counts calls on the way; can be put out of order."""

    def __init__(self, client):
        self._client, self.calls, self.failure = client, [], None

    def __getattr__(self, name):
        def call(**parameters):
            self.calls.append(name)
            if self.failure:
                raise self.failure
            return getattr(self._client, name)(**parameters)

        return call

    def take(self):
        calls, self.calls = self.calls, []
        return calls


class Deployment:
    """A table with a KMS key, and the API that makes branch keys."""

    def __init__(self, dynamodb, kms, table):
        self.dynamodb, self.kms, self.table, self.clock = Counting(dynamodb), Counting(kms), table, Clock()
        self.key_arn = kms.create_key()["KeyMetadata"]["Arn"]

    def make_key(self, day, wrapped=None, table=None):
        if wrapped is None:
            context = {"table": table or self.table, "purpose": "token-blob", "date": day}
            answer = self.kms.generate_data_key(KeyId=self.key_arn, KeySpec="AES_256", EncryptionContext=context)
            wrapped = answer["CiphertextBlob"]
        item = {
            "pk": {"S": "KEY#token-blob"}, "sk": {"S": day}, "wrapped": {"B": wrapped}, "kms_key": {"S": self.key_arn},
            "created_at": {"N": str(NOW)},
        }  # fmt: skip
        self.dynamodb.put_item(TableName=self.table, Item=item)
        self.dynamodb.take(), self.kms.take()
        return wrapped

    def delete_key(self, day):
        self.dynamodb.delete_item(TableName=self.table, Key={"pk": {"S": "KEY#token-blob"}, "sk": {"S": day}})
        self.dynamodb.take()

    def sealer(self, **options):
        options = {"key_arn": self.key_arn, **options}
        return KmsKeys(self.kms, self.dynamodb, self.table, clock=self.clock, **options)


@pytest.fixture
def deployment(dynamodb, kms, table):
    return Deployment(dynamodb, kms, table)


@pytest.fixture
def address(deployment):
    return Table(deployment.dynamodb, deployment.table).address


def test_an_account_is_opened_and_written_under_the_newest_key(deployment, monkeypatch):
    monkeypatch.setattr("time.time", deployment.clock)
    deployment.make_key("2026-11-20")
    accounts = Table(deployment.dynamodb, deployment.table, deployment.sealer())
    accounts.put(cached())
    deployment.make_key("2026-11-22")
    cold = Table(deployment.dynamodb, deployment.table, deployment.sealer())
    with cold.store().open(cold.account) as cache:
        redeem(cache, 2)
    assert cold.item()["blob"]["B"][2:12] == b"2026-11-22"
    assert cold.refresh_tokens() == ["rt-2"]


def test_a_key_is_unwrapped_once_and_the_table_looked_at_again_after_an_hour(deployment, address):
    deployment.make_key("2026-11-22")
    sealer = deployment.sealer()
    blob = sealer.seal(address, b"x")
    assert (deployment.dynamodb.take(), deployment.kms.take()) == (["query"], ["decrypt"])
    deployment.clock.now += HOUR - 1
    assert sealer.open(address, sealer.seal(address, b"x")) == b"x"
    assert (deployment.dynamodb.take(), deployment.kms.take()) == ([], [])
    deployment.clock.now += 1
    assert sealer.open(address, blob) == b"x"
    sealer.seal(address, b"x")
    assert (deployment.dynamodb.take(), deployment.kms.take()) == (["get_item", "query"], [])


def test_a_deleted_key_gives_its_blobs_up_within_the_hour(deployment, address):
    deployment.make_key("2026-11-22")
    sealer = deployment.sealer()
    blob = sealer.seal(address, b"x")
    deployment.delete_key("2026-11-22")
    assert sealer.open(address, blob) == b"x"
    deployment.clock.now += HOUR
    with pytest.raises(Unreadable) as refused:
        sealer.open(address, blob)
    assert refused.value.reason == "unknown_key"
    with pytest.raises(Unavailable, match="got none"):
        sealer.seal(address, b"x")
    deployment.make_key("2026-11-22")
    with pytest.raises(Unreadable) as refused:
        sealer.open(address, blob)
    assert refused.value.reason == "not_authentic", "another key of the same name"


def test_what_is_no_date_names_no_key_and_costs_no_request(deployment, address):
    sealer = deployment.sealer()
    for name in ("local", "2026-11-31", "20261122", "+2026-11-22", "2026-W47-7", ""):
        blob = bytes((1, len(name))) + name.encode() + bytes(28)
        with pytest.raises(Unreadable) as refused:
            sealer.open(address, blob)
        assert refused.value.reason == "unknown_key"
    assert deployment.dynamodb.take() == []


def test_eight_keys_are_kept(deployment, address):
    days = [(date(2026, 1, 1) + timedelta(days=number)).isoformat() for number in range(10)]
    blobs = []
    for day in days:
        deployment.make_key(day)
        blobs.append(deployment.sealer().seal(address, day.encode()))
    sealer = deployment.sealer()
    deployment.kms.take()
    for day, blob in zip(days, blobs, strict=True):
        assert sealer.open(address, blob) == day.encode()
    assert deployment.kms.take() == ["decrypt"] * 10
    for day, blob in zip(days[2:], blobs[2:], strict=True):
        assert sealer.open(address, blob) == day.encode()
    assert deployment.kms.take() == []
    assert sealer.open(address, blobs[0]) == days[0].encode()
    assert deployment.kms.take() == ["decrypt"]


def test_a_key_of_another_table_cannot_be_had_and_nothing_is_given_up(deployment, address):
    deployment.make_key("2026-11-22", table="another")
    with pytest.raises(Unavailable, match="InvalidCiphertext"):
        deployment.sealer().seal(address, b"x")


@pytest.mark.parametrize("item", [{"wrapped": {"S": "text"}}, {}], ids=["text", "nothing"])
def test_a_corrupt_key_item_cannot_be_had(deployment, address, item):
    key = {"pk": {"S": "KEY#token-blob"}, "sk": {"S": "2026-11-22"}}
    deployment.dynamodb.put_item(TableName=deployment.table, Item={**key, **item})
    with pytest.raises(Unavailable, match="corrupt"):
        deployment.sealer().seal(address, b"x")
    with pytest.raises(Unavailable, match="corrupt"):
        deployment.sealer().open(address, b"\x01\x0a2026-11-22" + bytes(28))


def test_whatever_the_item_says_the_configured_key_is_asked(deployment, address):
    deployment.make_key("2026-11-22")
    other = "arn:aws:kms:eu-north-1:123456789012:key/aaaabbbb-0000-4000-8000-000000000009"
    with pytest.raises(Unavailable, match="kms:Decrypt"):
        deployment.sealer(key_arn=other).seal(address, b"x")


@pytest.mark.parametrize(
    "failure",
    [
        ClientError({"Error": {"Code": "AccessDeniedException"}}, "Decrypt"),
        ClientError({"Error": {"Code": "DisabledException"}}, "Decrypt"),
        ReadTimeoutError(endpoint_url="http://kms"),
    ],
    ids=["not permitted", "disabled", "no answer"],
)
def test_a_kms_that_gives_no_key_is_not_a_bad_blob(deployment, address, failure):
    deployment.make_key("2026-11-22")
    blob = deployment.sealer().seal(address, b"x")
    deployment.kms.failure = failure
    sealer = deployment.sealer()
    for call in (lambda: sealer.open(address, blob), lambda: sealer.seal(address, b"x")):
        with pytest.raises(Unavailable, match="kms:Decrypt") as refused:
            call()
        assert refused.value.__cause__ is failure
    deployment.kms.failure = None
    assert sealer.open(address, blob) == b"x", "it opens as soon as the cause is gone"


def test_a_key_at_hand_outlives_an_outage_of_table_and_kms(deployment, address):
    deployment.make_key("2026-11-22")
    sealer = deployment.sealer()
    blob = sealer.seal(address, b"x")
    outage = ClientError({"Error": {"Code": "InternalServerError"}}, "Query")
    deployment.dynamodb.failure = deployment.kms.failure = outage
    deployment.clock.now += 2 * HOUR
    assert sealer.open(address, blob) == b"x"
    assert sealer.open(address, sealer.seal(address, b"y")) == b"y"


def test_no_key_is_printed(deployment, address):
    deployment.make_key("2026-11-22")
    sealer = deployment.sealer()
    sealer.seal(address, b"x")
    shown = repr(sealer) + str(vars(sealer))
    assert "material" not in shown and json.dumps(deployment.table) in shown.replace("'", '"')
