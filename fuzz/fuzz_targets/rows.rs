#![no_main]

mod corpus;

use stellar_submitter_fuzz::rows;

libfuzzer_sys::fuzz_target!(init: corpus::write("rows"), |data: &[u8]| rows::fuzz_one(data));
