//! A running daemon: started, watched, frozen, killed, started again.
//!
//! It is the child of the test and dies with it: dropped, it is killed; should the test itself
//! be killed, the kernel ends it (`setpriv --pdeathsig`, where util-linux is there). A failing
//! test prints the end of its log.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::client::Client;
use crate::home::{TempHome, log_tail};
use crate::proc;

/// How long a daemon may take until it answers: an index of a million rows opens in less.
const START_S: u64 = 60;
/// How long anything that a test waits for may take, on two slow and busy cores.
pub const PATIENCE: Duration = Duration::from_mins(2);
/// How long one waits for an event before the condition is looked at all the same: not every
/// change that a test waits for is an event.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// The binary under test: `HIPPO_BIN`, or the one beside the test in the target folder.
pub fn hippo_bin() -> PathBuf {
    if let Some(path) = std::env::var_os("HIPPO_BIN") {
        let path = PathBuf::from(path);
        assert!(path.is_file(), "HIPPO_BIN={} is no file", path.display());
        return path;
    }
    // target/release/deps/e2e-0123 or target/release/bench: the binary lies with the latter.
    let exe = std::env::current_exe().unwrap();
    let found = exe
        .ancestors()
        .skip(1)
        .take(2)
        .map(|dir| dir.join("hippo"))
        .find(|path| path.is_file());
    found.unwrap_or_else(|| {
        panic!(
            "there is no hippo beside {}: these tests drive the real binary. \
             `cargo nextest run --release --workspace` builds it on the way; for this package \
             alone, run `cargo build --release -p hippo-daemon` first, or set HIPPO_BIN.",
            exe.display()
        )
    })
}

/// A daemon of a [`TempHome`].
pub struct Daemon {
    child: Child,
    client: Client,
    home: PathBuf,
}

impl Daemon {
    /// Writes the settings, starts `hippo run` and waits until it answers.
    pub fn start(home: &TempHome) -> Daemon {
        home.write_settings();
        Self::start_as_is(home)
    }

    /// The same with the settings file as it lies there.
    pub fn start_as_is(home: &TempHome) -> Daemon {
        let mut daemon = Self::spawn(home);
        daemon.until_it_answers();
        daemon
    }

    /// Starts it and does not wait.
    pub fn spawn(home: &TempHome) -> Daemon {
        let plain = home.command(&["run"]);
        let mut command = dying_with_us(&plain);
        let err = std::fs::File::options()
            .create(true)
            .append(true)
            .open(home.root().join("stderr.txt"))
            .unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(err.try_clone().unwrap())
            .stderr(err)
            .spawn()
            .unwrap();
        Daemon {
            child,
            client: Client::new(home.socket()),
            home: home.home(),
        }
    }

    /// Waits until the socket answers with this daemon's own pid.
    pub fn until_it_answers(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(START_S);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!(
                    "hippo run ended at once with {status}:\n{}",
                    self.last_words()
                );
            }
            if let Ok(reply) = self.client.request("GET", "/v1/status", None)
                && reply.status == 200
                && reply.body["pid"] == self.pid()
            {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "the daemon does not answer within {START_S} s:\n{}",
                self.last_words()
            );
            // There is no event before there is a socket: this is the one place that polls.
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its socket.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Waits until everything is searchable; fails the test with the status when it is not.
    pub fn wait(&self) {
        self.wait_for(PATIENCE);
    }

    /// The same, with another patience.
    pub fn wait_for(&self, patience: Duration) {
        if let Err(reply) = self.client.wait(patience) {
            panic!(
                "hippo wait: {} {}\nstatus: {:#}",
                reply.status,
                reply.body,
                self.client.status()
            );
        }
    }

    /// Waits until a condition holds: looks, waits for the next event, looks again.
    pub fn until(&self, what: &str, condition: impl FnMut(&Client) -> bool) {
        self.until_within(PATIENCE, what, condition);
    }

    /// The same, with another patience.
    pub fn until_within(
        &self,
        patience: Duration,
        what: &str,
        mut condition: impl FnMut(&Client) -> bool,
    ) {
        let deadline = Instant::now() + patience;
        let mut events = self.client.events().unwrap();
        while !condition(&self.client) {
            assert!(
                Instant::now() < deadline,
                "in {patience:?} it never came to this: {what}\nstatus: {:#}",
                self.client.status()
            );
            let quiet = events.next_within(LOOK_AGAIN).is_none();
            assert!(
                !quiet || proc::alive(self.pid()),
                "the daemon died while waiting: {what}"
            );
        }
    }

    /// `kill -9`: no farewell.
    pub fn kill9(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end, as a service manager would, and waits for it.
    pub fn stop(mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait_for_end(Duration::from_secs(30))
    }

    /// Waits for its end, whoever asked for it.
    pub fn wait_for_end(&mut self, patience: Duration) -> ExitStatus {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(
                Instant::now() < deadline,
                "the daemon does not end within {patience:?}:\n{}",
                self.last_words()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        send(self.pid(), signal);
    }

    /// The processes that read files for it.
    pub fn workers(&self) -> Vec<u32> {
        proc::children(self.pid())
            .into_iter()
            .filter(|&pid| proc::alive(pid))
            .collect()
    }

    /// Stops its workers in their tracks until the guard is dropped. A worker that is stopped is
    /// the slowest extraction there can be, and a proof for what needs none.
    pub fn freeze_workers(&self) -> Frozen {
        let pids = self.workers();
        for &pid in &pids {
            send(pid, Signal::STOP);
        }
        let deadline = Instant::now() + Duration::from_secs(5);
        while pids.iter().any(|&pid| proc::state(pid) != Some('T')) {
            assert!(Instant::now() < deadline, "a worker does not stop");
            std::thread::yield_now();
        }
        Frozen { pids }
    }

    /// Number of files in a state, by the status.
    pub fn count(&self, state: &str) -> u64 {
        count(&self.client.status(), state)
    }

    /// What it said on standard error and in its log, for a failure's report.
    pub fn last_words(&self) -> String {
        let stderr = self
            .home
            .parent()
            .unwrap_or(Path::new("/"))
            .join("stderr.txt");
        format!(
            "--- standard error\n{}\n--- log\n{}",
            std::fs::read_to_string(stderr).unwrap_or_default(),
            log_tail(&self.home)
        )
    }
}

/// Number of files in a state, in a status.
pub fn count(status: &Value, state: &str) -> u64 {
    status["counts"]["by_state"][state].as_u64().unwrap_or(0)
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.last_words());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Workers that stand still.
pub struct Frozen {
    pids: Vec<u32>,
}

impl Frozen {
    /// Who stands still.
    pub fn pids(&self) -> &[u32] {
        &self.pids
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        for &pid in &self.pids {
            send(pid, Signal::CONT);
        }
    }
}

/// Sends a signal; a process that is gone already is fine.
pub fn send(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

/// The command so wrapped that the kernel kills it with us.
fn dying_with_us(plain: &Command) -> Command {
    let setpriv = Path::new("/usr/bin/setpriv");
    let mut command = if setpriv.is_file() {
        let mut command = Command::new(setpriv);
        command.args(["--pdeathsig", "KILL", "--"]);
        command.arg(plain.get_program());
        command
    } else {
        Command::new(plain.get_program())
    };
    command.args(plain.get_args());
    for (key, value) in plain.get_envs() {
        match value {
            Some(value) => command.env(key, value),
            None => command.env_remove(key),
        };
    }
    command
}
