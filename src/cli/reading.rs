//! How far the chain's history is read, for whoever looks at the terminal.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::worker::Status;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Shows a bar on a terminal while a history is read, for as long as it runs.
pub async fn show(status: Status) {
    if !std::io::stderr().is_terminal() {
        return;
    }
    let style = "reading {prefix} {wide_bar} {percent} %  {msg}  {elapsed}";
    let style =
        ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar());
    let mut bar: Option<ProgressBar> = None;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let Some(reading) = status.reading() else {
            if let Some(bar) = bar.take() {
                bar.finish_and_clear();
            }
            continue;
        };
        let (done, all) = reading.progress();
        let bar = bar.get_or_insert_with(|| ProgressBar::new(all).with_style(style.clone()));
        let account = reading.account.to_string();
        bar.set_prefix(format!("{}…{}", &account[..4], &account[52..]));
        bar.set_length(all);
        bar.set_position(done);
        bar.set_message(format!(
            "{} transactions, {} of ours that were not on record",
            reading.transactions, reading.unknown
        ));
    }
}
