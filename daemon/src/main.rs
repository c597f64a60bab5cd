//! The one binary: `hippo`.

use std::process::ExitCode;

/// The system's allocator keeps what a large answer once needed; this one gives it back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // First of all: it sets environment variables, which only a single thread may do.
    hippo_index::prepare_environment();
    hippo_daemon::cli::main()
}
