//! All that the watcher knows, behind one lock: folders, watches, what is polled,
//! what is dirty. It turns the kernel's events into touches of paths.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hippo_config::WatchSettings;
use rustix::io::Errno;

use super::Watched;
use super::event::{Purpose, Seen, What};
use super::kernel::Kernel;
use super::mounts::{Mounted, kind_of, mount_points, mounted};
use super::polled::Polled;
use super::settle::{Dirty, Due, Touch};

/// Polled places above which whole folders are walked instead of each place.
const POLLED_PLACES_MAX: usize = 256;

/// Why a directory is polled that could have been watched.
const EXHAUSTED: &str = "no watch is left for it: raise fs.inotify.max_user_watches \
                         (or watch.max_watches in the settings)";

/// See the module's description.
pub(super) struct State {
    pub(super) kernel: Kernel,
    pub(super) dirty: Dirty,
    pub(super) roots: BTreeMap<PathBuf, Root>,
    /// Where clients write files to learn that all before was told of.
    cookies: Option<PathBuf>,
    pub(super) polled: Polled,
    pub(super) poll_every: Duration,
    poll_at: Option<Instant>,
    rescan_every: Duration,
    rescan_at: Instant,
    max_watches: u64,
    /// The last rename's old name, which the new one may follow.
    moved_from: Option<(u32, PathBuf)>,
    #[cfg(test)]
    broken: bool,
}

/// A watched folder, and where its file system and those below it were last seen.
pub(super) struct Root {
    mounted: Mounted,
}

impl State {
    pub(super) fn new(settings: &WatchSettings, kernel: Kernel, now: Instant) -> State {
        let rescan_every = Duration::from_secs(settings.rescan_minutes.max(1) * 60);
        State {
            kernel,
            dirty: Dirty::new(settings),
            roots: BTreeMap::new(),
            cookies: None,
            polled: Polled::default(),
            poll_every: Duration::from_secs(settings.poll_seconds.max(1)),
            poll_at: None,
            rescan_every,
            rescan_at: now + jittered(rescan_every),
            max_watches: settings.max_watches.unwrap_or(u64::MAX),
            moved_from: None,
            #[cfg(test)]
            broken: false,
        }
    }

    /// Begins anew with another queue: what happened in between went by unseen.
    pub(super) fn restart(&mut self, kernel: Kernel, why: &str) {
        self.kernel = kernel;
        self.moved_from = None;
        for root in self.roots.keys().cloned().collect::<Vec<_>>() {
            self.arm(&root);
        }
        if let Some(dir) = self.cookies.clone() {
            self.watch_cookies(&dir);
        }
        self.dirty.lost(why);
    }

    pub(super) fn add_root(&mut self, folder: &Path) -> Watched {
        self.roots.insert(
            folder.to_owned(),
            Root {
                mounted: mounted(folder, &mount_points()),
            },
        );
        self.arm(folder);
        match kind_of(folder)
            .ok()
            .and_then(super::mounts::FsKind::why_polled)
        {
            Some(why) => {
                self.poll(folder, &why);
                Watched::Unsupported(why)
            }
            None => Watched::Yes,
        }
    }

    pub(super) fn remove_root(&mut self, folder: &Path) {
        if self.roots.remove(folder).is_none() {
            return;
        }
        let needed = |dir: &Path| {
            self.roots
                .keys()
                .any(|root| root.starts_with(dir) && root != dir)
        };
        let spare: Vec<&Path> = folder
            .ancestors()
            .skip(1)
            .filter(|dir| !needed(dir))
            .collect();
        for dir in spare {
            self.kernel.remove_way(dir);
        }
        if self.root_of(folder).is_some() {
            return; // Another folder holds it.
        }
        self.unwatch_under(folder);
        let inner: Vec<PathBuf> = self
            .roots
            .keys()
            .filter(|r| r.starts_with(folder))
            .cloned()
            .collect();
        for root in inner {
            self.dirty
                .ask(Some(&root), "the folder around it was removed");
        }
    }

    pub(super) fn watch_dir(&mut self, dir: &Path) -> Watched {
        self.watch(dir, self.max_watches)
    }

    /// Directories watched within folders.
    pub(super) fn watched(&self) -> u64 {
        let own = self
            .cookies
            .as_ref()
            .is_some_and(|dir| self.kernel.holds(dir));
        self.kernel.within() - u64::from(own)
    }

