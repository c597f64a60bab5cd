//! What the settings accept and refuse, and that their reference is true.

use super::*;
use crate::raw::SettingsError;
use crate::settings::{
    IgnoreSettings, IndexSettings, Limits, LogLevel, LogSettings, ModelSettings, OnBattery,
    PowerSettings, ProfileSetting, SearchSettings, ServiceSettings, WatchSettings, WorkerSettings,
};

fn check(text: &str) -> Result<Settings, SettingsErrors> {
    parse(text, Path::new("config.toml"), Some(Path::new("/home/lin")))
}

fn errors(text: &str) -> Vec<SettingsError> {
    check(text).unwrap_err().errors
}

#[test]
fn an_empty_file_is_the_defaults() {
    assert_eq!(check("").unwrap(), Settings::default());
    assert_eq!(check("# nothing\n[watch]\n").unwrap(), Settings::default());
}

#[test]
fn every_value_arrives() {
    let settings = check(
        "[[folders]]\npath = \"~/notes/\"\nexclude = [\"*.bak\", \"!keep.bak\", \"/old/\"]\n\
         [[folders]]\npath = \"/srv/书\"\n\
         [ignore]\nhidden = false\ngitignore = false\nbuild_folders = false\npatterns = [\"*.iso\"]\n\
         [limits]\ntext_max_bytes = 2048\npdf_max_bytes = \"1 GiB\"\nsubtitle_max_bytes = \"1 MB\"\n\
         file_text_max_bytes = \"2MiB\"\nfile_max_segments = 7\npdf_max_pages = 8\n\
         picture_max_bytes = \"1 MiB\"\npicture_max_pixels = 9\n\
         [watch]\nsettle_ms = 9\nmax_wait_ms = 10\nrescan_minutes = 11\npoll_seconds = 12\n\
         max_watches = 0\nhint_capacity = 17\n\
         [worker]\ncount = 3\nmemory_max_mib = 256\nstall_ms = 500\nfiles_per_worker = 4\nprogram = \"/bin/x\"\n\
         [models]\nprofile = \"quality\"\njoint = \"twin\"\npassage = \"tiny\"\nspeech = \"ears\"\n\
         voice = \"none\"\nocr = \"eyes\"\nthreads = 5\nunload_after_minutes = 6\n\
         endpoint = \"https://hf-mirror.com/\"\nmirror = \"http://nas:8000/models\"\n\
         [power]\nbattery = \"ignore\"\nsupplies = \"/x\"\n\
         [index]\nuri = \"s3://bucket/hippo\"\nvector_index_rows = 2000\ncache_mib = 9\n\
         [search]\nlimit = 11\nleg_limit = 12\ndense_weight_en = 0.1\ndense_weight_zh = 1\n\
         dense_weight_mixed = 0\ndense_weight_exact = 0.4\ndeadline_ms = 13\n\
         [service]\nmax_body_kib = 14\nmax_concurrent = 15\n\
         [log]\nlevel = \"trace\"\nkeep_files = 16\n",
    )
    .unwrap();
    let folder = |path: &str, exclude: &[&str]| FolderSettings {
        path: PathBuf::from(path),
        exclude: exclude.iter().map(|text| (*text).to_owned()).collect(),
    };
    let expected = Settings {
        folders: vec![
            folder("/home/lin/notes", &["*.bak", "!keep.bak", "/old/"]),
            folder("/srv/书", &[]),
        ],
        ignore: IgnoreSettings {
            hidden: false,
            gitignore: false,
            build_folders: false,
            patterns: vec!["*.iso".to_owned()],
        },
        limits: Limits {
            text_max_bytes: 2048,
            pdf_max_bytes: 1 << 30,
            subtitle_max_bytes: 1_000_000,
            file_text_max_bytes: 2 << 20,
            file_max_segments: 7,
            pdf_max_pages: 8,
            picture_max_bytes: 1 << 20,
            picture_max_pixels: 9,
        },
        watch: WatchSettings {
            settle_ms: 9,
            max_wait_ms: 10,
            rescan_minutes: 11,
            poll_seconds: 12,
            max_watches: Some(0),
            hint_capacity: 17,
        },
        worker: WorkerSettings {
            count: 3,
            memory_max_mib: 256,
            stall_ms: 500,
            files_per_worker: 4,
            program: Some(PathBuf::from("/bin/x")),
        },
        models: ModelSettings {
            profile: ProfileSetting::Named("quality"),
            joint: Some("twin".to_owned()),
            passage: Some("tiny".to_owned()),
            speech: Some("ears".to_owned()),
            voice: Some("none".to_owned()),
            ocr: Some("eyes".to_owned()),
            threads: 5,
            unload_after_minutes: 6,
            endpoint: Some("https://hf-mirror.com".to_owned()),
            mirror: Some("http://nas:8000/models".to_owned()),
        },
        power: PowerSettings {
            battery: OnBattery::Ignore,
            supplies: PathBuf::from("/x"),
        },
        index: IndexSettings {
            uri: Some("s3://bucket/hippo".to_owned()),
            vector_index_rows: 2000,
            cache_mib: 9,
        },
        search: SearchSettings {
            limit: 11,
            leg_limit: 12,
            dense_weight_en: 0.1,
            dense_weight_zh: 1.0,
            dense_weight_mixed: 0.0,
            dense_weight_exact: 0.4,
            deadline_ms: 13,
        },
        service: ServiceSettings {
            max_body_kib: 14,
            max_concurrent: 15,
        },
        log: LogSettings {
            level: LogLevel::Trace,
            keep_files: 16,
        },
    };
    assert_eq!(settings, expected);
}

