use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::super::{Walk, WalkItem, cmp_paths, disk_fact, sort_key};
use super::{defaults, write};

/// All items, directories with a slash behind them, relative to the root.
fn items(root: &Path, from: &Path) -> Vec<String> {
    Walk::new(&defaults(root), from)
        .map(|item| match item {
            Ok(WalkItem::Dir(path)) => format!("{}/", below(root, &path)),
            Ok(WalkItem::File(fact)) => below(root, &fact.path),
            Err(error) => format!("! {}", below(root, &error.path)),
        })
        .collect()
}

fn below(root: &Path, path: &Path) -> String {
    path.strip_prefix(root)
        .unwrap()
        .to_string_lossy()
        .into_owned()
}

#[test]
fn the_walk_is_in_the_order_of_the_sort_key() {
    let dir = tempfile::tempdir().unwrap();
    let names = [
        "a/b", "a.b", "a b", "a/b.c/d", "a/\u{1}", "ab", "a/é", "a-/x", "A",
    ];
    write(dir.path(), &names);
    let mut expected: Vec<PathBuf> = names
        .iter()
        .map(|name| dir.path().join(name))
        .filter(|p| p.is_file())
        .collect();
    // "a/b" is a file and "a/b.c" a folder, so that all names can stand together.
    assert_eq!(expected.len(), names.len());
    expected.sort_by_key(|path| sort_key(path));
    let walked: Vec<PathBuf> = Walk::new(&defaults(dir.path()), dir.path())
        .filter_map(|item| match item.unwrap() {
            WalkItem::File(fact) => Some(fact.path),
            WalkItem::Dir(_) => None,
        })
        .collect();
    assert_eq!(walked, expected);
    assert!(walked.is_sorted_by(|a, b| cmp_paths(a, b).is_lt()));
}

#[test]
fn a_directory_is_told_before_it_is_listed() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &["a/old"]);
    let mut found = Vec::new();
    for item in Walk::new(&defaults(dir.path()), dir.path()) {
        match item.unwrap() {
            // What is made once the watch could be set must be found.
            WalkItem::Dir(path) => std::fs::write(path.join("new"), "x").unwrap(),
            WalkItem::File(fact) => found.push(below(dir.path(), &fact.path)),
        }
    }
    assert_eq!(found, ["a/new", "a/old", "new"]);
}

#[test]
fn links_pipes_and_sockets_are_passed_over_and_loops_cannot_be() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    write(root, &["d/f"]);
    symlink(root, root.join("d/up")).unwrap();
    symlink("f", root.join("d/link")).unwrap();
    symlink("nowhere", root.join("dangling")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
    #[cfg(target_os = "linux")]
    rustix::fs::mknodat(
        rustix::fs::CWD,
        root.join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    assert_eq!(items(root, root), ["/", "d/", "d/f"]);
    assert_eq!(items(root, &root.join("d/up/d")), [""; 0]);
    assert_eq!(items(root, &root.join("d/link")), [""; 0]);
    assert_eq!(disk_fact(&root.join("d/link")).unwrap(), None);
    assert_eq!(disk_fact(&root.join("pipe")).unwrap(), None);
}

#[test]
fn a_folder_that_is_itself_a_link_is_walked() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &["real/f"]);
    let folder = dir.path().join("folder");
    symlink("real", &folder).unwrap();
    assert_eq!(items(&folder, &folder), ["/", "f"]);
}

#[test]
fn a_subtree_and_a_single_file_obey_the_rules_of_the_whole_folder() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let files = [
        ".gitignore = *.log\nout/\n",
        "a/b/c.log",
        "a/b/c.txt",
        "out/x/y.txt",
    ];
    write(root, &files);
    assert_eq!(items(root, &root.join("a/b")), ["a/b/", "a/b/c.txt"]);
    assert_eq!(items(root, &root.join("a/b/c.txt")), ["a/b/c.txt"]);
    for nothing in [
        "a/b/c.log",
        "out",
        "out/x",
        "out/x/y.txt",
        "gone",
        "a/b/c.txt/no",
    ] {
        assert_eq!(items(root, &root.join(nothing)), [""; 0], "{nothing}");
    }
}

#[test]
fn what_vanishes_under_the_walk_is_no_error() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &["a/1", "b/1", "c/1", "d"]);
    let mut walk = Walk::new(&defaults(dir.path()), dir.path());
    assert_eq!(
        walk.next().unwrap().unwrap(),
        WalkItem::Dir(dir.path().into())
    );
    assert_eq!(
        walk.next().unwrap().unwrap(),
        WalkItem::Dir(dir.path().join("a"))
    );
    std::fs::remove_dir_all(dir.path().join("a")).unwrap();
    std::fs::remove_dir_all(dir.path().join("b")).unwrap();
    std::fs::write(dir.path().join("b"), "now a file").unwrap();
    std::fs::remove_dir_all(dir.path().join("c")).unwrap();
    symlink("/", dir.path().join("c")).unwrap();
    let rest: Vec<_> = walk
        .map(Result::unwrap)
        .filter(|item| matches!(item, WalkItem::File(_)))
        .collect();
    assert_eq!(
        rest,
        [WalkItem::File(
            disk_fact(&dir.path().join("d")).unwrap().unwrap()
        )]
    );
}

#[test]
fn a_folder_that_cannot_be_read_is_one_error_and_not_the_end() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &["a", "locked/x/y", "z"]);
    let locked = dir.path().join("locked");
    let lock = |mode| std::fs::set_permissions(&locked, PermissionsExt::from_mode(mode)).unwrap();
    lock(0o000);
    // root reads everything; its walk then has nothing to stumble over.
    let readable = std::fs::read_dir(&locked).is_ok();
    let found = items(dir.path(), dir.path());
    lock(0o700);
    if !readable {
        assert_eq!(found, ["/", "a", "locked/", "! locked", "z"]);
    }
    // A name that is too long to be looked at: an error for everybody.
    let long = dir.path().join("x".repeat(300));
    assert_eq!(items(dir.path(), &long).len(), 1);
}

#[test]
fn names_that_are_not_unicode_are_walked() {
    let dir = tempfile::tempdir().unwrap();
    let name = OsStr::from_bytes(b"caf\xe9\xff.txt");
    std::fs::write(dir.path().join(name), "x").unwrap();
    let files: Vec<_> = Walk::new(&defaults(dir.path()), dir.path())
        .skip(1)
        .map(Result::unwrap)
        .collect();
    let fact = disk_fact(&dir.path().join(name)).unwrap().unwrap();
    assert_eq!(files, [WalkItem::File(fact.clone())]);
    let meta = std::fs::metadata(&fact.path).unwrap();
    assert_eq!((fact.ino, fact.size), (meta.ino(), 1));
    assert_eq!(
        fact.mtime_ns,
        meta.mtime() * 1_000_000_000 + meta.mtime_nsec()
    );
    assert_eq!(
        fact.ctime_ns,
        meta.ctime() * 1_000_000_000 + meta.ctime_nsec()
    );
}

#[test]
fn a_thousand_levels_are_walked_and_the_rest_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let deep: PathBuf = std::iter::repeat_n("d", 1_000).collect();
    std::fs::create_dir_all(dir.path().join(&deep)).unwrap();
    std::fs::write(dir.path().join(&deep).join("f"), "x").unwrap();
    let found = items(dir.path(), dir.path());
    assert_eq!(found.len(), 1_002);
    assert!(found.last().unwrap().ends_with("d/f"));
}
