"""Loaded by schemathesis (SCHEMATHESIS_HOOKS): adds to every request what no route takes, so that none may mind it."""

import schemathesis
from hypothesis import strategies as st

NAMES = st.sampled_from(
    [
        "accept", "accept-encoding", "cache-control", "content-type", "cookie", "expect-ct", "forwarded", "if-match",
        "if-modified-since", "if-none-match", "origin", "prefer", "range", "referer", "user-agent", "x-amzn-trace-id",
        "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-http-method-override", "x-original-url",
        "x-request-id", "x-rewrite-url",
    ]
)  # fmt: skip
# What may stand in a header's value (RFC 9110 section 5.5), but for what Python takes for a blank or a control character.
VALUES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_categories=["Cc", "Zs"]), max_size=80)
QUERIES = st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=20), max_size=3)


@schemathesis.hook
def before_generate_case(context, strategy):
    def add(drawn):
        case, headers, query = drawn
        for name, value in headers.items():
            case.headers.setdefault(name, value)
        case.query = {**(case.query or {}), **query}
        return case

    headers = st.dictionaries(NAMES, VALUES, max_size=4)
    return st.tuples(strategy, headers, QUERIES).map(add)
