//! One contract, two kinds of records: what the simulation's records in memory promise is what Postgres does. Each case runs
//! against both; and random histories must leave the same answers and the same rows in both.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod accepting;
mod book;
mod chain;
mod claims;
mod comparison;
mod given;
mod leases;
mod memory;
mod settlements;
mod waiting;

#[path = "../support/mod.rs"]
mod support;

/// Each case once against memory and once against Postgres.
macro_rules! contract {
    ($($module:ident: $($case:ident)*;)*) => {
        mod in_memory {
            $($(
                #[tokio::test]
                async fn $case() {
                    crate::$module::$case(&crate::book::memory()).await;
                }
            )*)*
        }
        mod in_postgres {
            $($(
                #[tokio::test]
                async fn $case() {
                    crate::$module::$case(&crate::book::Postgres::new().await).await;
                }
            )*)*
        }
    };
}

contract! {
    accepting:
        a_workflow_is_accepted_once
        a_batch_that_breaks_a_constraint_is_refused_whole
        what_was_enqueued_is_read_later
        no_more_is_enqueued_and_read_than_there_is_room_for;
    claims:
        due_intents_are_paired_with_idle_channels
        two_claims_never_share
        a_claim_that_is_dropped_changes_nothing
        what_is_signed_is_on_record
        only_who_has_a_lease_claims
        records_that_have_moved_claim_nothing
        times_decide_what_is_due
        what_is_canceled_or_over_is_left_alone_unless_it_has_landed
        one_of_an_ordering_key_at_a_time
        one_in_flight_keeps_back_even_an_older_one
        a_lane_and_a_kind_are_claimed_apart
        paused_and_busy_channels_are_not_idle
        signed_transactions_are_taken_one_an_account
        signed_transactions_are_told_what_is_used
        a_broken_constraint_undoes_the_claim;
    settlements:
        a_success_is_told_everywhere
        only_the_owner_settles_and_only_once
        an_intent_goes_where_its_attempt_sends_it
        a_parked_intent_comes_back_when_its_time_has_come
        a_channel_is_used_again_after_its_transaction
        a_wish_to_cancel_outweighs_another_attempt
        a_landing_that_may_be_unknown_outweighs_every_end_but_success
        a_lost_channel_is_never_used_again
        what_is_unexplained_is_parked_with_its_attempt
        fee_bumps_are_the_owners
        answers_are_kept;
    waiting:
        what_is_over_expires
        wishes_to_cancel_are_granted_when_it_is_known
        a_wish_to_cancel_in_flight_is_noted_once
        nothing_ends_while_something_is_unexplained
        only_what_is_queued_is_turned_away
        rows_that_are_held_are_passed_over
        who_waited_sees_what_was_signed
        rare_work_is_found;
    leases:
        a_lease_that_ended_is_never_renewed
        orphans_are_taken_over
        what_is_whose_is_told;
    chain:
        records_are_tied_to_one_network
        the_anchor_only_moves_on
        one_explains_at_a_time
        what_was_found_is_written_only_while_the_right_lasts
        landings_are_recorded_once
        a_landing_ends_the_intent_that_it_is
        a_quarantine_only_grows_until_it_is_lifted
        channels_are_on_record_once
        sequence_numbers_never_fall;
}
