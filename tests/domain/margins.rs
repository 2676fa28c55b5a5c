//! What is declared above what was simulated: rounded up, stopped at the network's limits, and never below the need.

use stellar_submitter::domain::soroban::plan::{self, MAX_MARGIN_PERCENT};
use stellar_submitter::domain::soroban::{
    LimitExceeded, Margin, NetworkLimits, Resource, Restoration, Simulated,
};
use stellar_xdr as xdr;

use crate::network_limits::WIDE;

/// Instructions, bytes read, bytes written, and the fee for them.
type Numbers = (u32, u32, u32, i64);

fn data((instructions, disk_read_bytes, write_bytes, fee): Numbers) -> xdr::SorobanTransactionData {
    let read_write = vec![xdr::LedgerKey::ContractCode(xdr::LedgerKeyContractCode {
        hash: xdr::Hash([3; 32]),
    })];
    xdr::SorobanTransactionData {
        ext: xdr::SorobanTransactionDataExt::V0,
        resources: xdr::SorobanResources {
            footprint: xdr::LedgerFootprint {
                read_only: xdr::VecM::default(),
                read_write: read_write.try_into().expect("few"),
            },
            instructions,
            disk_read_bytes,
            write_bytes,
        },
        resource_fee: fee,
    }
}

fn simulated(numbers: Numbers) -> Simulated {
    Simulated {
        // What the simulation itself declares as the fee is not what counts, but the least fee that it names.
        data: data((numbers.0, numbers.1, numbers.2, 1)),
        min_resource_fee: numbers.3,
        auth: Vec::new(),
        value: None,
        events: Vec::new(),
        restoration: None,
    }
}

/// What is declared, for a call and for a restoration before one alike.
fn declared(
    numbers: Numbers,
    margin: Margin,
    limits: &NetworkLimits,
) -> Result<xdr::SorobanTransactionData, LimitExceeded> {
    let simulated = simulated(numbers);
    let restoration = Restoration {
        data: simulated.data.clone(),
        min_resource_fee: simulated.min_resource_fee,
    };
    let of_call = plan::resources(&simulated, margin, limits);
    let of_restoration = plan::restoration(&restoration, margin, limits);
    assert_eq!(of_call, of_restoration);
    of_call
}

#[test]
fn without_a_margin_exactly_what_was_simulated_is_declared() {
    for numbers in [(1_001, 144, 156, 119_737), (0, 0, 0, 0)] {
        let expected = Ok(data(numbers));
        assert_eq!(declared(numbers, Margin::NONE, &WIDE), expected);
        assert_eq!(declared(numbers, Margin::percent(0), &WIDE), expected);
    }
}

#[test]
fn a_margin_is_rounded_up_and_the_fee_has_a_hundred_stroops_more() {
    for (percent, numbers, expected) in [
        // 10 %: 1101.1, 110, 158.4, 131710.7 and 100.
        (10, (1_001, 100, 144, 119_737), (1_102, 110, 159, 131_811)),
        (10, (1_000, 0, 10, 1_000), (1_100, 0, 11, 1_200)),
        // One stroop above a multiple is as much as the next.
        (10, (1, 9, 11, 1_001), (2, 10, 13, 1_202)),
        (1, (1, 100, 101, 100), (2, 101, 103, 201)),
        (200, (7, 8, 9, 10), (21, 24, 27, 130)),
    ] {
        let raised = declared(numbers, Margin::percent(percent), &WIDE);
        assert_eq!(raised, Ok(data(expected)), "{percent} % of {numbers:?}");
    }
}

#[test]
fn a_margin_of_more_than_200_percent_is_one_of_200() {
    assert_eq!(MAX_MARGIN_PERCENT, 200);
    assert_eq!(Margin::percent(201), Margin::percent(200));
    assert_eq!(Margin::percent(u32::MAX), Margin::percent(200));
    assert_ne!(Margin::percent(199), Margin::percent(200));
}

#[test]
fn what_no_number_holds_stops_at_the_largest() {
    let most = (u32::MAX, u32::MAX, u32::MAX, i64::MAX);
    let raised = declared(most, Margin::percent(200), &WIDE);
    assert_eq!(raised, Ok(data(most)));
    // What still fits, and what is one too much for it.
    for (numbers, expected) in [
        (
            (u32::MAX / 2, 1, 1, i64::MAX / 2 - 50),
            (u32::MAX - 1, 2, 2, i64::MAX - 1),
        ),
        (
            (1 << 31, 1, 1, i64::MAX / 2 - 49),
            (u32::MAX, 2, 2, i64::MAX),
        ),
    ] {
        let raised = declared(numbers, Margin::percent(100), &WIDE);
        assert_eq!(raised, Ok(data(expected)), "{numbers:?}");
    }
}

#[test]
fn a_margin_stops_at_the_networks_limits() {
    let numbers = (1_000, 200, 300, 1_000);
    let tight = NetworkLimits {
        instructions: 1_005,
        disk_read_bytes: 203,
        write_bytes: 307,
        ..WIDE
    };
    let raised = declared(numbers, Margin::percent(10), &tight);
    assert_eq!(raised, Ok(data((1_005, 203, 307, 1_200))));
    // Exactly what there is.
    let exact = NetworkLimits {
        instructions: 1_000,
        disk_read_bytes: 200,
        write_bytes: 300,
        ..WIDE
    };
    let raised = declared(numbers, Margin::percent(200), &exact);
    assert_eq!(raised, Ok(data((1_000, 200, 300, 3_100))));
}

#[test]
fn what_needs_more_than_the_network_has_is_not_squeezed_but_refused() {
    let numbers = (1_000, 200, 300, 1_000);
    let short = NetworkLimits {
        write_bytes: 299,
        ..WIDE
    };
    let exceeded = LimitExceeded {
        resource: Resource::WriteBytes,
        asked: 300,
        limit: 299,
    };
    for margin in [Margin::NONE, Margin::percent(10)] {
        assert_eq!(declared(numbers, margin, &short), Err(exceeded));
    }
}