    fn watch(&mut self, dir: &Path, max_watches: u64) -> Watched {
        match kind_of(dir) {
            Ok(kind) => {
                if let Some(why) = kind.why_polled() {
                    self.poll(dir, &why);
                    return Watched::Unsupported(why);
                }
            }
            Err(error) => return Watched::Unsupported(format!("it cannot be looked at: {error}")),
        }
        if self.watched() >= max_watches && !self.kernel.holds(dir) {
            self.poll(dir, EXHAUSTED);
            return Watched::Exhausted;
        }
        let within = Purpose {
            within: true,
            way: false,
        };
        match self.kernel.add(dir, within, self.roots.contains_key(dir)) {
            Ok(()) => {
                self.polled.remove(dir);
                Watched::Yes
            }
            Err(Errno::NOSPC | Errno::NOMEM | Errno::MFILE) => {
                self.poll(dir, EXHAUSTED);
                Watched::Exhausted
            }
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {
                Watched::Unsupported("it is gone".to_owned())
            }
            Err(error) => {
                let why = format!("the system refuses to watch it: {}", io::Error::from(error));
                self.poll(dir, &why);
                Watched::Unsupported(why)
            }
        }
    }

    pub(super) fn watch_cookies(&mut self, dir: &Path) -> Watched {
        self.cookies = Some(dir.to_owned());
        self.watch(dir, u64::MAX)
    }

    pub(super) fn unwatch_under(&mut self, dir: &Path) {
        self.kernel.remove_under(dir);
        self.polled.remove_under(dir);
        self.dirty.forget_under(dir);
    }

    /// What is to be done now: looks at the clock, takes what is due.
    pub(super) fn turn(&mut self, now: Instant) -> Due {
        #[cfg(test)]
        assert!(!std::mem::take(&mut self.broken), "broken on purpose");
        if now >= self.rescan_at {
            self.rescan_at = now + jittered(self.rescan_every);
            self.dirty.ask(None, "the regular look at everything");
        }
        if self.poll_at.is_some_and(|at| now >= at) {
            self.poll_round();
            self.poll_at = (!self.polled.is_empty()).then_some(now + self.poll_every);
        }
        self.dirty.due(now)
    }

    /// When [`State::turn`] is next worth calling.
    pub(super) fn deadline(&self) -> Instant {
        [Some(self.rescan_at), self.poll_at, self.dirty.deadline()]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(self.rescan_at)
    }

    /// Mounts changed: asks for walks of the folders that they bear on.
    pub(super) fn mounts_changed(&mut self) {
        let points = mount_points();
        let roots: Vec<PathBuf> = self.roots.keys().cloned().collect();
        for path in roots {
            let seen = mounted(&path, &points);
            if let Some(root) = self.roots.get_mut(&path)
                && root.mounted != seen
            {
                root.mounted = seen;
                self.arm(&path);
                self.dirty
                    .ask(Some(&path), "a file system was mounted or unmounted there");
            }
        }
    }

    /// Takes one event of the kernel in.
    pub(super) fn event(&mut self, seen: &Seen, now: Instant) {
        if seen.what == What::Overflow {
            self.moved_from = None;
            self.dirty
                .lost("the kernel's queue of file changes overflowed");
            return;
        }
        let path = seen.path();
        if seen.purpose.way {
            self.on_the_way(seen, &path, now);
        }
        if !seen.purpose.within {
            return;
        }
        if self.cookies.as_ref() == Some(&seen.dir) {
            // Only Linux tells when a file is closed.
            let written = seen.what == What::Closed
                || (cfg!(not(target_os = "linux")) && seen.what == What::Written);
            if written && seen.name.is_some() {
                self.dirty.cookie(&path, now);
            }
        } else if seen.name.is_none() {
            self.directory_itself(seen, &path, now);
        } else {
            self.entry(seen, &path, now);
        }
    }

    /// Something came or went in a directory that leads to watched folders.
    fn on_the_way(&mut self, seen: &Seen, path: &Path, now: Instant) {
        let roots: Vec<PathBuf> = self
            .roots
            .keys()
            .filter(|root| root.starts_with(path))
            .cloned()
            .collect();
        let names = matches!(
            seen.what,
            What::Created | What::Deleted | What::MovedFrom | What::MovedTo | What::DirMoved
        );
        if roots.is_empty() || !names {
            return;
        }
        let left = seen.what == What::MovedFrom
            || (seen.what == What::DirMoved && self.kernel.is_stale(path));
        if left {
            self.kernel.forget_under(path);
        }
        for root in roots {
            self.arm(&root);
            self.dirty.touch(&root, Touch::Now, now);
        }
    }

