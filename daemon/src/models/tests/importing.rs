//! Models from a folder: with a manifest, or known by their hashes and names.

use super::*;

fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    dir
}

fn manifest_of(data: &[u8]) -> String {
    format!(
        "# kept\nname = \"mine\"\nrole = \"tags\"\nlicence = \"MIT\"\n\
         files = [{{ name = \"sub/w.bin\", sha256 = \"{}\" }}]\n",
        hash_of(data)
    )
}

#[test]
fn a_folder_with_a_manifest_is_copied_whole() {
    let data = bytes(1, 5000);
    let manifest = manifest_of(&data);
    let from = folder(&[("manifest.toml", manifest.as_bytes()), ("other.txt", b"x")]);
    // A cache of links becomes files.
    fs::create_dir(from.path().join("sub")).unwrap();
    let blob = folder(&[("blob", &data)]);
    std::os::unix::fs::symlink(blob.path().join("blob"), from.path().join("sub/w.bin")).unwrap();
    let models = tempfile::tempdir().unwrap();
    let store = Store::open(models.path()).unwrap();
    let found = recognise(from.path(), &Registry::default(), None).unwrap();
    import(&store, &found, &|_, _| {}).unwrap();
    let there = models.path().join("mine");
    let copied = there.join("sub/w.bin");
    assert!(fs::symlink_metadata(&copied).unwrap().is_file());
    assert!(fs::read(&copied).unwrap() == data);
    assert_eq!(
        fs::read_to_string(there.join("manifest.toml")).unwrap(),
        manifest
    );
    assert!(!there.join("other.txt").exists());
}

#[test]
fn a_damaged_folder_changes_nothing() {
    let data = bytes(1, 5000);
    let manifest = manifest_of(&data);
    let models = tempfile::tempdir().unwrap();
    let store = Store::open(models.path()).unwrap();
    let put = |bytes: &[u8]| {
        let from = folder(&[("manifest.toml", manifest.as_bytes()), ("sub/w.bin", bytes)]);
        let found = recognise(from.path(), &Registry::default(), None).unwrap();
        import(&store, &found, &|_, _| {})
    };
    put(&data).unwrap();
    let error = put(&bytes(2, 5000)).unwrap_err();
    assert!(matches!(error, ModelsError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("sub/w.bin"), "{error}");
    assert!(fs::read(models.path().join("mine/sub/w.bin")).unwrap() == data);
    assert!(!models.path().join("mine.new").exists());
}

/// What the bundled manifests describe is not here; one of a person's stands in for them.
fn registry_with(manifest: &str) -> (tempfile::TempDir, Registry) {
    let home = tempfile::tempdir().unwrap();
    let root = std::ffi::OsString::from(home.path());
    let env = |name: &str| (name == "HIPPO_HOME").then(|| root.clone());
    let paths = hippo_config::Paths::resolve(&env, None).unwrap();
    fs::create_dir_all(paths.manifests_dir()).unwrap();
    fs::write(paths.manifests_dir().join("mine.toml"), manifest).unwrap();
    let registry = Registry::load(&paths);
    (home, registry)
}

#[test]
fn files_are_known_by_their_hashes_whatever_they_are_called() {
    let data = bytes(1, 5000);
    let (_home, registry) = registry_with(&manifest_of(&data));
    let from = folder(&[("downloads/w (1).bin", &data), ("notes.txt", b"x")]);
    let found = recognise(from.path(), &registry, None).unwrap();
    assert_eq!(found.manifest.name, "mine");
    assert_eq!(found.files, [from.path().join("downloads/w (1).bin")]);
    let other = folder(&[("w.bin", b"something else")]);
    let error = recognise(other.path(), &registry, None).unwrap_err();
    assert!(error.to_string().contains("--name"), "{error}");
}

#[test]
fn files_without_hashes_are_taken_by_name_when_the_model_is_named() {
    let manifest = "name = \"mine\"\nrole = \"tags\"\nlicence = \"MIT\"\n\
                    files = [{ name = \"w.bin\" }, { name = \"v.bin\" }]\n";
    let (_home, registry) = registry_with(manifest);
    let from = folder(&[("w.bin", b"w"), ("v.bin", b"v")]);
    assert!(recognise(from.path(), &registry, None).is_err());
    let found = recognise(from.path(), &registry, Some("mine")).unwrap();
    assert_eq!(found.files.len(), 2);
    let half = folder(&[("w.bin", b"w")]);
    let error = recognise(half.path(), &registry, Some("mine")).unwrap_err();
    assert!(error.to_string().contains("v.bin"), "{error}");
    let error = recognise(half.path(), &registry, Some("theirs")).unwrap_err();
    assert!(error.to_string().contains("theirs"), "{error}");
}

/// Published models, where a `shared` folder has them: one as it was published, one that
/// somebody renamed.
#[test]
fn published_models_are_recognised_and_brought() {
    let shared = std::env::var_os("HIPPO_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
        Into::into,
    );
    let models = shared.join("models");
    if !models.is_dir() {
        let wanted = models.display();
        eprintln!("SKIPPED: no {wanted}; set HIPPO_SHARED to the folder that has it");
        return;
    }
    let target = tempfile::tempdir().unwrap();
    let store = Store::open(target.path()).unwrap();
    for (folder, name) in [
        ("all-minilm-l6-v2", "all-minilm-l6-v2"),
        ("silero-vad-ggml", "silero-vad"),
    ] {
        let found = recognise(&models.join(folder), &Registry::bundled(), None).unwrap();
        assert_eq!(found.manifest.name, name);
        import(&store, &found, &|_, _| {}).unwrap();
        let manifest = Manifest::load(&target.path().join(name)).unwrap();
        let checked = check::check(&target.path().join(name), &manifest, &|_| {});
        assert!(
            checked
                .iter()
                .all(|file| file.state == check::FileState::Good)
        );
    }
}

proptest! {
    /// A manifest can come from anywhere: whatever names it holds, those that are taken
    /// stay in the model's folder, and off the names that hippo itself uses there.
    #[test]
    fn no_name_leads_out_of_the_folder(
        name in "(\\.{0,2}[/\\\\]?[a-zA-Z. 模:~-]{0,4}){0,4}(\\.part)?",
        model in "[/.]{0,2}[a-z./]{0,6}(\\.new)?",
    ) {
        let quoted = |text: &str| toml_edit::Value::from(text).to_string();
        let text = format!(
            "name = {}\nrole = \"tags\"\nlicence = \"MIT\"\nfiles = [{{ name = {} }}]\n",
            quoted(&model),
            quoted(&name),
        );
        let Ok(manifest) = Manifest::parse(&text, Path::new("m.toml")) else {
            return Ok(());
        };
        let root = Path::new("/models");
        let folder = root.join(&manifest.name);
        prop_assert_eq!(folder.parent(), Some(root));
        let path = folder.join(&manifest.files[0].name);
        prop_assert!(path.starts_with(&folder) && path != folder);
        prop_assert!(path.components().all(|part| part != Component::ParentDir));
        prop_assert!(path != folder.join("manifest.toml"));
        prop_assert!(!path.to_string_lossy().ends_with(".part"));
        let own = |end: &str| Path::new(&manifest.name).extension().is_some_and(|e| e == end);
        prop_assert!(!own("new") && !own("old"));
    }
}
