#![no_main]

mod corpus;

use stellar_submitter_fuzz::intent;

libfuzzer_sys::fuzz_target!(init: corpus::write("intent"), |data: &[u8]| intent::fuzz_one(data));
