//! `run`: the daemon.

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::{Global, reading};
use crate::config::Required;
use crate::daemon::{Daemon, Options};
use crate::telemetry;

/// The daemon: API and engine.
#[derive(Debug, Args)]
pub struct Run {
    /// Address and port of the API (api.listen)
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
}

impl Run {
    /// Runs until SIGTERM or SIGINT, then drains.
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        let mut global = global.clone();
        if let Some(listen) = self.listen {
            global.set.push(("api.listen".to_owned(), listen));
        }
        let config = global.load(&[Required::Database, Required::Horizon, Required::Source])?;
        telemetry::init_logs(config.log.format, &config.log.filter)?;
        let metrics = telemetry::install_metrics()?;
        // Before anything takes long, so that an early signal is heard too.
        let told = told_to_stop()?;
        tokio::pin!(told);
        let options = Options {
            dev_key: None,
            metrics: Some(metrics),
        };
        let daemon = tokio::select! {
            daemon = Daemon::start(&config, options) => daemon?,
            () = &mut told => return Ok(()),
        };
        let reading = tokio::spawn(reading::show(daemon.status.clone()));
        let ended = daemon.run_until(told).await;
        reading.abort();
        ended
    }
}

/// Ends when SIGTERM or SIGINT comes.
///
/// # Errors
/// Where signals cannot be heard.
pub fn told_to_stop() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
