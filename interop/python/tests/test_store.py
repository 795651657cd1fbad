"""The items: what is read, what is written, and who wins. Against a DynamoDB-compatible server."""

import random
import threading

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from accounts import HOST, LOCAL_KEY, NOW, USER_READ, Table, access_token, cached, redeem, refresh_token
from shared_token_cache import Erased, LocalKey, Missing, TooLarge, Unavailable, Unreadable

MAIL_READ = "https://graph.microsoft.com/Mail.Read"


def undated(secret):
    """As Node and .NET store it."""
    return {name: value for name, value in refresh_token(secret).items() if name != "last_modification_time"}


@pytest.fixture
def accounts(dynamodb, table, monkeypatch):
    table = Table(dynamodb, table)
    monkeypatch.setattr("time.time", table.clock)  # That of MSAL Python, which has no other.
    return table


def test_what_msal_did_not_change_is_not_written(accounts):
    accounts.put(cached())
    with accounts.store().open(accounts.account) as cache:
        (token,) = cache.search("AccessToken", target=[USER_READ])
        assert token["secret"] == "at-1"
    assert (accounts.version(), cache.written) == (1, False)


def test_expired_tokens_that_msal_drops_are_not_worth_a_write(accounts):
    accounts.put(cached([access_token("old", MAIL_READ, lives=-1), access_token("at-1")]))
    with accounts.store().open(accounts.account) as cache:
        assert [one["secret"] for one in cache.search("AccessToken", target=[USER_READ])] == ["at-1"]
        assert cache.has_state_changed
    assert (accounts.version(), cache.written) == (1, False)


def test_a_redeemed_refresh_token_replaces_the_old_one_under_the_next_version(accounts):
    accounts.put(cached(), version=7)
    with accounts.store().open(accounts.account) as cache:
        assert redeem(cache, 2) == "rt-1"
        assert redeem(cache, 3) == "rt-2", "the newest is redeemed, also within one second"
    item, after = accounts.item(), accounts.cache()
    assert cache.written
    assert (item["version"]["N"], item["begun_at"]["N"]) == ("8", str(NOW * 1000))
    assert item["ttl"]["N"] == str(NOW + 1_209_600)
    (token,) = after["RefreshToken"].values()
    assert (token["secret"], token["last_modification_time"]) == ("rt-3", str(NOW + 2))
    assert accounts.access_tokens() == ["at-3"]


def test_what_is_written_has_the_layout_that_others_rely_on(accounts):
    accounts.put(cached())
    with accounts.store().open(accounts.account) as cache:
        redeem(cache, 2)
    for section in ("AccessToken", "RefreshToken"):
        ((key, entity),) = accounts.cache()[section].items()
        home = entity["home_account_id"]
        assert entity["user_assertion_hash"] == entity["userAssertionHash"] == home
        assert entity["environment"] == HOST
        kind = section.lower()
        rest = f"{entity['realm']}-{USER_READ}".lower() if section == "AccessToken" else "-"
        assert key == f"{home}-{HOST}-{kind}-{entity['client_id']}-{rest}"
    (token,) = accounts.cache()["AccessToken"].values()
    assert (token["target"], token["ext_expires_on"]) == (USER_READ, token["extended_expires_on"])


def test_what_this_package_does_not_know_is_kept(accounts):
    own = {"SessionAccessToken": {"s": access_token("at-0", obtained_for_assertion="session-0")}, "Later": {"x": [1]}}
    accounts.put(cached(refresh_tokens=[refresh_token("rt-1", colour="blue")], **own))
    with accounts.store().open(accounts.account) as cache:
        redeem(cache, 2)
    after = accounts.cache()
    assert after["Later"] == {"x": [1]}
    assert next(iter(after["Account"].values()))["nickname"] == "kept too"
    assert next(iter(after["RefreshToken"].values()))["colour"] == "blue"
    kept = {one["secret"]: one["obtained_for_assertion"] for one in after["SessionAccessToken"].values()}
    assert kept == {"at-0": "session-0", "at-1": "session-1"}, "the API goes on serving its sessions"
    assert "obtained_for_assertion" not in next(iter(after["AccessToken"].values()))


