//! What every account store does, as tests that run on any of them.
//!
//! [`account_store_contract!`](crate::account_store_contract) makes one `#[tokio::test]` of each. A store that cannot be
//! had here (its fixture is `None`) must have said so itself.

#![expect(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "these functions are the bodies of tests: they panic when the store breaks its contract"
)]

mod activity;
mod brakes;
mod erasure;
mod index;
mod ticks;
mod tokens;
mod turns;

pub use activity::*;
pub use brakes::*;
pub use erasure::*;
pub use index::*;
pub use ticks::*;
pub use tokens::*;
pub use turns::*;

use crate::{FixedClock, sample};
use domain::account::{AccountActivity, AccountRecord, DueAccount};
use domain::identity::HomeAccountId;
use domain::ports::{AccountStore, ActivityUpdate, Claim};
use domain::shard::Shards;
use std::sync::Arc;
use time::OffsetDateTime;

/// An empty store, the clock it reads, and the number of its shards.
pub struct StoreFixture {
    pub store: Arc<dyn AccountStore>,
    pub clock: FixedClock,
    pub shards: Shards,
}

impl StoreFixture {
    async fn load(&self, number: u32) -> AccountRecord {
        self.store.load(&sample::account(number)).await.unwrap()
    }

    async fn activity(&self, number: u32) -> AccountActivity {
        self.load(number).await.activity.unwrap()
    }

    async fn record(&self, number: u32, update: ActivityUpdate) {
        self.store.record_activity(&sample::account(number), update).await.unwrap();
    }

    /// Everybody who is due, whatever their shard.
    async fn due(&self, now: OffsetDateTime) -> Vec<DueAccount> {
        let mut accounts = Vec::new();
        for shard in self.shards.names() {
            let page = self.store.accounts_due(shard, now, 1000, None).await.unwrap();
            assert_eq!(page.next, None, "fewer accounts than asked for need no second page");
            accounts.extend(page.accounts);
        }
        accounts
    }

    async fn is_due(&self, number: u32, now: OffsetDateTime) -> bool {
        self.due(now).await.iter().any(|due| due.account == sample::account(number))
    }

    async fn claim(&self, number: u32, due_at: OffsetDateTime, owner: &str, now: OffsetDateTime) -> Claim {
        let due = DueAccount { account: sample::account(number), due_at };
        self.store.claim(due, sample::lease(owner, now), now).await.unwrap()
    }

    /// An account whose turn has come and was claimed by `owner`. Returns the time of the claim.
    async fn claimed(&self, number: u32, owner: &str) -> OffsetDateTime {
        let update = sample::activity_update(number, sample::NOW);
        let due_at = update.due_at.unwrap();
        self.record(number, update).await;
        self.clock.set(due_at);
        assert!(matches!(self.claim(number, due_at, owner, due_at).await, Claim::Taken(_)));
        due_at
    }
}

fn object_ids(accounts: &[DueAccount]) -> Vec<HomeAccountId> {
    accounts.iter().map(|due| due.account).collect()
}

/// Makes a test of each part of the contract. The fixture is an `async fn() -> Option<StoreFixture>`.
#[macro_export]
macro_rules! account_store_contract {
    ($fixture:path) => {
        $crate::account_store_contract! { $fixture:
            an_unknown_account_is_empty,
            tokens_come_back_with_a_version_that_grows,
            a_writer_that_has_not_seen_the_present_version_conflicts_with_it,
            one_of_eight_concurrent_creators_wins,
            one_of_eight_concurrent_replacements_wins,
            replacing_what_is_not_there_conflicts_with_nothing,
            a_blob_above_the_limit_is_refused_and_nothing_is_written,
            a_request_overtaken_by_a_later_one_can_still_write,
            tokens_are_gone_at_the_second_of_their_end,
            the_life_of_tokens_is_extended_and_nothing_else_of_them,
            tokens_that_changed_or_are_gone_are_not_extended,
            expired_tokens_can_be_created_anew_with_a_new_version,
            tokens_of_two_users_are_never_mixed,
            activity_comes_back_as_recorded,
            activity_never_moves_back,
            activity_without_a_name_keeps_the_name,
            activity_is_gone_at_the_second_of_its_end,
            an_expired_parking_does_not_hold_a_user_who_is_back,
            a_parked_account_stays_parked_while_its_user_lives_on_old_tokens,
            a_sign_in_ends_the_parking,
            a_sign_in_overtaken_by_a_later_request_still_ends_the_parking,
            the_latest_profile_wins_until_its_end,
            only_accounts_whose_time_has_come_are_listed,
            every_account_is_listed_in_exactly_one_shard,
            a_shard_is_listed_earliest_first,
            pages_visit_every_due_account_once,
            a_senseless_cursor_is_rejected,
            a_page_can_be_continued_behind_any_account,
            a_tick_begins_once_and_others_are_others,
            a_brake_holds_until_its_end_and_no_longer,
            a_brake_is_never_shortened,
            a_brake_concerns_its_own_tenant_only,
            accounts_are_found_by_name_without_regard_to_case,
            a_name_given_to_another_person_finds_both,
            a_claim_shows_the_activity_and_the_lease,
            one_of_eight_concurrent_claims_wins,
            a_claim_for_another_turn_is_lost,
            a_lease_can_be_taken_over_only_after_its_end,
            an_account_past_its_end_cannot_be_claimed,
            the_end_of_a_turn_lets_go_and_names_the_next,
            a_failed_turn_keeps_its_reason,
            events_that_did_not_get_out_are_kept_until_a_turn_has_none_left,
            only_the_owner_of_the_lease_ends_the_turn,
            parking_takes_the_account_out_of_the_index,
            activity_during_a_turn_decides_the_next_one,
            activity_before_a_turn_does_not_decide_the_one_after,
            a_user_living_on_old_tokens_does_not_prevent_parking,
            a_sign_in_during_a_turn_ends_the_lease,
            a_sign_in_during_a_turn_gives_the_account_to_nobody_else_before_the_leases_end,
            erasing_removes_everything_and_leaves_a_tombstone,
            an_erasure_outlaws_what_began_before_it,
            an_erasure_outlaws_a_writer_that_takes_a_new_item_for_the_old_one,
            a_user_can_be_back_within_the_second,
            an_erasure_repeated_late_spares_what_began_after_it,
            a_late_earlier_erasure_does_not_shorten_a_later_one,
            a_tombstone_outlaws_nothing_after_its_end,
            erasing_one_account_spares_the_others,
        }
    };
    ($fixture:path: $($test:ident),+ $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            if let Some(fixture) = $fixture().await {
                $crate::store_contract::$test(fixture).await;
            }
        }
    )+};
}
