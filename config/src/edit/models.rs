//! Which model plays which role, written into the settings.

use std::path::Path;

use toml_edit::{DocumentMut, Item, TableLike, Value};

use super::{EditError, Edited, HEADER, not_toml, read, replace};

/// Sets keys of the section `[models]`, and takes out those without a value. Everything
/// else stays as it stands, comments behind a changed value too.
pub fn set_models(
    config_file: &Path,
    changes: &[(&str, Option<&str>)],
) -> Result<Edited, EditError> {
    let text = read(config_file)?.unwrap_or_else(|| HEADER.to_owned());
    let mut document: DocumentMut = text.parse().map_err(|e| not_toml(config_file, &e))?;
    let Some(item) = document.get_mut("models") else {
        let section = new_section(&text, changes);
        return match section {
            None => Ok(Edited::Unchanged),
            Some(section) => replace(config_file, &(text + &section)),
        };
    };
    let table = item
        .as_table_like_mut()
        .ok_or_else(|| EditError::NotModels {
            path: config_file.to_owned(),
        })?;
    let mut edited = Edited::Unchanged;
    for (key, value) in changes {
        if set(table, key, *value) {
            edited = Edited::Changed;
        }
    }
    match edited {
        Edited::Unchanged => Ok(Edited::Unchanged),
        Edited::Changed => replace(config_file, &document.to_string()),
    }
}

/// A section for the end of the file, below comments that stand there. None for nothing.
fn new_section(text: &str, changes: &[(&str, Option<&str>)]) -> Option<String> {
    let lines: Vec<String> = changes
        .iter()
        .filter_map(|(key, value)| Some(format!("{key} = {}\n", Value::from((*value)?))))
        .collect();
    let above = match text {
        "" => "",
        _ if text.ends_with('\n') => "\n",
        _ => "\n\n",
    };
    (!lines.is_empty()).then(|| format!("{above}[models]\n{}", lines.concat()))
}

/// Whether anything changed.
fn set(table: &mut dyn TableLike, key: &str, value: Option<&str>) -> bool {
    let old = table.get(key);
    match value {
        None => table.remove(key).is_some(),
        Some(name) if old.and_then(Item::as_str) == Some(name) => false,
        Some(name) => {
            let mut new = Value::from(name);
            if let Some(Item::Value(old)) = old {
                *new.decor_mut() = old.decor().clone();
            }
            // The key is left in place where there is one: the comments above it are its own.
            match table.get_mut(key) {
                Some(item) => *item = Item::Value(new),
                None => drop(table.insert(key, Item::Value(new))),
            }
            true
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::Settings;
    use crate::settings::ProfileSetting;

    fn edited(before: &str, changes: &[(&str, Option<&str>)]) -> (Edited, String) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config.toml");
        fs::write(&file, before).unwrap();
        let edited = set_models(&file, changes).unwrap();
        Settings::load(&file).unwrap();
        (edited, fs::read_to_string(&file).unwrap())
    }

    #[test]
    fn comments_and_layout_stay() {
        let before = "\
# mine
[models] # vectors
# the good one
passage   = \"old\"  # since May
threads = 2

[[folders]]
path = \"/notes\"
";
        let (changed, after) = edited(before, &[("passage", Some("new")), ("joint", Some("j"))]);
        assert_eq!(changed, Edited::Changed);
        let expected = before
            .replace("\"old\"", "\"new\"")
            .replace("threads = 2\n", "threads = 2\njoint = \"j\"\n");
        assert_eq!(after, expected);
    }

    #[test]
    fn a_file_without_the_section_gets_one_at_its_end() {
        let before = "[[folders]]\npath = \"/notes\" # here\n";
        let (_, after) = edited(before, &[("profile", Some("quality"))]);
        assert_eq!(
            after,
            format!("{before}\n[models]\nprofile = \"quality\"\n")
        );
        let before = "# mine, without an end";
        let (_, after) = edited(before, &[("joint", Some("a")), ("ocr", None)]);
        assert_eq!(after, format!("{before}\n\n[models]\njoint = \"a\"\n"));
        let (_, after) = edited("", &[("profile", Some("quality"))]);
        assert_eq!(after, "[models]\nprofile = \"quality\"\n");
    }

    #[test]
    fn a_file_that_is_not_there_is_made() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("deep/config.toml");
        assert_eq!(
            set_models(&file, &[("joint", None)]).unwrap(),
            Edited::Unchanged
        );
        assert!(!file.exists());
        set_models(&file, &[("profile", Some("small"))]).unwrap();
        let settings = Settings::load(&file).unwrap();
        assert_eq!(settings.models.profile, ProfileSetting::Named("small"));
        assert!(fs::read_to_string(&file).unwrap().starts_with(HEADER));
    }

    #[test]
    fn what_says_so_already_is_not_written() {
        let before = "models = { joint = \"a\" }\n";
        let same: &[(&str, Option<&str>)] = &[("joint", Some("a")), ("ocr", None)];
        assert_eq!(edited(before, same), (Edited::Unchanged, before.to_owned()));
        let (changed, after) = edited(before, &[("joint", None), ("ocr", Some("b"))]);
        assert_eq!(changed, Edited::Changed);
        assert!(
            !after.contains("joint") && after.contains("ocr = \"b\""),
            "{after}"
        );
    }

    #[test]
    fn what_is_no_section_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config.toml");
        for (text, expected) in [("models = 3\n", "[models]"), ("= 3\n", "not TOML")] {
            fs::write(&file, text).unwrap();
            let error = set_models(&file, &[("joint", Some("a"))]).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
            assert_eq!(fs::read_to_string(&file).unwrap(), text);
        }
    }
}