def test_sessions_beside_are_bounded(accounts):
    sessions = {
        f"s{number}": access_token(f"at-s{number}", lives=60 + number, obtained_for_assertion=f"s{number}")
        for number in range(12)
    }
    accounts.put(cached(SessionAccessToken=sessions))
    with accounts.store().open(accounts.account) as cache:
        redeem(cache, 2)
    kept = {one["secret"] for one in accounts.cache()["SessionAccessToken"].values()}
    assert kept == {"at-1"} | {f"at-s{number}" for number in range(5, 12)}


def test_tokens_for_other_scopes_stay(accounts):
    accounts.put(cached([access_token("at-mail", MAIL_READ), access_token("at-1")]))
    with accounts.store().open(accounts.account) as cache:
        redeem(cache, 2)
    assert accounts.access_tokens() == ["at-2", "at-mail"]


@pytest.mark.parametrize(
    ("tokens", "newest"),
    [
        ([refresh_token("dated"), refresh_token("later", NOW + 1)], "later"),
        ([refresh_token("later", NOW + 1), refresh_token("dated")], "later"),
        ([refresh_token("first"), refresh_token("last")], "last"),
        ([refresh_token("dated"), undated("added")], "added"),
        ([undated("x"), refresh_token("dated")], "dated"),
        ([undated("first"), undated("last")], "last"),
        ([refresh_token("ours"), refresh_token("alias", NOW + 1, environment="login.microsoftonline.com")], "alias"),
    ],
    ids=["by time", "in either order", "else by place", "added later", "a date before none", "none", "across aliases"],
)
def test_of_several_refresh_tokens_msal_sees_the_newest(accounts, tokens, newest):
    accounts.put(cached(refresh_tokens=tokens))
    with accounts.store().open(accounts.account) as cache:
        assert [one["secret"] for one in cache.search("RefreshToken")] == [newest]
    assert accounts.version() == 1


def test_a_lone_token_without_a_date_is_as_old_as_the_access_token_that_came_with_it(accounts):
    accounts.put(cached([{**access_token("at-1"), "cached_at": str(NOW + 40)}], [undated("rt-1")]))
    with accounts.store().open(accounts.account) as cache:
        redeem(cache, 2)
    (token,) = accounts.cache()["RefreshToken"].values()
    assert (token["secret"], token["last_modification_time"]) == ("rt-2", str(NOW + 41))


def test_entries_that_msal_python_would_stop_at_are_left_out(accounts):
    odd = [
        {**access_token("no end"), "expires_on": None},
        {**access_token("in milliseconds"), "expires_on": NOW * 1000},
        {**access_token("at-n"), "expires_on": NOW + 600.5, "refresh_on": "soon"},
    ]
    accounts.put(cached(odd, [{**refresh_token("x"), "secret": None}, refresh_token("rt-1")]))
    with accounts.store().open(accounts.account) as cache:
        assert [one["secret"] for one in cache.search("AccessToken", target=[USER_READ])] == ["at-n"]
        assert [one["secret"] for one in cache.search("RefreshToken")] == ["rt-1"]


def test_the_host_has_the_name_that_msal_python_looks_for_and_the_item_keeps_its_own(accounts):
    accounts.put(cached())
    host = "login.microsoftonline.com"
    with accounts.store(environment=host).open(accounts.account) as cache:
        assert list(cache.search("Account", query={"environment": host}))
        redeem(cache, 2)
    for section in ("AccessToken", "RefreshToken", "Account", "AppMetadata"):
        assert [one["environment"] for one in accounts.cache()[section].values()] == [HOST], section
    with accounts.store(environment=host).open(accounts.account) as cache:
        assert not cache.written
    assert accounts.version() == 2


def test_the_ttl_never_goes_beyond_the_refresh_tokens_own_end(accounts):
    accounts.put(cached(refresh_tokens=[refresh_token("rt-1", expires_on=str(NOW + 500))]))
    with accounts.store().open(accounts.account) as cache:
        redeem(cache, 2, refresh_token_expires_in=900)
    assert accounts.item()["ttl"]["N"] == str(NOW + 900)
    with accounts.store().open(accounts.account) as cache:
        redeem(cache, 3)
    assert accounts.item()["ttl"]["N"] == str(NOW + 1_209_600), "nothing was said of the new one's end"
    with accounts.store(ttl_seconds=60).open(accounts.account) as cache:
        redeem(cache, 4, refresh_token_expires_in=900)
    assert accounts.item()["ttl"]["N"] == str(NOW + 60)


