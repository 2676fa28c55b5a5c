#![no_main]

mod corpus;

use stellar_submitter_fuzz::envelope;

libfuzzer_sys::fuzz_target!(init: corpus::write("envelope"), |data: &[u8]| envelope::fuzz_one(data));
