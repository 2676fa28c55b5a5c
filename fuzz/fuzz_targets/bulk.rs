#![no_main]

mod corpus;

use stellar_submitter_fuzz::bulk;

libfuzzer_sys::fuzz_target!(init: corpus::write("bulk"), |data: &[u8]| bulk::fuzz_one(data));
