//! Logs and metrics, set up once for the process.

use std::io::IsTerminal as _;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use thiserror::Error;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Bounds of the buckets of everything that is measured in seconds: from a database's answer to a payment's way.
const SECONDS_BUCKETS: [f64; 15] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0,
];

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Why there are no logs or metrics.
#[derive(Debug, Error)]
pub enum TelemetryError {
    /// The filter does not parse.
    #[error("log.filter: {0}")]
    Filter(#[from] ParseError),
    /// Somebody has installed another subscriber.
    #[error("logging was set up twice: {0}")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
    /// The recorder could not be installed.
    #[error("metrics: {0}")]
    Metrics(#[from] BuildError),
}

/// Parses a filter such as `info,stellar_submitter::worker=debug`.
///
/// # Errors
/// [`TelemetryError::Filter`] with what is wrong.
pub fn parse_filter(filter: &str) -> Result<EnvFilter, TelemetryError> {
    Ok(EnvFilter::builder().parse(filter)?)
}

/// Sends log lines to standard error: standard output belongs to a command's result.
///
/// # Errors
/// [`TelemetryError`] for a filter that does not parse, or a second call.
pub fn init_logs(format: LogFormat, filter: &str) -> Result<(), TelemetryError> {
    let lines = tracing_subscriber::fmt()
        .with_env_filter(parse_filter(filter)?)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Text => lines.finish().try_init()?,
        LogFormat::Json => lines.json().flatten_event(true).finish().try_init()?,
    }
    Ok(())
}

/// Installs the recorder of all metrics; the handle renders them as Prometheus text. Call its `run_upkeep` every few
/// seconds, or histograms grow without bound while nobody reads them.
///
/// # Errors
/// [`TelemetryError::Metrics`] on a second call.
pub fn install_metrics() -> Result<PrometheusHandle, TelemetryError> {
    let seconds = Matcher::Suffix("_seconds".to_owned());
    Ok(PrometheusBuilder::new()
        .set_buckets_for_metric(seconds, &SECONDS_BUCKETS)?
        .install_recorder()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_rendered_with_buckets() {
        let handle = install_metrics().expect("the first recorder of this process");
        metrics::counter!("submitter_test_total").increment(2);
        metrics::histogram!("submitter_test_seconds").record(0.3);
        let text = handle.render();
        assert!(text.contains("submitter_test_total 2"), "{text}");
        assert!(
            text.contains("submitter_test_seconds_bucket{le=\"0.5\"} 1"),
            "{text}"
        );
        install_metrics().expect_err("a second recorder");
    }

    #[test]
    fn a_filter_that_does_not_parse_is_named() {
        parse_filter("info,stellar_submitter::worker=debug").expect("a filter");
        let error = parse_filter("info,worker=loud").expect_err("not a level");
        assert!(error.to_string().starts_with("log.filter: "), "{error}");
    }
}
