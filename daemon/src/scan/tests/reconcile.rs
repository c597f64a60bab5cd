use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::super::{CatalogFact, Change, DiskFact, Parents, reconcile, reconcile_into};
use super::write;

/// The file system of all that is not said to lie elsewhere.
const FS: u64 = 7;

fn disk(path: &str, ino: u64, size: u64, time: i64) -> DiskFact {
    DiskFact {
        path: path.into(),
        fsid: FS,
        ino,
        size,
        mtime_ns: time,
        ctime_ns: time,
    }
}

fn catalog(id: u64, disk: &DiskFact) -> CatalogFact {
    CatalogFact {
        id,
        path: disk.path.clone(),
        fsid: disk.fsid,
        ino: disk.ino,
        size: disk.size,
        mtime_ns: disk.mtime_ns,
        ctime_ns: disk.ctime_ns,
        missing: false,
    }
}

fn changes(disk: &[DiskFact], catalog: &[CatalogFact]) -> Vec<Change> {
    reconcile(disk.iter().cloned(), catalog.iter().cloned(), |_| Some(FS))
}

/// As if renamed: another path and another ctime.
fn renamed(fact: &DiskFact, path: &str) -> DiskFact {
    DiskFact {
        path: path.into(),
        ctime_ns: fact.ctime_ns + 1,
        ..fact.clone()
    }
}

#[test]
fn nothing_changed_is_nothing_told() {
    let files = [disk("/a", 1, 1, 1), disk("/b/c", 2, 2, 2)];
    let known = [catalog(1, &files[0]), catalog(2, &files[1])];
    assert_eq!(changes(&files, &known), []);
}

#[test]
fn new_changed_and_gone() {
    let old = [disk("/a", 1, 1, 1), disk("/b", 2, 2, 2)];
    let known = [catalog(1, &old[0]), catalog(2, &old[1])];
    let new = [disk("/a", 1, 5, 9), disk("/c", 3, 3, 3)];
    let expected = [
        Change::Changed {
            id: 1,
            disk: new[0].clone(),
        },
        Change::New(new[1].clone()),
        Change::Gone { id: 2 },
    ];
    assert_eq!(changes(&new, &known), expected);
}

#[test]
fn an_edit_that_keeps_size_and_mtime_is_seen_by_its_ctime() {
    let old = disk("/a", 1, 1, 1);
    let new = DiskFact {
        ctime_ns: 2,
        ..old.clone()
    };
    let expected = [Change::Changed {
        id: 1,
        disk: new.clone(),
    }];
    assert_eq!(changes(&[new], &[catalog(1, &old)]), expected);
}

#[test]
fn promise_04_renaming_a_folder_is_moves_that_touch_nothing() {
    let old: Vec<_> = (1..=50)
        .map(|n| disk(&format!("/d/{n:02}"), n, n, 1))
        .collect();
    let known: Vec<_> = old.iter().map(|fact| catalog(fact.ino, fact)).collect();
    // The files' own ctime stays when the folder above them is renamed.
    let half: Vec<_> = old[..25]
        .iter()
        .map(|f| DiskFact {
            path: Path::new("/e").join(f.path.file_name().unwrap()),
            ..f.clone()
        })
        .collect();
    let now: Vec<_> = old[25..].iter().chain(&half).cloned().collect();
    let found = changes(&now, &known);
    assert_eq!(found.len(), 25);
    for change in found {
        let Change::Moved {
            id,
            disk,
            touched: false,
        } = change
        else {
            panic!("{change:?}")
        };
        assert_eq!(id, disk.ino);
    }
    assert_eq!(changes(&old, &known), [], "and back again");
}

#[test]
fn a_swap_and_a_ring_are_moves() {
    let old = [
        disk("/a", 1, 1, 1),
        disk("/b", 2, 1, 1),
        disk("/c", 3, 1, 1),
    ];
    let known: Vec<_> = old
        .iter()
        .map(|fact| catalog(fact.ino * 10, fact))
        .collect();
    let ring = [
        renamed(&old[2], "/a"),
        renamed(&old[0], "/b"),
        renamed(&old[1], "/c"),
    ];
    let moved = |disk: &DiskFact| Change::Moved {
        id: disk.ino * 10,
        disk: disk.clone(),
        touched: false,
    };
    assert_eq!(
        changes(&ring, &known),
        ring.iter().map(moved).collect::<Vec<_>>()
    );
    let swap = [
        renamed(&old[1], "/a"),
        renamed(&old[0], "/b"),
        old[2].clone(),
    ];
    assert_eq!(
        changes(&swap, &known),
        swap[..2].iter().map(moved).collect::<Vec<_>>()
    );
}

#[test]
fn promise_05_saving_over_keeps_the_entry_and_asks_for_a_new_hash() {
    let old = disk("/a", 1, 10, 1);
    let new = disk("/a", 2, 11, 2);
    let expected = [Change::Changed {
        id: 1,
        disk: new.clone(),
    }];
    assert_eq!(
        changes(std::slice::from_ref(&new), &[catalog(1, &old)]),
        expected
    );
    // The temporary file was in the catalog: it is the one that lives on.
    let temporary = CatalogFact {
        id: 2,
        path: "/a.tmp".into(),
        ..catalog(2, &new)
    };
    let found = changes(std::slice::from_ref(&new), &[catalog(1, &old), temporary]);
    let expected = [
        Change::Moved {
            id: 2,
            disk: new,
            touched: false,
        },
        Change::Gone { id: 1 },
    ];
    assert_eq!(found, expected);
}

