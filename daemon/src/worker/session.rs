//! One worker as the daemon holds it: greeted once, then one file after another.
//!
//! Everything that can go wrong with a worker ends here as an [`Outcome`]. While a file is
//! at work three things are watched at once: its frames, its stderr and the clock.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, Instant};

use hippo_extractors::Scan;
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::net::unix::pipe;
use tokio::sync::mpsc;

use super::answer::{Answer, Ending, Step};
use super::death::{self, Evidence, Tail};
use super::frames::{FrameError, Frames, encode};
use super::inbox::send_with_file;
use super::patience::Patience;
use super::pool::PoolConfig;
use super::process::{self, Process, Starter};
use super::protocol::{FromWorker, Job, PROTOCOL, Setup, ToWorker};
use super::sandbox::SandboxReport;
use super::{Extraction, Outcome, Progress};

/// How long a worker may take to greet: loading 100 MB of program and PDFium from a cold
/// disk, at idle priority, beside a machine under full load.
const GREETING: Duration = Duration::from_secs(30);

/// How often memory is looked at while a file is at work, to tell later what it died of.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Part of the memory limit, in hundredths, from which a crash counts as one for want of
/// memory.
const NEAR_LIMIT_PERCENT: u64 = 75;

/// Part of the memory limit, in hundredths, above which a worker is not used again.
const FULL_PERCENT: u64 = 50;

/// What a worker may write to stderr during one file. After that nobody listens until the
/// next file; one that then blocks on it stalls, and is killed as such.
const STDERR_MAX_BYTES: usize = 256 * 1024;

const MIB: u64 = 1024 * 1024;

/// A worker that has greeted.
#[derive(Debug)]
pub(super) struct Session {
    process: Option<Process>,
    socket: UnixStream,
    stderr: pipe::Receiver,
    frames: Frames,
    tail: Tail,
    files: u64,
    /// Its address space before the first file.
    base: u64,
    near_limit: bool,
}

/// How a start ended.
#[derive(Debug)]
pub(super) enum Greeting {
    Ready(Box<Session>, SandboxReport),
    Failed(String),
}

/// How a job ended, and what is left of the worker.
#[derive(Debug)]
pub(super) enum Verdict {
    /// The file is through, the worker may go on.
    Ended(Outcome),
    /// The worker is no more.
    Fallen(Outcome),
    /// The worker died before it touched the file.
    NeverTaken(String),
}

/// Who is told of a file while it is read.
#[derive(Debug)]
pub(super) struct Told<'a, P> {
    /// Of its progress.
    pub(super) progress: &'a P,
    /// Of its sound, as it comes.
    pub(super) sound: Option<&'a mpsc::Sender<Vec<i16>>>,
    /// Of its scans, one by one.
    pub(super) scans: Option<&'a mpsc::Sender<Scan>>,
}

impl<P> Clone for Told<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P> Copy for Told<'_, P> {}

/// Why a conversation broke off.
#[derive(Debug)]
enum Fault {
    /// The worker closed the connection: it is dead or dying.
    Gone,
    /// Nothing moved for too long.
    Stalled,
    /// It said what it must not.
    Wrong(String),
}

impl From<FrameError> for Fault {
    fn from(error: FrameError) -> Fault {
        match error {
            FrameError::Socket(_) | FrameError::Cut => Fault::Gone,
            FrameError::TooLong(_) | FrameError::Malformed(_) => Fault::Wrong(error.to_string()),
        }
    }
}

impl From<io::Error> for Fault {
    fn from(_: io::Error) -> Fault {
        Fault::Gone
    }
}

impl Session {
    /// Starts a worker and hears its greeting.
    pub(super) async fn start(starter: &Starter, config: &PoolConfig) -> Greeting {
        let mut session = match Session::connect(starter).await {
            Ok(session) => session,
            Err(error) => return Greeting::Failed(error.to_string()),
        };
        let greeting = tokio::time::timeout(GREETING, session.greet(config)).await;
        let reason = match greeting {
            Ok(Ok(FromWorker::Hello { protocol, report })) if protocol == PROTOCOL => {
                session.base = session.memory().map_or(0, |memory| memory.mapped);
                return Greeting::Ready(Box::new(session), report);
            }
            Ok(Ok(FromWorker::Hello { .. })) => {
                "it is of another version; restart hippo after an upgrade".to_owned()
            }
            Ok(Ok(FromWorker::Unfit { reason })) => format!("its sandbox does not close: {reason}"),
            Ok(Ok(_)) => "it did not greet".to_owned(),
            Ok(Err(Fault::Wrong(words))) => words,
            Ok(Err(Fault::Gone | Fault::Stalled)) => session.post_mortem(config).await,
            Err(_) => format!("no greeting within {} s", GREETING.as_secs()),
        };
        Greeting::Failed(reason)
    }

