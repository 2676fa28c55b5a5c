//! Tells the engines that there is new work: this process's own at once, the others through the database.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::store::Store;

/// The shortest time between two announcements. A NOTIFY takes a lock over the whole server when it commits, so one for each
/// batch would hold the batches up.
const PAUSE: Duration = Duration::from_millis(50);

/// The way to the engines.
pub struct Announcer(watch::Sender<()>);

impl Announcer {
    /// Starts the task that announces. It ends when the announcer is dropped.
    pub fn start(store: &Store, wake_own: Arc<dyn Fn() + Send + Sync>) -> Self {
        let (sender, receiver) = watch::channel(());
        tokio::spawn(announce(store.clone(), wake_own, receiver));
        Self(sender)
    }

    /// There is new work, and it is committed. Returns at once; the last call is always followed by an announcement. Should
    /// this process end before, polling finds the work.
    pub fn announce(&self) {
        self.0.send_replace(());
    }
}

async fn announce(
    store: Store,
    wake_own: Arc<dyn Fn() + Send + Sync>,
    mut news: watch::Receiver<()>,
) {
    while news.changed().await.is_ok() {
        wake_own();
        if let Err(error) = store.wake().await {
            tracing::warn!(%error, "new work could not be announced; others find it by polling");
        }
        tokio::time::sleep(PAUSE).await;
    }
}
