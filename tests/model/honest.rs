//! The submitter as it is: nothing within the bounds violates anything.

use crate::holds;
use crate::setting::Setting;

/// One intent, and everything that can go wrong once.
const ONE_INTENT: Setting = Setting {
    name: "one intent, two channels",
    crashes: 1,
    lost_leases: 1,
    failures: 1,
    bad_sequences: 1,
    ..Setting::PLAIN
};

#[test]
fn one_intent_two_channels() {
    holds(ONE_INTENT);
}
