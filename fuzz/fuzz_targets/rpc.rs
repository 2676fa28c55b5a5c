#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stellar_submitter_fuzz::rpc::fuzz_one(data));