    fn directory_itself(&mut self, seen: &Seen, dir: &Path, now: Instant) {
        match seen.what {
            What::Unmounted => {
                let root = self.root_of(dir).map(Path::to_owned);
                self.dirty
                    .ask(root.as_deref(), "a file system was unmounted there");
            }
            What::DirMoved => {
                if self.kernel.is_stale(dir) {
                    self.kernel.forget_under(dir);
                }
                self.dirty.touch(dir, Touch::Gone, now);
            }
            What::Deleted => self.dirty.touch(dir, Touch::Gone, now),
            // Of other directories the one above tells; nobody else tells of a folder.
            What::Rights if self.roots.contains_key(dir) => {
                self.dirty.touch(dir, Touch::Settle, now);
            }
            _ => {}
        }
    }

    fn entry(&mut self, seen: &Seen, path: &Path, now: Instant) {
        if seen.is_dir && matches!(seen.what, What::MovedFrom | What::Deleted) {
            self.polled.remove_under(path);
        }
        let touch = match seen.what {
            What::MovedFrom => {
                if seen.is_dir {
                    // Its watches would tell of paths that are no more; the walk of
                    // its new place sets them again.
                    self.kernel.forget_under(path);
                }
                self.moved_from = Some((seen.cookie, path.to_owned()));
                Touch::Gone
            }
            What::MovedTo => {
                let cookie = seen.cookie;
                if let Some((_, from)) = self.moved_from.take_if(|(known, _)| *known == cookie) {
                    self.dirty.touch(&from, Touch::Now, now);
                }
                Touch::Now
            }
            What::Created if seen.is_dir => Touch::Now,
            What::Created | What::Written => Touch::Writing,
            What::Closed => Touch::Closed,
            What::Deleted => Touch::Gone,
            What::Rights => Touch::Settle,
            What::Overflow | What::Unmounted | What::DirMoved => return,
        };
        self.dirty.touch(path, touch, now);
    }

    /// Watches each directory from `/` to `folder` for names that come and go.
    fn arm(&mut self, folder: &Path) {
        let way = Purpose {
            within: false,
            way: true,
        };
        for dir in folder.ancestors().skip(1) {
            // What is not there yet is armed when it comes into the one above it.
            let _ = self.kernel.add(dir, way, true);
        }
    }

    fn root_of(&self, path: &Path) -> Option<&Path> {
        path.ancestors()
            .find_map(|above| self.roots.get_key_value(above))
            .map(|(root, _)| root.as_path())
    }

    fn poll(&mut self, dir: &Path, why: &str) {
        self.polled.insert(dir, why);
        if self.poll_at.is_none() {
            self.poll_at = Some(Instant::now() + self.poll_every);
        }
    }

    fn poll_round(&mut self) {
        const WHY: &str = "some of it cannot be watched";
        let places = self.polled.round();
        let many = places.len() > POLLED_PLACES_MAX;
        for place in places {
            let root = self.root_of(&place).map(Path::to_owned);
            match root {
                Some(root) if many || root == place => self.dirty.ask(Some(&root), WHY),
                _ => self.dirty.touch(&place, Touch::Now, Instant::now()),
            }
            // The walk takes it in again if it is there.
            if !self.roots.contains_key(&place) && !place.is_dir() {
                self.polled.remove_under(&place);
            }
        }
    }
}

/// What tests cannot wait for.
#[cfg(test)]
impl State {
    /// Makes the task panic when it looks at its deadlines.
    pub(super) fn break_off(&mut self) {
        self.broken = true;
    }

    /// Makes the regular look fall due.
    pub(super) fn an_hour_passes(&mut self) {
        self.rescan_at = Instant::now();
    }
}

/// A tenth more or less, so that many machines do not scan one server in step.
fn jittered(period: Duration) -> Duration {
    use std::hash::{BuildHasher, RandomState};
    let permille = RandomState::new().hash_one(0) % 201;
    period.mul_f64(0.9 + permille as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_regular_look_is_spread_by_a_tenth() {
        let hour = Duration::from_hours(1);
        for _ in 0..1_000 {
            let next = jittered(hour);
            assert!(next >= hour.mul_f64(0.899) && next <= hour.mul_f64(1.101));
        }
    }
}