    async fn connect(starter: &Starter) -> io::Result<Session> {
        let new = starter.start().await?;
        Ok(Session {
            process: Some(new.process),
            socket: UnixStream::from_std(new.socket)?,
            stderr: pipe::Receiver::from_owned_fd(new.stderr)?,
            frames: Frames::default(),
            tail: Tail::default(),
            files: 0,
            base: 0,
            near_limit: false,
        })
    }

    async fn greet(&mut self, config: &PoolConfig) -> Result<FromWorker, Fault> {
        let pdfium = config.pdfium.as_ref();
        let setup = Setup {
            protocol: PROTOCOL,
            memory_max_mib: config.memory_max_mib,
            limits: config.limits.clone(),
            pdfium: pdfium.map(|path| path.as_os_str().as_bytes().to_vec()),
        };
        let mut bytes = Vec::new();
        encode(&ToWorker::Setup(setup), &mut bytes)?;
        self.send(&bytes, None).await?;
        loop {
            if let Some(frame) = self.frames.take()? {
                return Ok(frame);
            }
            self.socket.readable().await?;
            self.read()?;
        }
    }

    /// Whether an idle worker is still there and silent, as it should be.
    pub(super) fn alive(&self) -> bool {
        let mut byte = [0];
        let read = rustix::io::read(self.socket.as_fd(), &mut byte);
        read == Err(rustix::io::Errno::WOULDBLOCK)
    }

    /// Whether it may have another file.
    pub(super) fn fit(&self, config: &PoolConfig) -> bool {
        let full = share(config, FULL_PERCENT);
        let swollen = |memory: process::Memory| memory.resident > full;
        self.files < config.files_per_worker && !self.memory().is_some_and(swollen)
    }

    /// One file from start to end.
    pub(super) async fn run(
        &mut self,
        config: &PoolConfig,
        job: &Job,
        file: &File,
        told: Told<'_, impl Fn(Progress) + Send + Sync>,
    ) -> Verdict {
        self.files += 1;
        self.near_limit = false;
        self.tail.clear();
        let mut answer = Answer::new(job.id, &config.limits, &job.wants, Instant::now());
        let result = self.converse(config, job, file, &mut answer, told).await;
        let stage = answer.progress.stage.clone();
        let reason = match result {
            Ok(Ending::Done(metadata)) => {
                return Verdict::Ended(Outcome::Done(Box::new(Extraction {
                    metadata: *metadata,
                    segments: answer.segments,
                    pictures: answer.pictures,
                })));
            }
            Ok(Ending::Refused(refusal)) => return Verdict::Ended(Outcome::Refused(refusal)),
            Ok(Ending::Panicked(message)) => format!("the extractor panicked: {message}"),
            Err(Fault::Wrong(words)) => format!("the worker gave a wrong answer: {words}"),
            Err(Fault::Stalled) => death::stalled(stall(config), &stage),
            Err(Fault::Gone) if answer.started => self.post_mortem(config).await,
            Err(Fault::Gone) => return Verdict::NeverTaken(self.post_mortem(config).await),
        };
        self.process = None;
        Verdict::Fallen(Outcome::Died { reason, stage })
    }

