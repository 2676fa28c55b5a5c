//! The Horizon client against the recorded answers of a real Horizon, and against servers that misbehave.

mod capture;
mod expected;
mod observations;
mod replay;
mod result_codes;
mod rude_servers;
