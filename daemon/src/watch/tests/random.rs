//! Random changes to a real folder, made while the driver walks: after a cookie,
//! what the hints led to must be what stands on the disk, or a watch was lost.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::super::Hint;
use super::{Driver, settings};
use crate::scan::{Rules, Walk, WalkItem};

/// Changes between two cookies, and how often.
const CHANGES: u64 = 40;
const ROUNDS: u64 = 60;

/// Small, seeded, and the same everywhere (xorshift64*).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % end
    }

    /// One to three names of three: few enough that they meet.
    fn path(&mut self, root: &Path) -> PathBuf {
        let mut path = root.to_owned();
        for _ in 0..=self.below(3) {
            path.push(["a", "b", "c"][self.below(3) as usize]);
        }
        path
    }

    /// One change; it may fail, as changes do.
    fn change(&mut self, root: &Path, step: u64) {
        let (one, two) = (self.path(root), self.path(root));
        let _ = match self.below(9) {
            0 | 1 => fs::create_dir_all(&one),
            2 | 3 => fs::write(&one, format!("{step}")),
            4 | 5 => fs::rename(&one, &two),
            6 => fs::remove_dir_all(&one),
            7 => fs::remove_file(&one),
            _ => fs::remove_dir_all(&one).and_then(|()| {
                fs::create_dir_all(&one)?;
                fs::write(one.join("b"), format!("{step}"))
            }),
        };
    }
}

/// What is known of the disk: what walks found, kept up by hints alone.
#[derive(Default)]
struct Known(BTreeMap<PathBuf, u64>);

impl Known {
    fn look(&mut self, driver: &Driver, at: &Path) {
        self.0.retain(|path, _| !path.starts_with(at));
        self.0.extend(listed(&driver.rules, at, |dir| {
            driver.watcher.watch_dir(dir);
        }));
    }
}

/// The files at and below `at`, by inode and time.
fn listed(rules: &Rules, at: &Path, each: impl Fn(&Path)) -> BTreeMap<PathBuf, u64> {
    let mut found = BTreeMap::new();
    for item in Walk::new(rules, at) {
        match item.unwrap() {
            WalkItem::Dir(dir) => each(&dir),
            WalkItem::File(fact) => {
                found.insert(fact.path, fact.ino ^ fact.mtime_ns as u64);
            }
        }
    }
    found
}

async fn run(seed: u64) {
    let mut driver = Driver::new(settings(), 64).await;
    let mut random = Random(seed | 1);
    let mut known = Known::default();
    let cookies = driver.dir.path().canonicalize().unwrap().join("cookies");
    for round in 0..ROUNDS {
        for step in 0..CHANGES {
            random.change(&driver.root, round * CHANGES + step);
            // Now and then the driver walks in the middle of it all.
            while random.below(3) == 0
                && let Ok(Hint::Path(path)) = driver.hints.try_recv()
            {
                known.look(&driver, &path);
            }
            tokio::task::yield_now().await;
        }
        let cookie = cookies.join(format!("{round}"));
        fs::write(&cookie, "").unwrap();
        loop {
            match driver.hint().await {
                Hint::Path(path) if path == cookie => break,
                Hint::Path(path) => known.look(&driver, &path),
                Hint::Rescan { why, .. } => panic!("nothing overflowed: {why}"),
            }
        }
        // What the last walks met while they ran is told of by another cookie; the
        // disk is still by now.
        let again = cookies.join(format!("{round}-again"));
        fs::write(&again, "").unwrap();
        loop {
            match driver.hint().await {
                Hint::Path(path) if path == again => break,
                Hint::Path(path) => known.look(&driver, &path),
                Hint::Rescan { why, .. } => panic!("nothing overflowed: {why}"),
            }
        }
        let disk = listed(&driver.rules, &driver.root, |_| {});
        assert_eq!(known.0, disk, "seed {seed}, round {round}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn promises_2_to_5_whatever_is_done_the_hints_lead_to_the_disk() {
    for seed in [1, 20_261_123, 0xdead_beef] {
        run(seed).await;
    }
}