#[test]
fn all_mistakes_at_once_each_with_its_line() {
    let text = "\
[[folders]]
path = \"notes\"

[[folders]]
exclude = [\"a{b\", 3]

[watch]
setle_ms = 5
poll_seconds = \"soon\"
max_wait_ms = 1

[serch]
limit = 5

[search]
dense_weight_zh = 7
limit = 50
leg_limit = 20

[log]
level = \"loud\"
";
    let shown = check(text).unwrap_err().to_string();
    let expected = "\
config.toml: 11 mistakes
  line 2, folders.path: \"notes\" must be a whole path, such as /home/me/notes or ~/notes
  line 5, folders.exclude: must hold text, not the number 3
  line 5, folders.exclude: \"a{b\": unclosed alternate group; missing '}' (maybe escape '{' with '[{]'?)
  line 8, watch.setle_ms: is not a setting; did you mean `settle_ms`?
  line 9, watch.poll_seconds: must be a whole number, not the text \"soon\"
  line 10, watch.max_wait_ms: must be at least watch.settle_ms, which is 150
  line 12, serch: is not a section of settings; did you mean `search`?
  line 16, search.dense_weight_zh: must be 0 to 1, not 7
  line 18, search.leg_limit: must be at least search.limit, which is 50
  line 21, log.level: must be one of error, warn, info, debug, trace, not \"loud\"";
    for line in expected.lines().skip(1) {
        assert!(shown.contains(line), "missing:\n{line}\nin:\n{shown}");
    }
    assert!(shown.contains("folders.path: is missing"), "{shown}");
    assert!(shown.starts_with("config.toml: 11 mistakes\n"), "{shown}");
}

#[test]
fn a_setting_without_its_section_is_told_where_to_go() {
    let found = errors("settle_ms = 5\n");
    assert_eq!(found[0].line, Some(1));
    assert!(found[0].message.contains("[watch]"), "{}", found[0]);
}

#[test]
fn text_that_is_no_toml_names_the_line() {
    let found = errors("[watch]\nsettle_ms = = 5\n");
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].line, Some(2));
}

#[test]
fn wrong_shapes_of_sections_and_folders() {
    assert!(errors("watch = 5\n")[0].message.contains("[watch]"));
    assert!(
        errors("[folders]\npath = \"/a\"\n")[0]
            .message
            .contains("[[folders]]")
    );
    let twice = errors("[[folders]]\npath = \"/a\"\n[[folders]]\npath = \"/a/./\"\n");
    assert_eq!(twice[0].line, Some(4));
    assert!(twice[0].message.contains("twice"));
}

#[test]
fn paths_that_cannot_be_meant() {
    for text in ["~lin/notes", "/a/../b", "", "."] {
        assert!(
            folder_path(text, Some(Path::new("/home/lin"))).is_err(),
            "{text}"
        );
    }
    assert!(folder_path("~/a", None).is_err(), "no HOME");
    assert_eq!(
        folder_path("~", Some(Path::new("/home/lin"))).unwrap(),
        Path::new("/home/lin")
    );
}

#[test]
fn a_model_name_stays_among_the_models() {
    for name in ["../x", "a/b", "/etc", "", ".", "a/"] {
        let text = format!("[models]\npassage = \"{name}\"\n");
        assert_eq!(errors(&text).len(), 1, "{name}");
    }
}

#[test]
fn addresses_and_profiles_that_cannot_be_meant() {
    for address in ["hf-mirror.com", "ftp://x", "https://", "https://a b"] {
        let text = format!("[models]\nendpoint = \"{address}\"\nmirror = \"{address}\"\n");
        assert_eq!(errors(&text).len(), 2, "{address}");
    }
    let found = errors("[models]\nprofile = \"best\"\n");
    assert!(
        found[0]
            .message
            .contains("auto, none, small, quality, demo"),
        "{}",
        found[0]
    );
}

#[test]
fn limits_of_numbers() {
    assert_eq!(errors("[watch]\nsettle_ms = -1\n").len(), 1);
    assert_eq!(errors("[watch]\nsettle_ms = 1.5\n").len(), 1);
    assert_eq!(errors("[limits]\npdf_max_bytes = \"99 GiB\"\n").len(), 1);
    assert_eq!(errors("[search]\ndense_weight_en = nan\n").len(), 1);
    assert_eq!(errors("[index]\nuri = \"ftp://x\"\n").len(), 1);
}

/// The rows of the reference's tables: key, default, allowed.
fn documented() -> Vec<KeyInfo> {
    let cell = |text: &str| text.trim().trim_matches('`').to_owned();
    include_str!("../../../docs/settings.md")
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            let cells: Vec<&str> = line.split('|').collect();
            KeyInfo {
                key: cell(cells[1]),
                default: cell(cells[2]),
                allowed: cell(cells[3]),
            }
        })
        .collect()
}

/// `docs/settings.md` names every setting, with its default and what it may be,
/// in the order of the code, and none that does not exist.
#[test]
fn the_reference_is_true() {
    let rows = documented();
    assert!(!rows.is_empty());
    for (row, info) in rows.iter().zip(known_keys()) {
        assert_eq!(*row, info);
    }
    assert_eq!(rows.len(), known_keys().len());
}

/// The reference's example is a settings file that is taken.
#[test]
fn the_example_of_the_reference_is_valid() {
    let page = include_str!("../../../docs/settings.md");
    let example = page.split("```toml\n").nth(1).unwrap();
    let example = example.split("```").next().unwrap();
    let settings = check(example).unwrap();
    assert!(!settings.folders.is_empty());
}
