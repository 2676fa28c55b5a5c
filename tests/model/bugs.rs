//! Each mistake violates something: what the runs without one show is worth as much as this.

use crate::is_caught;
use crate::property::{ENDS, NEVER_LATER, ONE_ALIVE, TRUE_SUCCESS};
use crate::setting::{Bug, Setting};

const ONE: Setting = Setting::PLAIN;

#[test]
fn no_fence() {
    is_caught(ONE.with(Bug::NoFence), ONE_ALIVE);
}

#[test]
fn rebuild_on_timeout() {
    is_caught(ONE.with(Bug::RebuildOnTimeout), ONE_ALIVE);
}

#[test]
fn send_before_persist() {
    let setting = Setting {
        name: "a crash",
        crashes: 1,
        ..ONE
    };
    is_caught(setting.with(Bug::SendBeforePersist), ONE_ALIVE);
}

#[test]
fn trust_absence() {
    let setting = Setting {
        name: "a crash",
        crashes: 1,
        ..ONE
    };
    is_caught(setting.with(Bug::TrustAbsence), ONE_ALIVE);
}

#[test]
fn trust_the_wall_clock() {
    let setting = Setting {
        name: "an end of validity",
        validity: 2,
        valid_until: Some(2),
        ..ONE
    };
    is_caught(setting.with(Bug::TrustWallClock), NEVER_LATER);
}

#[test]
fn no_lease_token() {
    let setting = Setting {
        name: "a lost lease",
        lost_leases: 1,
        ..ONE
    };
    is_caught(setting.with(Bug::NoLeaseToken), ONE_ALIVE);
}

#[test]
fn forget_older_hashes() {
    let setting = Setting {
        name: "a fee bump",
        bumps: true,
        ..ONE
    };
    is_caught(setting.with(Bug::ForgetOlderHashes), ONE_ALIVE);
}

#[test]
fn no_unique_index() {
    let setting = Setting {
        name: "read before taken up",
        split_claim: true,
        ..ONE
    };
    is_caught(setting.with(Bug::NoUniqueIndex), ONE_ALIVE);
}

#[test]
fn release_channel_early() {
    let setting = Setting {
        name: "two intents, one channel",
        intents: 2,
        channels: 1,
        ..ONE
    };
    is_caught(setting.with(Bug::ReleaseChannelEarly), ONE_ALIVE);
}

#[test]
fn ignore_failed() {
    let setting = Setting {
        name: "a failed landing",
        failures: 1,
        ..ONE
    };
    is_caught(setting.with(Bug::IgnoreFailed), ENDS);
}

#[test]
fn bad_sequence_is_death() {
    let setting = Setting {
        name: "a false bad_seq",
        bad_sequences: 1,
        ..ONE
    };
    is_caught(setting.with(Bug::BadSequenceIsDeath), ONE_ALIVE);
}

#[test]
fn adopt_by_tag() {
    let setting = Setting {
        name: "a second writer",
        channels: 1,
        strangers: 1,
        ..ONE
    };
    is_caught(setting.with(Bug::AdoptByTag), TRUE_SUCCESS);
}

#[test]
fn refusal_is_failure() {
    let setting = Setting {
        name: "a refusal",
        refusals: 1,
        attempts: 1,
        ..ONE
    };
    is_caught(setting.with(Bug::RefusalIsFailure), NEVER_LATER);
}

/// A wish to cancel that is believed too early is the third rule's case.
#[test]
fn canceled_without_a_fence() {
    let setting = Setting {
        name: "a wish to cancel",
        cancels: 1,
        attempts: 1,
        ..ONE
    };
    is_caught(setting.with(Bug::NoFence), NEVER_LATER);
}
