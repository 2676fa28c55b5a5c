#![no_main]

mod corpus;

use stellar_submitter_fuzz::horizon;

libfuzzer_sys::fuzz_target!(init: corpus::write("horizon"), |data: &[u8]| horizon::fuzz_one(data));