def test_nothing_cached_is_missing(accounts):
    with pytest.raises(Missing, match="sign in"), accounts.store().open(accounts.account):
        pass
    assert accounts.item() is None


def test_an_item_past_its_time_is_missing_although_it_is_still_there(accounts):
    accounts.put(cached(), ttl=NOW)
    with pytest.raises(Missing), accounts.store().open(accounts.account):
        pass
    accounts.put(cached(), ttl=NOW + 1)
    with accounts.store().open(accounts.account):
        pass


@pytest.mark.parametrize(
    ("begun_at", "erased_at", "tombstone_ttl", "opens"),
    [
        (NOW * 1000, NOW * 1000, NOW + 9, False),
        (NOW * 1000, NOW * 1000 + 1, NOW + 9, False),
        (NOW * 1000 + 1, NOW * 1000, NOW + 9, True),
        (None, 1, NOW + 9, False),
        (NOW * 1000, NOW * 1000, NOW, True),
    ],
    ids=["same millisecond", "erased later", "signed in later", "no beginning", "tombstone past its time"],
)
def test_an_erasure_outlaws_what_began_before_it(accounts, begun_at, erased_at, tombstone_ttl, opens):
    accounts.put(cached(), begun_at=begun_at)
    accounts.erase(erased_at, ttl=tombstone_ttl, delete=False)
    if opens:
        with accounts.store().open(accounts.account):
            pass
    else:
        with pytest.raises(Missing), accounts.store().open(accounts.account):
            pass


def test_an_erasure_under_way_wins(accounts):
    accounts.put(cached())
    with pytest.raises(Erased), accounts.store().open(accounts.account) as cache:
        redeem(cache, 2)
        accounts.erase(NOW * 1000 + 5)
    assert accounts.item() is None and not cache.written


def test_tokens_from_before_an_erasure_do_not_get_into_the_item_of_after_it(accounts):
    accounts.put(cached(), version=1)
    with pytest.raises(Erased), accounts.store().open(accounts.account) as cache:
        redeem(cache, 2)
        accounts.erase(NOW * 1000 + 5)
        accounts.put(cached([access_token("new")], [refresh_token("new")]), version=1, begun_at=NOW * 1000 + 6)
    assert (accounts.version(), accounts.refresh_tokens(), accounts.access_tokens()) == (1, ["new"], ["new"])


def test_an_item_that_went_away_is_not_made_again(accounts):
    accounts.put(cached())
    with pytest.raises(Erased, match="gone"), accounts.store().open(accounts.account) as cache:
        redeem(cache, 2)
        accounts.delete()
    assert accounts.item() is None


def test_two_writers_lose_nothing(accounts):
    accounts.put(cached())
    store = accounts.store()
    with store.open(accounts.account) as slow:
        redeem(slow, 2)
        with store.open(accounts.account) as fast:
            redeem(fast, 3, MAIL_READ)
            redeem(fast, 4, MAIL_READ)
    after = accounts.cache()
    assert accounts.version() == 3
    assert accounts.refresh_tokens() == ["rt-4"], "two steps on beat one"
    assert accounts.access_tokens() == ["at-2", "at-4"]
    assert [one["secret"] for one in after["SessionAccessToken"].values()] == ["at-1"]
    assert accounts.waits == [0.2]


def test_of_two_tokens_for_the_same_scopes_the_longer_lived_stays(accounts):
    accounts.put(cached([]))
    store = accounts.store()
    with store.open(accounts.account) as slow:
        redeem(slow, 2, expires_in=100)
        with store.open(accounts.account) as fast:
            redeem(fast, 3, expires_in=200)
    assert accounts.access_tokens() == ["at-3"]


def test_a_conflict_with_a_blob_that_nobody_can_read_heals_it(accounts):
    accounts.put(cached())
    with accounts.store().open(accounts.account) as cache:
        redeem(cache, 2)
        accounts.put_blob(b"\x01garbage", version=5)
    assert (accounts.version(), accounts.refresh_tokens()) == (6, ["rt-2"])


