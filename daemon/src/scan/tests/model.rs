//! Random trees and random edits: applying the changes to the catalog must give the
//! disk, and files that were only moved must come out as moved.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use proptest::prelude::*;

use super::super::{CatalogFact, Change, DiskFact, reconcile, sort_key};

const HOME: u64 = 7;

/// A file of the model: its bytes are known by a number.
#[derive(Debug, Clone, PartialEq, Eq)]
struct File {
    ino: u64,
    content: u64,
    size: u64,
    mtime: i64,
    ctime: i64,
}

#[derive(Debug, Clone)]
enum Edit {
    Create(usize),
    Write(usize),
    Replace(usize),
    Delete(usize),
    Rename(usize, usize),
    Swap(usize, usize),
    Link(usize, usize),
    Chmod(usize),
}

/// Few paths, so that edits meet; nested, so that the order is put to the test.
const PATHS: &[&str] = &[
    "/a", "/a/b", "/a.b", "/a/b/c", "/b", "/b c", "/b/a", "/b/é", "/ba", "/c/d",
];

fn edit() -> impl Strategy<Value = Edit> {
    let at = 0..PATHS.len();
    let two = (at.clone(), at.clone());
    prop_oneof![
        at.clone().prop_map(Edit::Create),
        at.clone().prop_map(Edit::Write),
        at.clone().prop_map(Edit::Replace),
        at.clone().prop_map(Edit::Delete),
        two.clone().prop_map(|(a, b)| Edit::Rename(a, b)),
        two.clone().prop_map(|(a, b)| Edit::Swap(a, b)),
        two.prop_map(|(a, b)| Edit::Link(a, b)),
        at.prop_map(Edit::Chmod),
    ]
}

/// A disk that gives out inode numbers again as ext4 does: the last one freed first.
#[derive(Debug, Clone, Default)]
struct Disk {
    files: BTreeMap<usize, File>,
    free: Vec<u64>,
    last_ino: u64,
    clock: i64,
}

impl Disk {
    fn apply(&mut self, edit: &Edit) {
        self.clock += 1;
        let clock = self.clock;
        match *edit {
            Edit::Create(at) if !self.files.contains_key(&at) => self.create(at),
            Edit::Write(at) => self.change(at, |file| {
                file.content = clock as u64;
                file.size = clock as u64 % 3;
                (file.mtime, file.ctime) = (clock, clock);
            }),
            // Written beside and renamed over: the old inode lives until then.
            Edit::Replace(at) if self.files.contains_key(&at) => {
                let old = self.files.remove(&at);
                self.create(at);
                self.release(old);
            }
            Edit::Delete(at) => {
                let old = self.files.remove(&at);
                self.release(old);
            }
            Edit::Rename(from, to) if from != to => {
                if let Some(mut file) = self.files.remove(&from) {
                    file.ctime = clock;
                    let old = self.files.insert(to, file.clone());
                    self.release(old);
                    self.touch_links(&file);
                }
            }
            Edit::Swap(a, b) if self.files.contains_key(&a) && self.files.contains_key(&b) => {
                for (from, to) in [(a, usize::MAX), (b, a), (usize::MAX, b)] {
                    if let Some(file) = self.files.remove(&from) {
                        self.files.insert(to, file);
                    }
                }
                self.change(a, |file| file.ctime = clock);
                self.change(b, |file| file.ctime = clock);
            }
            Edit::Link(from, to) if !self.files.contains_key(&to) => {
                if let Some(file) = self.files.get(&from).cloned() {
                    self.files.insert(to, file);
                    self.change(to, |file| file.ctime = clock);
                }
            }
            Edit::Chmod(at) => self.change(at, |file| file.ctime = clock),
            _ => {}
        }
    }

    fn create(&mut self, at: usize) {
        let ino = self.free.pop().unwrap_or_else(|| {
            self.last_ino += 1;
            self.last_ino
        });
        let clock = self.clock;
        let file = File {
            ino,
            content: clock as u64,
            size: clock as u64 % 3,
            mtime: clock,
            ctime: clock,
        };
        self.files.insert(at, file);
    }

    /// Changes a file under all its names.
    fn change(&mut self, at: usize, act: impl Fn(&mut File)) {
        if let Some(mut file) = self.files.get(&at).cloned() {
            act(&mut file);
            self.touch_links(&file);
        }
    }

    fn touch_links(&mut self, file: &File) {
        for other in self
            .files
            .values_mut()
            .filter(|other| other.ino == file.ino)
        {
            *other = file.clone();
        }
    }

    fn release(&mut self, old: Option<File>) {
        if let Some(old) = old
            && !self.files.values().any(|file| file.ino == old.ino)
        {
            self.free.push(old.ino);
        }
    }

    fn facts(&self, fsid: u64) -> Vec<DiskFact> {
        let mut facts: Vec<DiskFact> = self
            .files
            .iter()
            .map(|(&at, file)| DiskFact {
                path: PATHS[at].into(),
                fsid,
                ino: file.ino,
                size: file.size,
                mtime_ns: file.mtime,
                ctime_ns: file.ctime,
            })
            .collect();
        facts.sort_by_key(|fact| sort_key(&fact.path));
        facts
    }

    fn content(&self, path: &PathBuf) -> u64 {
        let at = PATHS
            .iter()
            .position(|known| *path == PathBuf::from(known))
            .unwrap();
        self.files[&at].content
    }
}

/// The catalog as an engine keeps it: facts, and the content it last hashed.
#[derive(Debug, Clone, Default)]
struct Catalog {
    rows: HashMap<u64, (CatalogFact, u64)>,
    last_id: u64,
}

