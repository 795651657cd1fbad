"""Which parameters go together, by the template's rules."""

import pytest

from conditions import broken_rules, with_defaults
from translated import translate

GUID = "11111111-1111-1111-1111-111111111111"
OTHER = "22222222-2222-2222-2222-222222222222"
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:entra-AbCdEf"
REQUIRED = {"EntraTenantId": GUID, "EntraClientId": GUID, "EntraAllowedClients": OTHER}
GOOD = {**REQUIRED, "EntraClientSecretArn": SECRET}


@pytest.fixture(scope="module")
def template():
    return translate()


@pytest.mark.parametrize("given", [
    GOOD,
    {**REQUIRED, "EntraClientSecret": "a"},
    {**REQUIRED, "EntraCredential": "federated"},
    {**REQUIRED, "EntraCredential": "certificate", "EntraClientCertificateArn": SECRET},
    {**GOOD, "EntraTenantId": "organizations", "EntraAllowedTenants": f"{GUID},{OTHER}"},
    {**GOOD, "JwtAuthorizer": "true"},
    {**GOOD, "JwtAuthorizer": "true", "EntraAllowedTenants": GUID},
    {**GOOD, "EntraAllowedClients": "*", "SpaClientId": OTHER},
    {**GOOD, "SpaDomainName": "page.example.com", "SpaCertificateArn": "arn:aws:acm:us-east-1:1:certificate/x"},
])  # fmt: skip
def test_what_goes_together_is_taken(template, given):
    assert broken_rules(template, given) == set()


@pytest.mark.parametrize(("given", "words"), [
    (REQUIRED, "Set EntraClientSecretArn, or"),
    ({**GOOD, "EntraClientSecret": "a"}, "not both"),
    ({**GOOD, "EntraCredential": "federated"}, "go with EntraCredential=secret only"),
    ({**REQUIRED, "EntraCredential": "certificate"}, "Set EntraClientCertificateArn"),
    ({**GOOD, "EntraClientCertificateArn": SECRET}, "Set EntraClientCertificateArn"),
    ({**GOOD, "JwtAuthorizer": "true", "EntraTenantId": "organizations"}, "to be one tenant"),
    ({**GOOD, "JwtAuthorizer": "true", "EntraAllowedTenants": f"{GUID},{OTHER}"}, "leave EntraAllowedTenants empty"),
    ({**GOOD, "EntraAllowedClients": "*"}, "Set SpaClientId"),
    ({**GOOD, "SpaDomainName": "page.example.com"}, "both, or neither"),
])  # fmt: skip
def test_what_does_not_go_together_is_refused_with_the_cure(template, given, words):
    (description,) = broken_rules(template, given)
    assert words in description


def test_the_table_s_deletion_protection_and_gradual_deployments_are_the_default(template):
    defaults = with_defaults(template, {})
    assert defaults["DeletionProtection"] == "true"
    assert defaults["DeploymentType"] == "Canary10Percent5Minutes"
    assert {name for name in defaults if defaults[name] is None} == set(REQUIRED), "all else has a default"
