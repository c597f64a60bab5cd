//! The scan's tests: rules and walk on real folders, reconcile against a model.

mod model;
mod reconcile;
mod rules;
mod walk;

use std::path::Path;

use hippo_config::{FolderSettings, IgnoreSettings};

use super::Rules;

/// Rules with hippo's defaults for `folder`.
fn defaults(folder: &Path) -> Rules {
    with(folder, &[], &[])
}

/// Rules with these excludes of the folder and patterns of the settings besides.
fn with(folder: &Path, exclude: &[&str], patterns: &[&str]) -> Rules {
    let owned = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect();
    let folder = FolderSettings {
        path: folder.to_owned(),
        exclude: owned(exclude),
    };
    let ignore = IgnoreSettings {
        hidden: true,
        gitignore: true,
        build_folders: true,
        patterns: owned(patterns),
    };
    Rules::new(&folder, &ignore).unwrap()
}

/// Writes files (with the folders they need), each with its own path as content;
/// `path = text` gives another content.
fn write(root: &Path, files: &[&str]) {
    for file in files {
        let (path, text) = file.split_once(" = ").unwrap_or((file, file));
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}