impl Catalog {
    fn facts(&self) -> Vec<CatalogFact> {
        let mut facts: Vec<_> = self.rows.values().map(|(fact, _)| fact.clone()).collect();
        facts.sort_by_key(|fact| sort_key(&fact.path));
        facts
    }

    /// Applies the changes and returns how many files had to be hashed.
    fn apply(&mut self, changes: Vec<Change>, world: &Disk) -> usize {
        let mut hashed = 0;
        for change in changes {
            let (id, disk, hash) = match change {
                Change::Gone { id } => {
                    assert!(
                        self.rows.remove(&id).is_some(),
                        "told of an id twice, or of none"
                    );
                    continue;
                }
                Change::Unavailable { id } => {
                    self.rows.get_mut(&id).unwrap().0.missing = true;
                    continue;
                }
                Change::New(disk) => {
                    self.last_id += 1;
                    (self.last_id, disk, true)
                }
                Change::Changed { id, disk } => (id, disk, true),
                Change::Identity { id, disk } => (id, disk, false),
                Change::Moved { id, disk, touched } | Change::Returned { id, disk, touched } => {
                    (id, disk, touched)
                }
            };
            hashed += usize::from(hash);
            let content = if hash {
                world.content(&disk.path)
            } else {
                self.rows[&id].1
            };
            let fact = CatalogFact {
                id,
                path: disk.path,
                fsid: disk.fsid,
                ino: disk.ino,
                size: disk.size,
                mtime_ns: disk.mtime_ns,
                ctime_ns: disk.ctime_ns,
                missing: false,
            };
            self.rows.insert(id, (fact, content));
        }
        hashed
    }

    fn scan(&mut self, world: &Disk, fsid: u64) -> usize {
        let changes = reconcile(
            world.facts(fsid).into_iter(),
            self.facts().into_iter(),
            |_| Some(fsid),
        );
        self.apply(changes, world)
    }

    /// The catalog must be the disk, contents included, with each path once.
    fn check(&self, world: &Disk, fsid: u64) {
        let known: Vec<DiskFact> = self
            .facts()
            .into_iter()
            .map(|fact| {
                assert!(!fact.missing);
                DiskFact {
                    path: fact.path,
                    fsid: fact.fsid,
                    ino: fact.ino,
                    size: fact.size,
                    mtime_ns: fact.mtime_ns,
                    ctime_ns: fact.ctime_ns,
                }
            })
            .collect();
        assert_eq!(known, world.facts(fsid));
        for (fact, content) in self.rows.values() {
            assert_eq!(
                *content,
                world.content(&fact.path),
                "stale content at {fact:?}"
            );
        }
    }
}

proptest! {
    #[test]
    fn applying_the_changes_gives_the_disk(rounds in prop::collection::vec(prop::collection::vec(edit(), 0..12), 1..6)) {
        let mut world = Disk::default();
        let mut catalog = Catalog::default();
        for edits in rounds {
            for edit in &edits {
                world.apply(edit);
            }
            catalog.scan(&world, HOME);
            catalog.check(&world, HOME);
            let again = reconcile(world.facts(HOME).into_iter(), catalog.facts().into_iter(), |_| Some(HOME));
            prop_assert_eq!(again, vec![], "a second scan finds nothing");
        }
    }

    /// Promise 4: whatever is renamed and swapped, nothing is hashed.
    #[test]
    fn promise_04_moves_alone_cost_no_hash(
        start in prop::collection::btree_set(0..PATHS.len(), 1..PATHS.len()),
        moves in prop::collection::vec((0..PATHS.len(), 0..PATHS.len(), any::<bool>()), 0..20),
    ) {
        let mut world = Disk::default();
        for at in start {
            world.apply(&Edit::Create(at));
        }
        let mut catalog = Catalog::default();
        catalog.scan(&world, HOME);
        let ids: std::collections::BTreeSet<u64> = catalog.rows.keys().copied().collect();
        let before: HashMap<usize, u64> = world.files.iter().map(|(&at, file)| (at, file.ino)).collect();
        for (a, b, swap) in moves {
            // Renaming over a file would delete it.
            if swap {
                world.apply(&Edit::Swap(a, b));
            } else if !world.files.contains_key(&b) {
                world.apply(&Edit::Rename(a, b));
            }
        }
        // A file that went away and came back under its own name has a new ctime
        // and is looked into; nothing else is.
        let home: usize = world.files.iter().filter(|(at, file)| before.get(at) == Some(&file.ino) && file.ctime != file.mtime).count();
        let hashed = catalog.scan(&world, HOME);
        prop_assert_eq!(hashed, home);
        catalog.check(&world, HOME);
        prop_assert_eq!(ids, catalog.rows.keys().copied().collect::<std::collections::BTreeSet<u64>>());
    }

    /// Promises 11 and 12: away and back under another identity, and nothing is hashed.
    #[test]
    fn promise_11_away_and_back_costs_no_hash(edits in prop::collection::vec(edit(), 1..20)) {
        let mut world = Disk::default();
        for edit in &edits {
            world.apply(edit);
        }
        let mut catalog = Catalog::default();
        catalog.scan(&world, HOME);
        let before = catalog.rows.len();
        let away = reconcile(std::iter::empty(), catalog.facts().into_iter(), |_| Some(1));
        catalog.apply(away, &world);
        prop_assert_eq!(catalog.rows.len(), before);
        prop_assert!(catalog.rows.values().all(|(fact, _)| fact.missing));
        prop_assert_eq!(catalog.scan(&world, 99), 0);
        catalog.check(&world, 99);
    }
}
