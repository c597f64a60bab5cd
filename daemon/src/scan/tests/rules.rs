use std::path::{Path, PathBuf};

use super::super::{RuleVerdict, Rules, Walk, WalkItem, is_rules_file};
use super::{defaults, with, write};

/// What a walk gives, relative to the root.
fn walked(rules: &Rules) -> Vec<String> {
    Walk::new(rules, rules.folder())
        .filter_map(|item| match item.unwrap() {
            WalkItem::File(fact) => Some(fact.path),
            WalkItem::Dir(_) => None,
        })
        .map(|path| {
            let below = path.strip_prefix(rules.folder()).unwrap();
            below.to_string_lossy().into_owned()
        })
        .collect()
}

/// Checks that exactly `kept` is walked, and that the verdicts on single paths agree.
fn check(rules: &Rules, all: &[&str], kept: &[&str]) {
    assert_eq!(walked(rules), kept);
    for file in all {
        let file = file.split(" = ").next().unwrap();
        let verdict = rules.verdict(&rules.folder().join(file), false);
        assert_eq!(
            verdict.is_keep(),
            kept.contains(&file),
            "{file}: {verdict:?}"
        );
    }
}

fn reason(rules: &Rules, path: &str, is_dir: bool) -> (String, Option<PathBuf>) {
    match rules.verdict(&rules.folder().join(path), is_dir) {
        RuleVerdict::Ignored { why, by } => (why, by),
        RuleVerdict::Keep => panic!("{path} is kept"),
    }
}

#[test]
fn gitignore_files_hold_for_what_is_below_them_and_the_deepest_wins() {
    let dir = tempfile::tempdir().unwrap();
    let all = [
        ".gitignore = *.log\n/top.txt\nsub/skipped/\n",
        "a.log",
        "a.txt",
        "sub/.gitignore = !keep.log\n*.tmp\n",
        "sub/b.tmp",
        "sub/keep.log",
        "sub/other.log",
        "sub/skipped/deep/c.txt",
        "sub/top.txt",
        "top.txt",
    ];
    write(dir.path(), &all);
    let rules = defaults(dir.path());
    check(&rules, &all, &["a.txt", "sub/keep.log", "sub/top.txt"]);
    let (why, by) = reason(&rules, "sub/b.tmp", false);
    assert_eq!(by, Some(dir.path().join("sub/.gitignore")));
    assert!(why.contains("*.tmp"), "{why}");
    let (why, _) = reason(&rules, "sub/skipped/deep/c.txt", false);
    assert!(
        why.contains("said of") && why.contains("sub/skipped"),
        "{why}"
    );
}

#[test]
fn hippoignore_is_stronger_than_gitignore_and_brings_hidden_files_back() {
    let dir = tempfile::tempdir().unwrap();
    let all = [
        ".diary/today.md",
        ".gitignore = notes/\n!.env\n",
        ".env",
        ".hippoignore = !notes/\n!.diary/\n*.key\n",
        "notes/n.md",
        "private.key",
    ];
    write(dir.path(), &all);
    check(
        &defaults(dir.path()),
        &all,
        &[".diary/today.md", "notes/n.md"],
    );
}

#[test]
fn the_settings_patterns_are_stronger_than_files() {
    let dir = tempfile::tempdir().unwrap();
    let all = [
        ".hippoignore = !drafts/\n!*.bak\n",
        "a.bak",
        "drafts/d.md",
        "keep.iso",
        "other.iso",
        "z.md",
    ];
    write(dir.path(), &all);
    let rules = with(dir.path(), &["drafts/", "!keep.iso"], &["*.iso", "*.bak"]);
    check(&rules, &all, &["keep.iso", "z.md"]);
    let (why, by) = reason(&rules, "drafts", true);
    assert!(why.contains("exclude") && by.is_none(), "{why}");
}

