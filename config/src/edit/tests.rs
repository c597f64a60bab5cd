//! What an edit changes, and above all what it leaves.

use super::*;
use crate::Settings;

struct Scene {
    _dir: tempfile::TempDir,
    file: PathBuf,
}

impl Scene {
    fn new(text: &str) -> Scene {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config.toml");
        fs::write(&file, text).unwrap();
        Scene { _dir: dir, file }
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.file).unwrap()
    }

    fn folders(&self) -> Vec<String> {
        let settings = Settings::load(&self.file).unwrap();
        let shown = settings
            .folders
            .iter()
            .map(|f| f.path.display().to_string());
        shown.collect()
    }
}

#[test]
fn the_first_folder_makes_the_file_and_its_folders() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("deep/er/config.toml");
    assert_eq!(
        add_folder(&file, Path::new("/notes/")).unwrap(),
        Edited::Changed
    );
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(text, format!("{HEADER}\n[[folders]]\npath = \"/notes\"\n"));
    assert_eq!(
        add_folder(&file, Path::new("/notes")).unwrap(),
        Edited::Unchanged
    );
    let left: Vec<_> = fs::read_dir(file.parent().unwrap()).unwrap().collect();
    assert_eq!(left.len(), 1, "no temporary file stays");
}

#[test]
fn comments_and_layout_stay() {
    let before = "\
# mine
[watch] # quick
settle_ms   = 90

# work
[[folders]]
path = \"/work\" # the real one
exclude = [
  \"*.bak\", # old
]

[log]
level = \"debug\"
# the end
";
    let scene = Scene::new(before);
    add_folder(&scene.file, Path::new("/日记 \"a\"")).unwrap();
    assert_eq!(scene.folders(), ["/work", "/日记 \"a\""]);
    for line in before.lines() {
        assert!(
            scene.text().contains(line),
            "lost: {line}\n{}",
            scene.text()
        );
    }
    remove_folder(&scene.file, Path::new("/日记 \"a\"")).unwrap();
    assert_eq!(
        scene.text(),
        before,
        "adding and removing is as if nothing was"
    );
}

#[test]
fn removing_keeps_the_comments_around() {
    let scene = Scene::new(
        "# head\n\n# one\n[[folders]]\npath = \"/a\"\nexclude = []\n# after\n\n\
         [[folders]]\npath = \"/b\"\n\n[log]\nlevel = \"warn\"\n",
    );
    assert_eq!(
        remove_folder(&scene.file, Path::new("/a")).unwrap(),
        Edited::Changed
    );
    assert_eq!(
        scene.text(),
        "# head\n\n# one\n# after\n\n[[folders]]\npath = \"/b\"\n\n[log]\nlevel = \"warn\"\n"
    );
    assert_eq!(
        remove_folder(&scene.file, Path::new("/a")).unwrap(),
        Edited::Unchanged
    );
    remove_folder(&scene.file, Path::new("/b/")).unwrap();
    assert_eq!(
        scene.text(),
        "# head\n\n# one\n# after\n\n[log]\nlevel = \"warn\"\n"
    );
}

#[test]
fn inline_lists_work_too() {
    let scene = Scene::new("folders = [{ path = \"/a\" }] # short\n");
    add_folder(&scene.file, Path::new("/b")).unwrap();
    assert_eq!(scene.folders(), ["/a", "/b"]);
    remove_folder(&scene.file, Path::new("/a")).unwrap();
    assert_eq!(scene.folders(), ["/b"]);
    assert!(scene.text().contains("# short"));
}

#[test]
fn a_tilde_is_the_same_folder() {
    let home = std::env::var("HOME").unwrap();
    let scene = Scene::new("[[folders]]\npath = \"~/notes\"\n");
    let folder = Path::new(&home).join("notes");
    assert_eq!(add_folder(&scene.file, &folder).unwrap(), Edited::Unchanged);
    assert_eq!(
        remove_folder(&scene.file, &folder).unwrap(),
        Edited::Changed
    );
    assert_eq!(scene.text(), "");
}

#[test]
fn what_cannot_be_edited_is_left_alone() {
    for text in ["folders = 3\n", "[[folders]\npath = \"/a\"\n"] {
        let scene = Scene::new(text);
        let error = add_folder(&scene.file, Path::new("/b")).unwrap_err();
        assert!(error.to_string().contains("config.toml"), "{error}");
        remove_folder(&scene.file, Path::new("/b")).unwrap_err();
        assert_eq!(scene.text(), text);
    }
    let scene = Scene::new("");
    add_folder(&scene.file, Path::new("here")).unwrap_err();
    assert_eq!(scene.text(), "");
}

#[test]
fn comments_stay_with_what_they_are_about() {
    let one = "[[folders]]\npath = \"/a\"\n# exclude = [\"old\"]\n";
    let scene = Scene::new(one);
    add_folder(&scene.file, Path::new("/b")).unwrap();
    assert_eq!(scene.text(), format!("{one}\n[[folders]]\npath = \"/b\"\n"));

    let scene = Scene::new("[[folders]]\npath = \"/a\"\n# about the log\n[log]");
    add_folder(&scene.file, Path::new("/b")).unwrap();
    let text = scene.text();
    assert!(
        text.ends_with("path = \"/b\"\n# about the log\n[log]"),
        "{text}"
    );

    let scene = Scene::new("[log]\nlevel = \"warn\" # quiet");
    add_folder(&scene.file, Path::new("/b")).unwrap();
    assert_eq!(
        scene.text(),
        "[log]\nlevel = \"warn\" # quiet\n\n[[folders]]\npath = \"/b\"\n"
    );
}

#[test]
fn names_of_every_kind_come_back_as_they_were() {
    for name in [
        "/a b",
        "/it's",
        "/\"q\"",
        "/back\\slash",
        "/tab\there",
        "/#hash",
        "/书/🦛",
        "/'\"both",
    ] {
        let scene = Scene::new("# mine\n");
        add_folder(&scene.file, Path::new(name)).unwrap();
        assert_eq!(scene.folders(), [name]);
        remove_folder(&scene.file, Path::new(name)).unwrap();
        assert_eq!(scene.text(), "# mine\n", "{name}");
    }
}

#[cfg(unix)]
#[test]
fn a_link_stays_a_link_and_the_mode_stays() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let scene = Scene::new("");
    let link = scene.file.with_file_name("link.toml");
    symlink(&scene.file, &link).unwrap();
    fs::set_permissions(&scene.file, fs::Permissions::from_mode(0o640)).unwrap();
    add_folder(&link, Path::new("/a")).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(scene.folders(), ["/a"]);
    assert_eq!(
        fs::metadata(&scene.file).unwrap().permissions().mode() & 0o777,
        0o640
    );
}