#[test]
fn hard_links_are_two_files() {
    let a = disk("/a", 1, 1, 1);
    let b = DiskFact {
        path: "/b".into(),
        ..a.clone()
    };
    let found = changes(&[a.clone(), b.clone()], &[catalog(1, &a)]);
    assert_eq!(found, [Change::New(b.clone())]);
    let known = [catalog(1, &a), catalog(2, &b)];
    assert_eq!(changes(&[a.clone(), b.clone()], &known), []);
    assert_eq!(changes(&[b], &known), [Change::Gone { id: 1 }]);
    let (c, d) = (renamed(&a, "/c"), renamed(&a, "/d"));
    let expected = [
        Change::Moved {
            id: 1,
            disk: c.clone(),
            touched: false,
        },
        Change::Moved {
            id: 2,
            disk: d.clone(),
            touched: false,
        },
    ];
    assert_eq!(changes(&[c, d], &known), expected);
}

#[test]
fn an_inode_that_was_used_again_is_no_move_unless_it_may_be_one() {
    let old = disk("/a", 1, 10, 1);
    let other = disk("/b", 1, 11, 2);
    let expected = [Change::New(other.clone()), Change::Gone { id: 1 }];
    assert_eq!(changes(&[other], &[catalog(1, &old)]), expected);
    let same_size = disk("/b", 1, 10, 2);
    let expected = [Change::Moved {
        id: 1,
        disk: same_size.clone(),
        touched: true,
    }];
    assert_eq!(changes(&[same_size], &[catalog(1, &old)]), expected);
}

#[test]
fn promise_11_a_remount_changes_identities_and_nothing_else() {
    let old = [
        disk("/m/a", 1, 1, 1),
        disk("/m/b", 2, 2, 2),
        disk("/m/c", 3, 3, 3),
        disk("/m/d", 4, 4, 4),
    ];
    let known: Vec<_> = old.iter().map(|fact| catalog(fact.ino, fact)).collect();
    let at = |fact: &DiskFact| DiskFact {
        fsid: 99,
        ..fact.clone()
    };
    // While away, b was deleted, c renamed and d edited on another machine.
    let edited = DiskFact {
        size: 5,
        mtime_ns: 5,
        ctime_ns: 5,
        ..at(&old[3])
    };
    let now = [at(&old[0]), edited.clone(), renamed(&at(&old[2]), "/m/z")];
    let found = reconcile(now.iter().cloned(), known.into_iter(), |_| Some(99));
    let expected = [
        Change::Identity {
            id: 1,
            disk: now[0].clone(),
        },
        Change::Moved {
            id: 3,
            disk: now[2].clone(),
            touched: false,
        },
        Change::Changed {
            id: 4,
            disk: edited,
        },
        Change::Gone { id: 2 },
    ];
    assert_eq!(found, expected);
}

#[test]
fn promise_12_unmounted_is_not_deleted_and_comes_back() {
    let file = disk("/m/a", 1, 1, 1);
    let known = catalog(1, &file);
    for away in [Some(1), None] {
        let found = reconcile(std::iter::empty(), std::iter::once(known.clone()), |_| away);
        assert_eq!(found, [Change::Unavailable { id: 1 }]);
    }
    let missing = CatalogFact {
        missing: true,
        ..known
    };
    let again = reconcile(std::iter::empty(), std::iter::once(missing.clone()), |_| {
        None
    });
    assert_eq!(again, [], "told once");
    let returned = |disk: DiskFact, touched| {
        [Change::Returned {
            id: 1,
            disk,
            touched,
        }]
    };
    let back =
        |disk: &DiskFact| changes(std::slice::from_ref(disk), std::slice::from_ref(&missing));
    assert_eq!(back(&file), returned(file.clone(), false));
    let edited = disk("/m/a", 1, 2, 2);
    assert_eq!(back(&edited), returned(edited.clone(), true));
    let replaced = disk("/m/a", 9, 1, 1);
    assert_eq!(back(&replaced), returned(replaced.clone(), true));
    let elsewhere = renamed(&file, "/n/a");
    let expected = [Change::Moved {
        id: 1,
        disk: elsewhere.clone(),
        touched: false,
    }];
    assert_eq!(back(&elsewhere), expected);
    let gone = reconcile(std::iter::empty(), std::iter::once(missing.clone()), |_| {
        Some(FS)
    });
    assert_eq!(
        gone,
        [Change::Gone { id: 1 }],
        "mounted again and not there"
    );
}

#[test]
fn a_first_scan_holds_nothing() {
    let told = std::cell::Cell::new(0_u32);
    let disk = (0..100_u64).map(|n| {
        assert_eq!(
            u64::from(told.get()),
            n,
            "each file is told before the next is asked for"
        );
        disk(&format!("/{n:03}"), n, n, 1)
    });
    reconcile_into(
        disk,
        std::iter::empty(),
        |_| None,
        |_| told.set(told.get() + 1),
    );
    assert_eq!(told.get(), 100);
}

#[test]
fn parents_know_what_is_deleted_and_what_is_away() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    let away = Parents::new(&root);
    assert_eq!(
        away.fsid(&root.join("d/f")),
        None,
        "the folder itself is away"
    );
    write(&root, &["here/f"]);
    let parents = Parents::new(&root);
    let here = crate::watch::mounts::fsid_of(&root).unwrap();
    for path in ["here/f", "here/gone", "gone/gone/f", "here/f/x"] {
        assert_eq!(parents.fsid(&root.join(path)), Some(here), "{path}");
    }
    parents.unreadable(&root.join("here"));
    assert_eq!(parents.fsid(&root.join("here/f")), None);
    assert_eq!(parents.fsid(&root.join("hereafter")), Some(here));
    let all: BTreeSet<PathBuf> = [PathBuf::from("/elsewhere/f")].into();
    assert!(all.iter().all(|path| parents.fsid(path).is_none()));
}