    async fn converse(
        &mut self,
        config: &PoolConfig,
        job: &Job,
        file: &File,
        answer: &mut Answer<'_>,
        told: Told<'_, impl Fn(Progress) + Send + Sync>,
    ) -> Result<Ending, Fault> {
        let mut bytes = Vec::new();
        encode(&ToWorker::Job(job.clone()), &mut bytes)?;
        self.send(&bytes, Some(file)).await?;
        let mut heard = 0;
        let mut look = Instant::now() + LOOK_EVERY;
        let mut waiting = Patience::new(answer.alive);
        loop {
            let mut now = Instant::now();
            while let Some(frame) = self.frames.take()? {
                match answer.take(frame, now).map_err(Fault::Wrong)? {
                    Step::Noted => {}
                    Step::Moved => (told.progress)(answer.progress.clone()),
                    Step::Scan(scan) => {
                        if let Some(scans) = told.scans {
                            // Who reads no more needs no pixels; the time is not the worker's.
                            let _ = scans.send(scan).await;
                        }
                        now = Instant::now();
                        answer.alive = now;
                    }
                    Step::Heard(samples) => {
                        if let Some(sound) = told.sound {
                            // Who listens sets the pace; the worker waits on its socket, and
                            // the time is not its own.
                            let _ = sound.send(samples).await;
                        }
                        now = Instant::now();
                        answer.alive = now;
                    }
                    Step::End(ending) => return self.silent(ending),
                }
            }
            if waiting.alive != answer.alive {
                waiting.look(answer.alive, None);
            }
            let patience = answer.patience(stall(config) + waiting.grace, now);
            let nap = patience.min(look.saturating_duration_since(now));
            tokio::select! {
                biased;
                ready = self.socket.readable() => {
                    ready?;
                    self.read()?;
                }
                ready = self.stderr.readable(), if heard < STDERR_MAX_BYTES => {
                    ready?;
                    heard += self.listen()?;
                }
                () = tokio::time::sleep(nap) => {
                    let work = self.process.as_ref().and_then(Process::work);
                    if patience.is_zero() && !waiting.starved(stall(config), work) {
                        return Err(Fault::Stalled);
                    }
                    waiting.look(answer.alive, work);
                    look = Instant::now() + LOOK_EVERY;
                    self.look(config);
                }
            }
        }
    }

    /// After its last frame a worker has nothing more to say.
    fn silent(&self, ending: Ending) -> Result<Ending, Fault> {
        if self.frames.is_empty() {
            return Ok(ending);
        }
        Err(Fault::Wrong("words after the last word".to_owned()))
    }

    async fn send(&mut self, bytes: &[u8], file: Option<&File>) -> Result<(), Fault> {
        let mut sent = 0;
        while sent < bytes.len() {
            self.socket.writable().await?;
            let rest = &bytes[sent..];
            let socket = &self.socket;
            // The descriptor goes once, with the first byte.
            let written = match file.filter(|_| sent == 0) {
                Some(file) => socket.try_io(Interest::WRITABLE, || {
                    send_with_file(socket.as_fd(), rest, file.as_fd())
                }),
                None => socket.try_write(rest),
            };
            match written {
                Ok(n) => sent += n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// One read of frames.
    fn read(&mut self) -> Result<(), Fault> {
        let socket = &self.socket;
        match self.frames.fill(|room| socket.try_read(room)) {
            Ok(0) => Err(Fault::Gone),
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error.into()),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// One read of stderr. A closed stderr is heard no more.
    fn listen(&mut self) -> Result<usize, Fault> {
        let mut room = [0; 4096];
        match self.stderr.try_read(&mut room) {
            Ok(0) => Ok(STDERR_MAX_BYTES),
            Ok(n) => {
                self.tail.push(&room[..n]);
                Ok(n)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    fn memory(&self) -> Option<process::Memory> {
        self.process.as_ref()?.memory()
    }

    /// Remembers whether the worker comes near its limit.
    fn look(&mut self, config: &PoolConfig) {
        let Some(memory) = self.memory() else {
            return;
        };
        let near = share(config, NEAR_LIMIT_PERCENT);
        self.near_limit = memory.mapped.saturating_sub(self.base) > near;
    }

    /// The reason of a death, once the process is gone.
    async fn post_mortem(&mut self, config: &PoolConfig) -> String {
        let status = match self.process.take() {
            Some(process) => process.end().await,
            None => None,
        };
        let tail = &mut self.tail;
        process::drain(&self.stderr, |bytes| tail.push(bytes));
        death::reason(&Evidence {
            status,
            tail: &self.tail,
            near_limit: self.near_limit,
            memory_max_mib: config.memory_max_mib,
        })
    }

    /// Ends an idle worker the gentle way: the connection closes, and it leaves.
    pub(super) async fn leave(mut self) {
        let process = self.process.take();
        drop(self);
        if let Some(process) = process {
            process.end().await;
        }
    }
}

/// A part of a worker's memory, in bytes.
fn share(config: &PoolConfig, percent: u64) -> u64 {
    config.memory_max_mib.saturating_mul(MIB) / 100 * percent
}

fn stall(config: &PoolConfig) -> Duration {
    Duration::from_millis(config.stall_ms)
}
