"""The web page's hosting, on the translated template: who may read the files, what an address leads to, which headers come along."""

import json
import re
import shutil
import subprocess

import pytest

from translated import ROOT, resources, translate


@pytest.fixture(scope="module")
def template():
    return translate()


@pytest.fixture(scope="module")
def distribution(template):
    return template["Resources"]["SpaDistribution"]["Properties"]["DistributionConfig"]


def test_only_the_distribution_reads_the_files(template):
    bucket = template["Resources"]["SpaBucket"]["Properties"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}, "the page of before can be brought back"
    (policy,) = resources(template, "AWS::S3::BucketPolicy").values()
    of_distribution = "arn:${AWS::Partition}:cloudfront::${AWS::AccountId}:distribution/${SpaDistribution}"
    allowed = {}
    for statement in policy["PolicyDocument"]["Statement"]:
        assert statement["Principal"] == {"Service": "cloudfront.amazonaws.com"}
        assert statement["Condition"] == {"StringEquals": {"AWS:SourceArn": {"Fn::Sub": of_distribution}}}
        allowed[statement["Action"]] = statement["Resource"]
    # Reading, and being told that a file is not there.
    assert allowed == {"s3:GetObject": {"Fn::Sub": "${SpaBucket.Arn}/*"}, "s3:ListBucket": {"Fn::GetAtt": ["SpaBucket", "Arn"]}}
    access = template["Resources"]["SpaOriginAccess"]["Properties"]["OriginAccessControlConfig"]
    assert (access["SigningBehavior"], access["SigningProtocol"]) == ("always", "sigv4")


def test_the_page_and_the_api_are_of_one_origin(distribution):
    origins = {origin["Id"]: origin for origin in distribution["Origins"]}
    assert origins["Page"]["DomainName"] == {"Fn::GetAtt": ["SpaBucket", "RegionalDomainName"]}
    assert origins["Page"]["OriginAccessControlId"] == {"Fn::GetAtt": ["SpaOriginAccess", "Id"]}
    assert origins["Api"]["DomainName"] == {"Fn::Sub": "${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}"}
    assert origins["Api"]["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"
    assert distribution["DefaultCacheBehavior"]["TargetOriginId"] == "Page"
    (api,) = distribution["CacheBehaviors"]
    assert (api["PathPattern"], api["TargetOriginId"], api["ViewerProtocolPolicy"]) == ("/api/*", "Api", "https-only")
    assert {"GET", "DELETE"} <= set(api["AllowedMethods"])
    # CachingDisabled with AllViewerExceptHostHeader: `Authorization` passes, nothing is kept.
    assert api["CachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
    assert api["OriginRequestPolicyId"] == "b689b0a8-53d0-40ab-baf2-68738e2966ac"
    assert "CustomErrorResponses" not in distribution, "they would replace the API's problems too"
    assert "FunctionAssociations" not in api, "addresses of the API are not the page's"


ADDRESSES = {
    "/": "/index.html",
    "/background": "/index.html",
    "/claims": "/index.html",
    "/a/b": "/index.html",
    "/index.html": "/index.html",
    "/redirect.html": "/redirect.html",
    "/config.json": "/config.json",
    "/favicon.svg": "/favicon.svg",
    "/assets/app-1a2b.js": "/assets/app-1a2b.js",
    "/assets/gone.js": "/assets/gone.js",
}


def test_the_page_s_own_addresses_lead_to_it_and_files_to_themselves(template, distribution):
    (association,) = distribution["DefaultCacheBehavior"]["FunctionAssociations"]
    assert association == {"EventType": "viewer-request", "FunctionARN": {"Fn::GetAtt": ["SpaRoutes", "FunctionARN"]}}
    code = template["Resources"]["SpaRoutes"]["Properties"]["FunctionCode"]
    assert template["Resources"]["SpaRoutes"]["Properties"]["AutoPublish"] is True
    ask = f"{code}\nconsole.log(JSON.stringify({json.dumps(list(ADDRESSES))}.map((uri) => handler({{ request: {{ uri }} }}).uri)))"
    node = shutil.which("node")
    assert node, "Node.js is needed for the page anyway"
    answer = subprocess.run([node, "--eval", ask], check=True, stdout=subprocess.PIPE, text=True, timeout=60)
    assert dict(zip(ADDRESSES, json.loads(answer.stdout), strict=True)) == ADDRESSES


def test_the_headers_are_those_that_the_page_s_readme_asks_for(template, distribution):
    assert distribution["DefaultCacheBehavior"]["ResponseHeadersPolicyId"] == {"Ref": "SpaHeaders"}
    policy = template["Resources"]["SpaHeaders"]["Properties"]["ResponseHeadersPolicyConfig"]
    headers = policy["SecurityHeadersConfig"]
    content = headers["ContentSecurityPolicy"]["ContentSecurityPolicy"]["Fn::Sub"]
    wanted = re.search(r"`(default-src [^`]*)`", (ROOT / "spa/README.md").read_text())[1].rstrip(";")
    api = "https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}"
    assert content == wanted.replace("<API>", api).replace("<authority>", "${EntraAuthorityHost}")
    assert headers["ContentTypeOptions"] == {"Override": True}
    assert headers["FrameOptions"]["FrameOption"] == "SAMEORIGIN", "MSAL's hidden frame is the page's own"
    assert headers["StrictTransportSecurity"]["AccessControlMaxAgeSec"] >= 31536000
    # Pop-ups hand their answer over through redirect.html.
    assert "Cross-Origin-Opener-Policy" not in str(policy["SecurityHeadersConfig"]) + str(policy.get("CustomHeadersConfig"))
    assert distribution["DefaultCacheBehavior"]["ViewerProtocolPolicy"] == "redirect-to-https"


def test_a_host_name_of_one_s_own_comes_with_its_certificate(distribution):
    assert distribution["Aliases"] == {"Fn::If": ["HasSpaDomain", [{"Ref": "SpaDomainName"}], {"Ref": "AWS::NoValue"}]}
    condition, own, cloudfront = distribution["ViewerCertificate"]["Fn::If"]
    assert condition == "HasSpaDomain"
    assert own["MinimumProtocolVersion"] == "TLSv1.2_2021"
    assert cloudfront == {"CloudFrontDefaultCertificate": True}


def test_the_output_is_the_page_s_whole_settings_file(template):
    text, values = template["Outputs"]["SpaConfig"]["Value"]["Fn::Sub"]
    settings = json.loads(text)
    example = json.loads((ROOT / "spa/public/config.example.json").read_text())
    assert set(settings) == set(example) - {"environmentLabel", "links"}, "all that is not optional"
    assert settings["apiBaseUrl"] == "https://${Host}", "below the page's own address"
    assert settings["authority"] == "${EntraAuthorityHost}/${EntraTenantId}"
    assert [scope.split("/")[-1] for scope in settings["apiScopes"]] == ["Profile.ReadWrite", "Profile.Read"]
    assert values["Client"]["Fn::If"][:2] == ["HasSpaClientId", {"Ref": "SpaClientId"}]
    assert values["AppIdUri"]["Fn::If"] == ["HasAppIdUri", {"Ref": "EntraAppIdUri"}, {"Fn::Sub": "api://${EntraClientId}"}]
