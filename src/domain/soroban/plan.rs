//! What a contract call is sent with: what was simulated, and a margin. Stored before signing, so that the attempt is reproducible.

use stellar_xdr as xdr;

use super::limits::{LimitExceeded, NetworkLimits};
use super::simulation::{Restoration, Simulated};

/// The largest margin, in percent.
pub const MAX_MARGIN_PERCENT: u32 = 200;
/// Stroops by which a raised fee is raised on top: each part of the network's fee rounds up by itself.
const FEE_ROUNDING_STROOPS: i64 = 100;

/// How much more than simulated is declared, since the state may have moved on until the call is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Margin {
    percent: u32,
}

impl Margin {
    /// Exactly what was simulated.
    pub const NONE: Self = Self { percent: 0 };

    /// So many percent more, at most [`MAX_MARGIN_PERCENT`].
    #[must_use]
    pub fn percent(percent: u32) -> Self {
        Self {
            percent: percent.min(MAX_MARGIN_PERCENT),
        }
    }

    fn raised(self, value: u32) -> u32 {
        let raised = (u64::from(value) * u64::from(100 + self.percent)).div_ceil(100);
        u32::try_from(raised).unwrap_or(u32::MAX)
    }

    fn raised_fee(self, fee: i64) -> i64 {
        if self.percent == 0 {
            return fee;
        }
        let raised = (i128::from(fee) * i128::from(100 + self.percent) + 99) / 100;
        let raised = i64::try_from(raised).unwrap_or(i64::MAX);
        raised.saturating_add(FEE_ROUNDING_STROOPS)
    }
}

/// What a call is sent with: footprint, resources and resource fee of its (second) simulation, and a margin, which stops
/// at the network's limits; the call itself is not squeezed below what it needs.
///
/// # Errors
/// [`LimitExceeded`] where the call needs more than the network lets one transaction have.
pub fn resources(
    simulated: &Simulated,
    margin: Margin,
    limits: &NetworkLimits,
) -> Result<xdr::SorobanTransactionData, LimitExceeded> {
    limits.check(&simulated.data)?;
    let fee = simulated.min_resource_fee;
    Ok(with_margin(&simulated.data, fee, margin, limits))
}

/// What a restoration that must land before the call is sent with, in the same way.
///
/// # Errors
/// [`LimitExceeded`] as [`resources`].
pub fn restoration(
    restoration: &Restoration,
    margin: Margin,
    limits: &NetworkLimits,
) -> Result<xdr::SorobanTransactionData, LimitExceeded> {
    limits.check(&restoration.data)?;
    let fee = restoration.min_resource_fee;
    Ok(with_margin(&restoration.data, fee, margin, limits))
}

fn with_margin(
    data: &xdr::SorobanTransactionData,
    min_resource_fee: i64,
    margin: Margin,
    limits: &NetworkLimits,
) -> xdr::SorobanTransactionData {
    let mut data = data.clone();
    let resources = &mut data.resources;
    let most = u32::try_from(limits.instructions).unwrap_or(u32::MAX);
    resources.instructions = margin.raised(resources.instructions).min(most);
    resources.disk_read_bytes = margin
        .raised(resources.disk_read_bytes)
        .min(limits.disk_read_bytes);
    resources.write_bytes = margin.raised(resources.write_bytes).min(limits.write_bytes);
    data.resource_fee = margin.raised_fee(min_resource_fee);
    data
}
