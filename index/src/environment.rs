//! Limits that LanceDB takes from the environment only.
//!
//! Its defaults suit a server that does nothing else: 2 GiB for each worker that builds a
//! full-text index, 2 GiB of read-ahead, 100 MiB and more of query memory a core. They are
//! read once, when first needed, so [`prepare_environment`] has to come first in `main`,
//! before any thread is there. What the user has set stays as it is.
#![allow(unsafe_code)]

/// Variable, value, reason.
const DEFAULTS: [(&str, &str, &str); 6] = [
    (
        "LANCE_FTS_PARTITION_SIZE",
        "128",
        "MiB for each worker that builds a full-text index; a full one is written and merged",
    ),
    (
        "LANCE_FTS_NUM_SHARDS",
        "1",
        "workers that build a full-text index: background work takes one core",
    ),
    (
        "LANCE_DEFAULT_IO_BUFFER_SIZE",
        "67108864",
        "bytes read ahead by one scan: 64 MiB hold the largest page of a table of ours 8 times",
    ),
    (
        "LANCE_MEM_POOL_SIZE",
        "268435456",
        "bytes for sorting in one query; more is spilled to disk",
    ),
    (
        "LANCE_IO_THREADS",
        "8",
        "reads in flight: on two cores searches are slower with 4 and with 32, and each has its buffers",
    ),
    (
        "LANCE_CPU_THREADS",
        "4",
        "of all that computes: on two cores LanceDB takes one, and a question waits behind commits \
         and indexes (p99 1.4 s while a folder is read; 0.4 s with 4, hardly less with 8)",
    ),
];

/// Sets LanceDB's limits for this process, where the user has not set them.
///
/// Call it first thing in `main`, before a runtime or any other thread is started.
pub fn prepare_environment() {
    for (name, value, _why) in DEFAULTS {
        if std::env::var_os(name).is_none() {
            // SAFETY: the caller promises that no other thread runs yet, so nothing can read
            // the environment while it changes.
            unsafe { std::env::set_var(name, value) };
        }
    }
}
