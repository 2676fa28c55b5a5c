#![no_main]

mod corpus;

use stellar_submitter_fuzz::rpc;

libfuzzer_sys::fuzz_target!(init: corpus::write("rpc"), |data: &[u8]| rpc::fuzz_one(data));
