//! The submitter as it is: nothing within the bounds violates anything.

use crate::holds;
use crate::setting::Setting;

const ONE: Setting = Setting::PLAIN;
const TWO_SHARE: Setting = Setting {
    intents: 2,
    channels: 1,
    ..ONE
};

#[test]
fn a_crash_and_a_lost_lease() {
    holds(Setting {
        name: "one intent, a crash, a lost lease",
        crashes: 1,
        lost_leases: 1,
        ..ONE
    });
}

#[test]
fn one_of_everything() {
    holds(Setting {
        name: "one intent, a crash, a lost lease, a failed landing, a false bad_seq",
        crashes: 1,
        lost_leases: 1,
        failures: 1,
        bad_sequences: 1,
        attempts: 2,
        steps: 2,
        ..ONE
    });
}

#[test]
fn a_lost_lease_and_a_landing_that_fails() {
    holds(Setting {
        name: "one intent, a lost lease, a failed landing",
        lost_leases: 1,
        failures: 1,
        ..ONE
    });
}

#[test]
fn every_lease_is_lost_once() {
    holds(Setting {
        name: "one intent, two lost leases",
        lost_leases: 2,
        attempts: 2,
        steps: 2,
        ..ONE
    });
}

#[test]
fn a_false_bad_sequence_and_a_lost_lease() {
    holds(Setting {
        name: "one intent, a false bad_seq, a lost lease",
        bad_sequences: 1,
        lost_leases: 1,
        attempts: 2,
        ..ONE
    });
}

#[test]
fn a_refusal_that_proves_nothing_and_a_lost_lease() {
    holds(Setting {
        name: "one intent, a refusal, a failed landing, a lost lease",
        refusals: 1,
        failures: 1,
        lost_leases: 1,
        attempts: 2,
        steps: 2,
        ..ONE
    });
}

#[test]
fn fee_bumps_and_a_lost_lease() {
    holds(Setting {
        name: "one intent, a fee bump, a lost lease",
        bumps: true,
        lost_leases: 1,
        attempts: 2,
        steps: 2,
        ..ONE
    });
}

#[test]
fn fee_bumps_and_resubmissions() {
    holds(Setting {
        name: "one intent, a fee bump, two steps of validity, a crash",
        bumps: true,
        validity: 2,
        steps: 4,
        attempts: 2,
        crashes: 1,
        ..ONE
    });
}

#[test]
fn a_wish_to_cancel_and_an_end_of_validity() {
    holds(Setting {
        name: "one intent, canceled or expired, a crash, a failed landing",
        cancels: 1,
        valid_until: Some(2),
        crashes: 1,
        failures: 1,
        ..ONE
    });
}

#[test]
fn somebody_else_uses_the_channel() {
    holds(Setting {
        name: "one intent, a second writer on its channel, a crash",
        channels: 1,
        strangers: 1,
        crashes: 1,
        ..ONE
    });
}

#[test]
fn two_workers_read_the_same_queue() {
    holds(Setting {
        name: "one intent, read before it is taken up, a lost lease",
        split_claim: true,
        lost_leases: 1,
        attempts: 2,
        ..ONE
    });
}

#[test]
fn two_intents_share_a_channel() {
    holds(Setting {
        name: "two intents, one channel, a lost lease",
        lost_leases: 1,
        ..TWO_SHARE
    });
}

#[test]
fn two_intents_share_a_channel_and_one_fails() {
    holds(Setting {
        name: "two intents, one channel, a crash, a failed landing, a refusal",
        crashes: 1,
        failures: 1,
        refusals: 1,
        attempts: 4,
        ..TWO_SHARE
    });
}

#[test]
fn two_intents_are_read_before_they_are_taken_up() {
    holds(Setting {
        name: "two intents, one channel, read before they are taken up",
        split_claim: true,
        ..TWO_SHARE
    });
}

#[test]
fn two_intents_with_a_channel_each() {
    holds(Setting {
        name: "two intents, two channels",
        steps: 2,
        channels: 2,
        ..TWO_SHARE
    });
}

#[test]
fn two_intents_with_a_channel_each_and_a_crash() {
    holds(Setting {
        name: "two intents, two channels, a crash",
        crashes: 1,
        steps: 2,
        attempts: 2,
        channels: 2,
        ..TWO_SHARE
    });
}
