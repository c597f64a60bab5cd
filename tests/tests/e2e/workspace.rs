//! The shape of the workspace: who may depend on whom, and that the documents tell the truth.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use hippo_tests::{TempHome, daemon::hippo_bin};
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A member of the workspace, and what it is built from, tests aside.
struct Package {
    name: String,
    dependencies: BTreeSet<String>,
}

/// What `cargo metadata` says. Read as plain JSON: the crate for it turns on a feature of
/// serde_json, and then everything above that is compiled once for the program and once
/// more for the tests, LanceDB too.
fn packages() -> Vec<Package> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version=1"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let list = |value: &Value| value.as_array().cloned().unwrap();
    let name = |value: &Value| value["name"].as_str().unwrap().to_owned();
    list(&metadata["packages"])
        .iter()
        .map(|package| Package {
            name: name(package),
            dependencies: list(&package["dependencies"])
                .iter()
                .filter(|dependency| dependency["kind"].as_str() != Some("dev"))
                .map(name)
                .collect(),
        })
        .collect()
}

fn dependencies(packages: &[Package], name: &str) -> BTreeSet<String> {
    let package = packages.iter().find(|package| package.name == name);
    let Some(package) = package else {
        panic!("no package {name}");
    };
    package.dependencies.clone()
}

#[test]
fn dependencies_point_one_way() {
    let packages = packages();
    let names: BTreeSet<&str> = packages
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    assert_eq!(
        names,
        BTreeSet::from([
            "hippo-config",
            "hippo-daemon",
            "hippo-extractors",
            "hippo-index",
            "hippo-tests"
        ])
    );
    let ours = |name: &str| -> Vec<String> {
        dependencies(&packages, name)
            .into_iter()
            .filter(|dependency| dependency.starts_with("hippo-"))
            .collect()
    };
    assert_eq!(ours("hippo-config"), Vec::<String>::new());
    assert_eq!(ours("hippo-extractors"), ["hippo-config"]);
    assert!(
        ours("hippo-index")
            .iter()
            .all(|name| name == "hippo-config"),
        "index may know the settings and nothing else: {:?}",
        ours("hippo-index")
    );
    assert_eq!(
        ours("hippo-daemon"),
        ["hippo-config", "hippo-extractors", "hippo-index"]
    );
    // Nothing of what ships knows the tests.
    for name in names {
        assert!(!ours(name).contains(&"hippo-tests".to_owned()), "{name}");
    }
}

#[test]
fn each_heavy_library_has_one_home() {
    let packages = packages();
    let homes: [(&[&str], &str); 4] = [
        // Only the index names LanceDB or Arrow.
        (
            &["lancedb", "lance", "arrow-array", "arrow-schema"],
            "hippo-index",
        ),
        // Only the extractors know documents and models.
        (
            &["ort", "tokenizers", "pdfium-render", "pdf-extract"],
            "hippo-extractors",
        ),
        // Only the daemon knows sockets and the journal.
        (&["axum", "rusqlite", "notify", "clap"], "hippo-daemon"),
        // And what holds a worker.
        (&["landlock", "seccompiler"], "hippo-daemon"),
    ];
    for (libraries, home) in homes {
        for package in &packages {
            let found = dependencies(&packages, package.name.as_str());
            for &library in libraries {
                assert!(
                    package.name.as_str() == home || !found.contains(library),
                    "{library} belongs to {home}, not to {}",
                    package.name
                );
            }
        }
    }
}

#[test]
fn every_dependency_says_why_it_is_here() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let section = manifest
        .split("[workspace.dependencies]")
        .nth(1)
        .and_then(|rest| rest.split("\n[").next())
        .unwrap();
    // Beside it, or above the group that it stands in.
    let mut grouped = false;
    for line in section.lines() {
        if line.starts_with('#') || line.trim().is_empty() {
            grouped = line.starts_with('#');
        } else if line.contains(" = ") {
            assert!(
                grouped || line.starts_with("hippo-") || line.contains('#'),
                "no reason given: {line}"
            );
        }
    }
}

