//! Models in a home: copies of those that lie in the repository, and variants of the tiny one.

use std::fs;
use std::path::Path;

use crate::{TempHome, corpus};

/// Puts a model into the home: the files of a folder, with this manifest in place of theirs.
pub fn install(home: &TempHome, name: &str, from: &Path, manifest: &str) {
    let dir = home.data().join("models").join(name);
    fs::create_dir_all(&dir).unwrap();
    for file in corpus::files_below(from) {
        fs::copy(&file, dir.join(file.file_name().unwrap())).unwrap();
    }
    fs::write(dir.join("manifest.toml"), manifest).unwrap();
}

/// Puts a variant of the tiny generated model into the home: a space of its own for each name.
pub fn install_tiny(home: &TempHome, name: &str) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../extractors/tests/tiny_model");
    let manifest = fs::read_to_string(dir.join("manifest.toml")).unwrap();
    let manifest = manifest
        .replace("name = \"tiny\"", &format!("name = \"{name}\""))
        .replace(
            "[text]\n",
            &format!("[text]\npassage_prefix = \"{name}: \"\nquery_prefix = \"{name}: \"\n"),
        );
    assert!(manifest.contains("passage_prefix"), "{manifest}");
    install(home, name, &dir, &manifest);
}
