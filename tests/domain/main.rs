//! The rules: reading, building, recognising, deciding. No network, no database, no clock.

mod adversary;
mod answers;
mod bad_values;
mod bids;
mod bodies;
mod codes;
mod contents;
mod continuity;
mod decisions;
mod drive;
mod endings;
mod envelopes;
mod events;
mod evidence;
mod explanations;
mod fences;
mod fixture;
mod mistakes;
mod normal_form;
mod operation_mistakes;
mod presigned_mistakes;
mod recognition;
mod seeds;
mod tags;
mod vectors;
mod world;
