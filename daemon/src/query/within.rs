//! `in:PATH`: which folders are meant.
//!
//! An absolute path, one from `~`, one relative to where the asker stands, or simply the end of
//! a name: `in:notes` means every watched folder called `notes`, or failing that a `notes`
//! directly inside a watched one. What lies outside everything that is watched is an error that
//! names the folders, for an empty answer would be taken for "there is nothing".

use std::path::{Component, Path, PathBuf};

use super::query_error::QueryError;

/// Folders named in the message at most.
const NAMED: usize = 5;

/// What paths are resolved against.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// Where the asker stands.
    pub cwd: Option<PathBuf>,
    /// The asker's home.
    pub home: Option<PathBuf>,
    /// What is watched.
    pub watched: Vec<PathBuf>,
}

impl Places {
    /// All that the specs mean, as text for the index.
    pub fn resolve_all(&self, specs: &[String]) -> Result<Vec<String>, QueryError> {
        let mut all: Vec<String> = Vec::new();
        for spec in specs {
            for path in self.resolve(spec)? {
                let path = path.to_string_lossy().into_owned();
                if !all.contains(&path) {
                    all.push(path);
                }
            }
        }
        Ok(all)
    }

    fn resolve(&self, spec: &str) -> Result<Vec<PathBuf>, QueryError> {
        let needs = |what: &str| {
            QueryError::Folder(format!(
                "`in:{spec}` cannot be read: {what}; write an absolute path"
            ))
        };
        let first = spec.split('/').next().unwrap_or_default();
        let candidates = match first {
            "" => vec![PathBuf::from(spec)],
            "~" => {
                let home = self.home.as_ref().ok_or_else(|| needs("HOME is not set"))?;
                vec![home.join(spec.trim_start_matches('~').trim_start_matches('/'))]
            }
            "." | ".." => {
                let cwd = self
                    .cwd
                    .as_ref()
                    .ok_or_else(|| needs("no working directory was sent"))?;
                vec![cwd.join(spec)]
            }
            _ => self.named(spec),
        };
        let mut found: Vec<PathBuf> = Vec::new();
        for candidate in candidates {
            let plain = normal(&candidate);
            // Watched folders may be named through a link or directly: both count.
            let real = std::fs::canonicalize(&plain).ok();
            for path in std::iter::once(plain).chain(real) {
                if self.touches(&path) && !found.contains(&path) {
                    found.push(path);
                }
            }
        }
        if found.is_empty() {
            return Err(self.nothing(spec));
        }
        Ok(found)
    }

    /// Folders that a bare name may mean.
    fn named(&self, spec: &str) -> Vec<PathBuf> {
        let here = self.cwd.as_ref().map(|cwd| cwd.join(spec));
        if let Some(here) = here.filter(|path| path.is_dir() && self.touches(&normal(path))) {
            return vec![here];
        }
        let same = |path: &PathBuf| ends_with(path, spec);
        let ending: Vec<PathBuf> = self.watched.iter().filter(|p| same(p)).cloned().collect();
        if !ending.is_empty() {
            return ending;
        }
        let inside = self.watched.iter().map(|path| path.join(spec));
        inside.filter(|path| path.is_dir()).collect()
    }

    /// Whether something that is watched lies in it or around it.
    fn touches(&self, path: &Path) -> bool {
        let mut watched = self.watched.iter();
        watched.any(|folder| path.starts_with(folder) || folder.starts_with(path))
    }

    fn nothing(&self, spec: &str) -> QueryError {
        if self.watched.is_empty() {
            let what = "no folder is watched yet: add one with `hippo add FOLDER`";
            return QueryError::Folder(what.to_owned());
        }
        let shown = self
            .watched
            .iter()
            .take(NAMED)
            .map(|p| p.display().to_string());
        let names = shown.collect::<Vec<_>>().join(", ");
        let rest = self.watched.len().saturating_sub(NAMED);
        let more = if rest > 0 {
            format!(" and {rest} more")
        } else {
            String::new()
        };
        QueryError::Folder(format!(
            "`in:{spec}` is in no watched folder; watched are {names}{more}"
        ))
    }
}

/// Whether the last components of `path` are those of `spec`, upper and lower case alike.
fn ends_with(path: &Path, spec: &str) -> bool {
    let lower = |path: &Path| -> Vec<String> {
        let parts = path
            .components()
            .filter(|c| matches!(c, Component::Normal(_)));
        parts
            .map(|c| c.as_os_str().to_string_lossy().to_lowercase())
            .collect()
    };
    let (path, spec) = (lower(path), lower(Path::new(spec)));
    !spec.is_empty() && path.ends_with(&spec)
}

/// Without `.`, `..` and a closing slash; links are left alone.
fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_found_by_path_and_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let root = std::fs::canonicalize(dir.path()).unwrap();
        std::fs::create_dir_all(root.join("Docs/notes")).unwrap();
        std::fs::create_dir_all(root.join("Mail")).unwrap();
        let places = Places {
            cwd: Some(root.join("Docs")),
            home: Some(root.clone()),
            watched: vec![root.join("Docs"), root.join("Mail")],
        };
        let show = |spec: &str| -> Vec<String> {
            let found = places.resolve(spec).unwrap().into_iter();
            found
                .map(|p| p.strip_prefix(&root).unwrap().display().to_string())
                .collect()
        };
        for (spec, expect) in [
            ("~/Docs", "Docs"),
            ("~/Docs/../Mail/", "Mail"),
            (".", "Docs"),
            ("./notes", "Docs/notes"),
            ("notes", "Docs/notes"),
            ("mail", "Mail"),
            ("~", ""),
        ] {
            assert_eq!(show(spec), [expect], "{spec}");
        }
        let all = places.resolve("/").unwrap();
        assert_eq!(all, [PathBuf::from("/")]);
        for spec in ["/nowhere", "nothing", ".."] {
            let found = places.resolve(spec);
            // The parent of a watched folder holds it; the others hold nothing.
            assert_eq!(found.is_ok(), spec == "..", "{spec}");
        }
        let message = places.resolve("/nowhere").unwrap_err().to_string();
        assert!(
            message.contains("Docs") && message.contains("Mail"),
            "{message}"
        );
        let alone = Places::default();
        assert!(
            alone
                .resolve("x")
                .unwrap_err()
                .to_string()
                .contains("hippo add")
        );
        assert!(
            alone
                .resolve("./x")
                .unwrap_err()
                .to_string()
                .contains("absolute")
        );
    }
}