/// All Rust sources of the workspace.
fn sources() -> Vec<PathBuf> {
    let crates = ["config", "extractors", "index", "daemon", "tests"];
    crates
        .iter()
        .flat_map(|name| hippo_tests::corpus::files_below(&root().join(name)))
        .filter(|path| path.extension().is_some_and(|ending| ending == "rs"))
        .collect()
}

#[test]
fn every_promise_of_the_page_has_tests_of_its_number() {
    let page = std::fs::read_to_string(root().join("docs/promises.md")).unwrap();
    let promised: BTreeSet<u32> = page
        .lines()
        .filter_map(|line| line.split_once(". ")?.0.parse().ok())
        .collect();
    assert_eq!(promised, (1..=25).collect());
    let mut shown = BTreeSet::new();
    for path in sources() {
        let source = std::fs::read_to_string(path).unwrap();
        for name in source.split("fn promise_").skip(1) {
            shown.extend(name.split('_').next().and_then(|n| n.parse::<u32>().ok()));
        }
    }
    assert_eq!(shown, promised);
}

fn help(home: &TempHome, args: &[&str]) -> Option<String> {
    let output = home.hippo(args);
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Command lines in a document: in fenced blocks, lines that begin with `hippo`; in the text,
/// `hippo ...` between backticks.
fn command_lines(text: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        if fenced {
            let line = line.trim().trim_start_matches("$ ");
            if line.starts_with("hippo ") {
                found.push(line.to_owned());
            }
        } else {
            found.extend(
                line.split('`')
                    .skip(1)
                    .step_by(2)
                    .filter(|code| code.starts_with("hippo "))
                    .map(str::to_owned),
            );
        }
    }
    found
        .iter()
        .map(|line| {
            line.split(['#', '|', '>', ';', '&'])
                .next()
                .unwrap_or_default()
                .split_whitespace()
                .skip(1)
                .map(|word| word.trim_matches(['[', ']', ',', '.']).to_owned())
                .collect()
        })
        .collect()
}

#[test]
fn commands_in_the_documents_exist() {
    let home = TempHome::new();
    let _ = Command::new(hippo_bin()); // says at once when there is none
    let mut documents = vec![root().join("README.md"), root().join("ARCHITECTURE.md")];
    if let Ok(entries) = std::fs::read_dir(root().join("docs")) {
        documents.extend(
            entries
                .flatten()
                .map(|entry| entry.path())
                .filter(|path| path.extension().is_some_and(|ending| ending == "md")),
        );
    }
    let mut seen = 0;
    for document in documents {
        let Ok(text) = std::fs::read_to_string(&document) else {
            continue;
        };
        for words in command_lines(&text) {
            let Some(command) = words
                .first()
                .filter(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '-'))
                .filter(|word| !word.starts_with('-'))
            else {
                continue;
            };
            let shown = document.file_name().unwrap().to_string_lossy();
            let help = help(&home, &[command, "--help"])
                .unwrap_or_else(|| panic!("{shown}: there is no `hippo {command}`"));
            for flag in words.iter().filter(|word| word.starts_with("--")) {
                let flag = flag.split('=').next().unwrap_or(flag);
                assert!(
                    help.contains(flag),
                    "{shown}: `hippo {command}` knows no {flag}"
                );
            }
            seen += 1;
        }
    }
    assert!(seen > 10, "only {seen} commands found: is there a README?");
}

#[test]
fn the_repository_does_not_speak_of_the_machines_it_was_made_on() {
    let output = Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(root())
        .output();
    let Ok(output) = output else {
        hippo_tests::skip("the repository's words", "git is not installed");
        return;
    };
    // Put together here, so that this file passes too.
    let words = ["work", "root"].map(|folder| format!("/{folder}/"));
    for name in String::from_utf8_lossy(&output.stdout).split('\0') {
        if name.is_empty() {
            continue;
        }
        let Ok(text) = std::fs::read_to_string(root().join(name)) else {
            continue;
        };
        for word in &words {
            assert!(!text.contains(word), "{name} speaks of {word}");
        }
    }
}
