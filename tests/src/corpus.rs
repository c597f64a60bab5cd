//! Where the shared corpus and models lie, and texts made up for tests.
//!
//! The shared folder is beside the checkout or where `HIPPO_SHARED` says. It is not part of the
//! repository, so a test that needs it asks here and skips loudly without it. Made-up texts are
//! seeded: the same seed, the same words, on every machine.

use std::io::ErrorKind::NotFound;
use std::path::{Path, PathBuf};

use crate::rng::Rng;
use crate::skip;

/// The shared folder's setting.
const SHARED_ENV: &str = "HIPPO_SHARED";

/// The shared folder, if this machine has it.
pub fn shared_dir() -> Option<PathBuf> {
    let dir = std::env::var_os(SHARED_ENV).map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
        PathBuf::from,
    );
    dir.canonicalize().ok().filter(|dir| dir.is_dir())
}

/// A path in the shared folder; a loud skip where it is not.
pub fn shared(test: &str, path: &str) -> Option<PathBuf> {
    let found = shared_dir()
        .map(|dir| dir.join(path))
        .filter(|path| path.exists());
    if found.is_none() {
        skip(
            test,
            &format!(
                "{path} is not in ../shared beside the checkout ({SHARED_ENV} names another place)"
            ),
        );
    }
    found
}

/// All plain files below a folder, sorted. What goes while it is looked at, as the table's files do
/// beside a daemon, is not there.
pub fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut pending = vec![dir.to_owned()];
    let mut files = Vec::new();
    while let Some(folder) = pending.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Err(error) if error.kind() == NotFound && folder != dir => continue,
            entries => entries.unwrap(),
        };
        for entry in entries.flatten() {
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            if kind.is_dir() {
                pending.push(entry.path());
            } else if kind.is_file() {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    files
}

/// Whether a character is Han.
pub fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}')
}

const SYLLABLES: [&str; 32] = [
    "ka", "ro", "mi", "ten", "sul", "var", "po", "lin", "dra", "fe", "gos", "hul", "jan", "kre",
    "lo", "mur", "nid", "ost", "pra", "qui", "ras", "sto", "tul", "ur", "vel", "wen", "xi", "yor",
    "zan", "bel", "cor", "dun",
];

const HAN: [&str; 24] = [
    "海边", "记忆", "城市", "雨水", "火车", "夜里", "朋友", "茶馆", "山路", "春天", "研究", "模型",
    "语言", "数据", "声音", "图像", "历史", "咖啡", "书店", "旅行", "河流", "桥梁", "星空", "故事",
];

/// A made-up word that stands for a number: the same number, the same word.
pub fn word(number: usize) -> String {
    let mut word = String::new();
    let mut left = number;
    loop {
        word.push_str(SYLLABLES[left % SYLLABLES.len()]);
        left /= SYLLABLES.len();
        if left == 0 {
            return word;
        }
    }
}

/// So many words of a vocabulary, the frequent ones far more often (Zipf's law, roughly).
pub fn words(rng: &mut Rng, count: usize, vocabulary: usize) -> String {
    let mut text = String::with_capacity(count * 7);
    for at in 0..count {
        if at > 0 {
            text.push(if at % 12 == 0 { '.' } else { ' ' });
            if at % 12 == 0 {
                text.push(' ');
            }
        }
        // The square of a uniform number leans towards 0 as word frequencies do.
        let uniform = rng.below(1 << 20) as f64 / f64::from(1 << 20);
        text.push_str(&word((uniform * uniform * vocabulary as f64) as usize));
    }
    text.push('.');
    text
}

/// So many Chinese words, in sentences.
pub fn han(rng: &mut Rng, count: usize) -> String {
    let mut text = String::new();
    for at in 1..=count {
        text.push_str(rng.pick::<&str>(&HAN));
        if at % 9 == 0 {
            text.push('。');
        }
    }
    text
}

/// A word that stands nowhere else: for asking whether just this file is found. Letters only, so
/// that no way of splitting words can cut it.
pub fn mark(kind: &str, number: usize) -> String {
    let letters: String = format!("{number:06}")
        .bytes()
        .map(|digit| (b'a' + (digit - b'0')) as char)
        .collect();
    format!("zq{kind}{letters}")
}