def test_what_msal_obtained_is_written_also_when_the_block_fails(accounts):
    accounts.put(cached())
    with pytest.raises(ZeroDivisionError), accounts.store().open(accounts.account) as cache:
        redeem(cache, 2)
        raise ZeroDivisionError
    assert accounts.refresh_tokens() == ["rt-2"]


def test_many_threads_leave_one_working_refresh_token(accounts):
    accounts.put(cached())
    failures, rounds = [], 6

    def work(number):
        try:
            with accounts.store(wait=lambda _: None).open(accounts.account) as cache:
                redeem(cache, f"{number:02}", f"https://graph.microsoft.com/Scope{number}")
        except Unavailable:
            failures.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(rounds)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert accounts.version() == 1 + rounds - len(failures)
    assert len(accounts.refresh_tokens()) == 1
    written = {f"at-{number:02}" for number in range(rounds) if number not in failures}
    assert set(accounts.access_tokens()) == written | {"at-1"}


def test_a_cache_beyond_64_kib_is_not_written(accounts):
    accounts.put(cached(Later={"x": random.Random(7).randbytes(70_000).hex()}))
    with pytest.raises(TooLarge) as refused, accounts.store().open(accounts.account) as cache:
        redeem(cache, 2)
    assert (accounts.version(), refused.value.limit) == (1, 65_536)


def test_access_tokens_that_find_no_room_do_not_cost_the_refresh_token(accounts):
    accounts.put(cached([access_token(f"at-s{n}", f"scope-{n}", cached_at=str(NOW - n)) for n in range(20)]))
    with accounts.store().open(accounts.account) as cache:
        redeem(cache, 2, access_token="x" * 41_000)
    assert accounts.refresh_tokens() == ["rt-2"]
    assert accounts.access_tokens() == sorted(f"at-s{n}" for n in range(15)), "the newest"


class Failing:
    """A table that answers its first updates with a failure, or loses the answer to them."""

    def __init__(self, dynamodb, failures, done=False):
        self.query, self._dynamodb, self.failures, self.done = dynamodb.query, dynamodb, list(failures), done

    def update_item(self, **parameters):
        if not self.failures:
            return self._dynamodb.update_item(**parameters)
        if self.done:
            self._dynamodb.update_item(**parameters)
        raise self.failures.pop(0)


def service_error(code):
    return ClientError({"Error": {"Code": code}}, "UpdateItem")


def test_a_table_that_is_busy_for_a_moment_costs_no_token(accounts):
    accounts.put(cached())
    busy = [service_error("ThrottlingException"), EndpointConnectionError(endpoint_url="http://table")]
    with accounts.store(dynamodb=Failing(accounts.dynamodb, busy)).open(accounts.account) as cache:
        redeem(cache, 2)
    assert accounts.refresh_tokens() == ["rt-2"]
    assert accounts.waits == [0.2, 0.4]


def test_a_write_whose_answer_was_lost_is_not_lost(accounts):
    accounts.put(cached())
    lost = Failing(accounts.dynamodb, [service_error("InternalServerError")], done=True)
    with accounts.store(dynamodb=lost).open(accounts.account) as cache:
        redeem(cache, 2)
    assert (accounts.version(), accounts.refresh_tokens(), accounts.access_tokens()) == (3, ["rt-2"], ["at-2"])


@pytest.mark.parametrize(
    ("code", "attempts", "transient"),
    [("ProvisionedThroughputExceededException", 6, True), ("AccessDeniedException", 1, False)],
)
def test_a_table_that_stays_out_of_reach_is_unavailable(accounts, code, attempts, transient):
    accounts.put(cached())
    failing = Failing(accounts.dynamodb, [service_error(code)] * 6)
    with (
        pytest.raises(Unavailable, match=code) as refused,
        accounts.store(dynamodb=failing).open(accounts.account) as cache,
    ):
        redeem(cache, 2)
    assert (6 - len(failing.failures), len(accounts.waits)) == (attempts, attempts - 1)
    assert (refused.value.transient, cache.written) == (transient, False)


def test_a_table_that_is_not_there_is_unavailable(accounts):
    accounts.name = "no-such-table"
    with pytest.raises(Unavailable, match="ResourceNotFoundException"), accounts.store().open(accounts.account):
        pass


