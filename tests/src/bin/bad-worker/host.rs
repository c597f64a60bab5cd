//! A daemon in miniature: a pool with one file at work, to be killed by a test.

use std::fs::File;
use std::path::Path;
use std::process::ExitCode;

use hippo_config::{Limits, WorkerSettings};
use hippo_daemon::worker::{Pool, PoolConfig};
use hippo_extractors::Wants;

/// Reads `subject` in a pool of this very program and prints each stage that it reports.
pub(crate) fn host(subject: &Path) -> ExitCode {
    let Ok(runtime) = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
    else {
        return ExitCode::FAILURE;
    };
    let Ok(file) = File::open(subject) else {
        return ExitCode::FAILURE;
    };
    let pool = Pool::new(PoolConfig::new(
        &WorkerSettings::default(),
        &Limits::default(),
        None,
    ));
    let outcome = runtime.block_on(pool.extract(
        file,
        "subject".to_owned(),
        0,
        Wants::default(),
        |progress| {
            println!("{}", progress.stage);
        },
    ));
    println!("{outcome:?}");
    ExitCode::SUCCESS
}