#[test]
fn a_pattern_that_cannot_be_understood_is_named() {
    let folder = hippo_config::FolderSettings {
        path: "/d".into(),
        exclude: vec!["ok".into(), "a[".into(), "x{".into()],
    };
    let ignore = hippo_config::IgnoreSettings {
        hidden: true,
        gitignore: true,
        build_folders: true,
        patterns: vec![],
    };
    let error = Rules::new(&folder, &ignore).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("x{"), "{error}");
}

#[test]
fn build_folders_need_a_project_beside_an_ambiguous_name() {
    let dir = tempfile::tempdir().unwrap();
    let all = [
        "archery/target/tips.md",
        "cache/CACHEDIR.TAG = Signature: 8a477f597d28d172789f06886806bc55\n",
        "cache/c.txt",
        "env/lib/x.py",
        "env/pyvenv.cfg",
        "lying/CACHEDIR.TAG = not a signature",
        "lying/l.txt",
        "rust/Cargo.toml",
        "rust/src/main.rs",
        "rust/target/debug/x.d",
        "web/build/out.js",
        "web/node_modules/m/index.js",
        "web/package.json",
    ];
    write(dir.path(), &all);
    let kept = [
        "archery/target/tips.md",
        "lying/CACHEDIR.TAG",
        "lying/l.txt",
        "rust/Cargo.toml",
        "rust/src/main.rs",
        "web/package.json",
    ];
    let rules = defaults(dir.path());
    check(&rules, &all, &kept);
    let (why, by) = reason(&rules, "rust/target", true);
    assert_eq!(by, Some(dir.path().join("rust/Cargo.toml")));
    assert!(why.contains("build folder"), "{why}");
}

#[test]
fn system_folders_and_our_own_are_never_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    let all = [
        ".git/config",
        ".hippoignore = !.git\n!lost+found\n!home\n",
        "home/data/journal.sqlite",
        "lost+found/f",
        "mine.txt",
    ];
    write(dir.path(), &all);
    let rules = defaults(dir.path()).never([dir.path().join("home/data")]);
    check(&rules, &all, &["mine.txt"]);
    let root = defaults(Path::new("/"));
    for dir in ["/proc", "/sys/class", "/dev/shm/x"] {
        assert!(!root.verdict(Path::new(dir), true).is_keep(), "{dir}");
    }
}

#[test]
fn an_edit_of_an_ignore_file_counts_from_the_next_question_on() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &["a.md", "b.md", "s/c.md"]);
    let rules = defaults(dir.path());
    assert_eq!(walked(&rules), ["a.md", "b.md", "s/c.md"]);
    assert!(rules.verdict(&dir.path().join("s/c.md"), false).is_keep());
    for (file, text, kept) in [
        (".gitignore", "a.md\n", vec!["b.md", "s/c.md"]),
        (".gitignore", "b.md\n", vec!["a.md", "s/c.md"]),
        ("s/.hippoignore", "*\n", vec!["a.md"]),
    ] {
        let path = dir.path().join(file);
        assert!(is_rules_file(&path));
        std::fs::write(&path, text).unwrap();
        assert_eq!(walked(&rules), kept);
        for file in ["a.md", "b.md", "s/c.md"] {
            let verdict = rules.verdict(&dir.path().join(file), false);
            assert_eq!(verdict.is_keep(), kept.contains(&file), "{file}");
        }
    }
    std::fs::remove_file(dir.path().join(".gitignore")).unwrap();
    assert!(rules.verdict(&dir.path().join("b.md"), false).is_keep());
    assert!(!is_rules_file(&dir.path().join("b.md")));
}

#[test]
fn an_ignore_file_that_is_no_file_or_huge_or_not_text_does_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &["a.md", "b.md"]);
    std::fs::create_dir(dir.path().join(".gitignore")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", dir.path().join(".hippoignore")).unwrap();
    assert_eq!(walked(&defaults(dir.path())), ["a.md", "b.md"]);
    std::fs::remove_file(dir.path().join(".hippoignore")).unwrap();
    std::fs::write(
        dir.path().join(".hippoignore"),
        b"\xef\xbb\xbfa.md\r\n\xff\xfe[\n",
    )
    .unwrap();
    assert_eq!(walked(&defaults(dir.path())), ["b.md"]);
}