def test_six_lost_races_are_the_end(accounts):
    accounts.put(cached())

    class Racing:
        query = staticmethod(accounts.dynamodb.query)

        @staticmethod
        def update_item(**parameters):
            accounts.put(cached(), version=accounts.version() + 1)
            return accounts.dynamodb.update_item(**parameters)

    with pytest.raises(Unavailable, match="6 times"), accounts.store(dynamodb=Racing()).open(accounts.account) as cache:
        redeem(cache, 2)
    assert accounts.version() == 7


@pytest.mark.parametrize(
    "plaintext",
    [b"{", b"[]", b"\xff", b'{"AccessToken": []}', b'{"Account": {"a": 1}}', b"[" * 100_000, b"null", b"1e999"],
)
def test_what_is_no_cache_is_unreadable(accounts, plaintext):
    accounts.put(plaintext)
    with pytest.raises(Unreadable) as refused, accounts.store().open(accounts.account):
        pass
    assert refused.value.reason == "not_a_cache"


@pytest.mark.parametrize("plaintext", [b"", b" \n", b"{}", b'{"AccessToken": null, "Account": {}}'])
def test_an_empty_cache_opens(accounts, plaintext):
    accounts.put(plaintext)
    with accounts.store().open(accounts.account) as cache:
        assert not list(cache.search("Account"))
    assert accounts.version() == 1


@pytest.mark.parametrize("attribute", ["blob", "version", "ttl"])
def test_a_corrupt_item_is_unreadable(accounts, attribute):
    accounts.put(cached())
    item = {name: value for name, value in accounts.item().items() if name != attribute}
    accounts.dynamodb.put_item(TableName=accounts.name, Item=item)
    with pytest.raises(Unreadable, match="corrupt_item"), accounts.store().open(accounts.account):
        pass


def test_a_blob_of_another_account_or_key_is_unreadable(accounts):
    accounts.put(cached())
    blob = accounts.item()["blob"]["B"]
    other = Table(accounts.dynamodb, accounts.name, account="x.y")
    other.put_blob(blob)
    with pytest.raises(Unreadable) as refused, other.store().open("X.Y"):
        pass
    assert refused.value.reason == "not_authentic"
    accounts.sealer = LocalKey("/" * 43 + "=")
    with pytest.raises(Unreadable), accounts.store().open(accounts.account):
        pass


def test_a_mutated_blob_is_unreadable_whatever_was_done_to_it(accounts):
    accounts.put(cached())
    intact, seed = accounts.item()["blob"]["B"], 20_261_123
    chance, reasons = random.Random(seed), set()
    for _ in range(3_000):
        blob = bytearray(intact)
        for _ in range(chance.randint(1, 3)):
            match chance.randrange(4):
                case 0:
                    blob[chance.randrange(len(blob))] ^= 1 << chance.randrange(8)
                case 1:
                    del blob[chance.randrange(len(blob)) :]
                    blob = blob or bytearray(b"\x01")
                case 2:
                    blob.insert(chance.randrange(min(len(blob), 24)), chance.randrange(256))
                case 3:
                    blob[chance.randrange(min(len(blob), 8))] = chance.randrange(256)
        if blob == intact:
            continue
        with pytest.raises(Unreadable) as refused:
            accounts.sealer.open(accounts.address, bytes(blob))
        reasons.add(refused.value.reason)
    assert reasons == {"malformed", "unknown_version", "unknown_key", "not_authentic"}, seed


def test_nothing_secret_is_printed_or_logged(accounts, caplog, capsys):
    caplog.set_level("DEBUG")
    accounts.put(cached())
    store = accounts.store()
    with store.open(accounts.account) as cache:
        redeem(cache, 2)
        shown = [repr(cache), str(cache), repr(store), repr(accounts.sealer)]
    with pytest.raises(TooLarge) as refused, store.open(accounts.account) as cache:
        redeem(cache, 3, id_token="e30.e30.at-3" + random.Random(7).randbytes(70_000).hex())
    shown += [str(refused.value), caplog.text, *capsys.readouterr()]
    for secret in ("at-1", "rt-1", "at-2", "rt-2", "at-3", LOCAL_KEY):
        assert not any(secret in text for text in shown), secret
