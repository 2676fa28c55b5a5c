//! `[rpc]`: what was written → what it means.

use url::Url;

use super::check::{REQUEST_SECONDS, REQUESTS_PER_HOUR};
use super::rules::Checks;
use super::sections::{RpcConfig, Way};
use super::settings;
use crate::domain::soroban::{Margin, plan};

impl Checks {
    pub(super) fn rpc(&mut self, given: &settings::Rpc) -> RpcConfig {
        let margin = self.number(
            "rpc.resource_margin_percent",
            given.resource_margin_percent,
            0..=i64::from(plan::MAX_MARGIN_PERCENT),
        );
        let ways = [
            ("horizon", Way::Horizon),
            ("rpc", Way::Rpc),
            ("both", Way::Both),
        ];
        let key = "rpc.submit";
        let submit = self.choice(key, &given.submit, &ways);
        if submit != Way::Horizon && given.urls.is_empty() && given.url.is_empty() {
            let what = format!("{:?} needs rpc.urls, which is not given", given.submit);
            self.fail(key, what);
        }
        RpcConfig {
            urls: self.rpc_urls(given),
            requests_per_hour: self.number(
                "rpc.requests_per_hour",
                given.requests_per_hour,
                REQUESTS_PER_HOUR,
            ),
            request_timeout: self.seconds(
                "rpc.request_timeout_seconds",
                given.request_timeout_seconds,
                REQUEST_SECONDS,
            ),
            margin: Margin::percent(margin),
            submit,
        }
    }

    /// Of the two keys, the one that is given.
    fn rpc_urls(&mut self, given: &settings::Rpc) -> Vec<Url> {
        if given.url.is_empty() {
            let urls = given.urls.iter();
            return urls.filter_map(|url| self.web("rpc.urls", url)).collect();
        }
        if !given.urls.is_empty() {
            let what = "is given, and rpc.urls too: only one of them may be";
            self.fail("rpc.url", what);
        }
        self.web("rpc.url", &given.url).into_iter().collect()
    }
}
