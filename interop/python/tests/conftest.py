"""A table and a KMS over HTTP: those that the environment names, else moto's in this process."""

import itertools
import os

import boto3
import pytest
from botocore.config import Config
from moto.server import ThreadedMotoServer

REGION = "eu-north-1"
_numbers = itertools.count()


@pytest.fixture(scope="session")
def moto_url():
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def make_client(request):
    def make(service, **settings):
        variable = f"AWS_ENDPOINT_URL_{service.upper()}"
        url = os.environ.get(variable) or request.getfixturevalue("moto_url")
        return boto3.client(
            service,
            endpoint_url=url,
            region_name=REGION,
            aws_access_key_id="local",
            aws_secret_access_key="local",
            config=Config(retries={"total_max_attempts": 2}, connect_timeout=2, read_timeout=5),
            **settings,
        )

    return make


@pytest.fixture(scope="session")
def dynamodb(make_client):
    return make_client("dynamodb")


@pytest.fixture(scope="session")
def kms(make_client):
    return make_client("kms")


@pytest.fixture
def table(dynamodb):
    name = f"tokens-{os.getpid()}-{next(_numbers)}"
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
    )
    yield name
    dynamodb.delete_table(TableName=name)
