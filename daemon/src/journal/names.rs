//! File names and titles, word by word, so that a file is found by what it is called.
//!
//! Kept in the catalog and not in the table: a rename changes one row here and no segment. The
//! words are folded by the index's own folding (`Budget-2026.xlsx.pdf` gives budget, 2026, xlsx,
//! pdf; Han characters their 1- and 2-grams), so a question and a name always meet.
//!
//! Promises: triggers note every file whose name or title changed, and whichever transaction
//! noted it brings the words in step before it commits; only files that have been read are
//! here. All of it can be made anew from the catalog, and is where it is lacking, so it has no
//! number among the journal's formats.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use hippo_index::fold;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::name_words::beginning_with;
use super::{Journal, Result, path_of, sqlite};

/// Files looked up for one word. A word that more names have tells little; of those it finds
/// the first this many, which takes about a millisecond.
const FILES_OF_A_WORD: usize = 5_000;
/// Candidates whose rows are read, best first: what filters leave of them is the result.
const LOOKED_INTO: usize = 5_000;
/// Names that share less of a question than this are no answer.
const LEAST_SHARE: f64 = 0.4;
/// Words of one name and title.
const WORDS_MAX: usize = 256;
/// Files brought in step in one transaction when many lack.
pub(super) const BATCH: usize = 10_000;

const TABLES: &str = "
CREATE TABLE name_due (file INTEGER PRIMARY KEY) STRICT;
CREATE TABLE name_of (file INTEGER PRIMARY KEY, words TEXT NOT NULL) STRICT;
CREATE TABLE name_word (
    word TEXT NOT NULL, file INTEGER NOT NULL, PRIMARY KEY (word, file)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER name_changed AFTER UPDATE OF key, title, revision ON file
WHEN NEW.revision > 0 AND (OLD.revision = 0 OR OLD.key <> NEW.key OR OLD.title IS NOT NEW.title)
BEGIN
    INSERT INTO name_due VALUES (NEW.id) ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER name_gone AFTER DELETE ON file WHEN OLD.revision > 0 BEGIN
    INSERT INTO name_due VALUES (OLD.id) ON CONFLICT DO NOTHING;
END;
INSERT INTO name_due SELECT id FROM file WHERE revision > 0;
";

/// A file whose name or title has words of a question.
#[derive(Debug, Clone, PartialEq)]
pub struct Named {
    /// The file.
    pub file: u64,
    /// How much of the question is in them, rare words counting more; 1 is all of it.
    pub share: f64,
    /// Where the file is.
    pub path: PathBuf,
    /// Its title.
    pub title: Option<String>,
    /// Its kind.
    pub kind: String,
    /// When it was taken or published, or else changed, milliseconds since the epoch.
    pub dated_ms: i64,
    /// The camera that took it.
    pub camera: Option<String>,
    /// The place where it was taken.
    pub place: Option<String>,
    /// The show that it belongs to.
    pub show: Option<String>,
}

/// Makes the tables where they lack, and brings in step what is due.
pub(super) fn prepare(connection: &mut Connection, path: &Path) -> Result<()> {
    let work = |connection: &mut Connection| -> rusqlite::Result<()> {
        if !connection.table_exists(None, "name_due")? {
            connection.execute_batch(&format!("BEGIN IMMEDIATE; {TABLES} COMMIT;"))?;
        }
        loop {
            let transaction = connection.transaction()?;
            let brought = bring_in_step(&transaction, BATCH)?;
            transaction.commit()?;
            if brought < BATCH {
                return Ok(());
            }
        }
    };
    work(connection).map_err(|source| sqlite(path, "indexing the names of files", source))
}

/// Indexes the names that this transaction changed; how many they were.
pub(super) fn bring_in_step(t: &Transaction<'_>, most: usize) -> rusqlite::Result<usize> {
    let due: Vec<i64> = t
        .prepare_cached("SELECT file FROM name_due LIMIT ?1")?
        .query_map([most as i64], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for &file in &due {
        forget(t, file)?;
        let named = t
            .prepare_cached("SELECT key, title FROM file WHERE id = ?1 AND revision > 0")?
            .query_row([file], |row| {
                Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Option<String>>(1)?))
            })
            .optional()?;
        if let Some((key, title)) = named {
            remember(t, file, &words_of(&path_of(&key), title.as_deref()))?;
        }
        t.prepare_cached("DELETE FROM name_due WHERE file = ?1")?
            .execute([file])?;
    }
    Ok(due.len())
}

fn forget(t: &Transaction<'_>, file: i64) -> rusqlite::Result<()> {
    let old: Option<String> = t
        .prepare_cached("DELETE FROM name_of WHERE file = ?1 RETURNING words")?
        .query_row([file], |row| row.get(0))
        .optional()?;
    for word in old.iter().flat_map(|words| words.split(' ')) {
        t.prepare_cached("DELETE FROM name_word WHERE word = ?1 AND file = ?2")?
            .execute(params![word, file])?;
    }
    Ok(())
}

fn remember(t: &Transaction<'_>, file: i64, words: &[String]) -> rusqlite::Result<()> {
    for word in words {
        t.prepare_cached("INSERT INTO name_word VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
            .execute(params![word, file])?;
    }
    t.prepare_cached("INSERT INTO name_of VALUES (?1, ?2)")?
        .execute(params![file, words.join(" ")])
        .map(|_| ())
}

/// The words of a name and a title, each once.
fn words_of(path: &Path, title: Option<&str>) -> Vec<String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let both = format!(
        "{} {}",
        fold::words(&name),
        fold::words(title.unwrap_or(""))
    );
    let mut words: Vec<String> = Vec::new();
    for word in both.split_ascii_whitespace() {
        if words.len() < WORDS_MAX && !words.iter().any(|known| known == word) {
            words.push(word.to_owned());
        }
    }
    words
}

impl Journal {
    /// The files whose name and title have most of these folded words, and of one that begins
    /// so, best first, then by path; only those that `keep` wants.
    pub fn named(
        &self,
        tokens: &[String],
        beginning: Option<&str>,
        limit: usize,
        keep: impl Fn(&Named) -> bool,
    ) -> Result<Vec<Named>> {
        self.read("looking up names", |c| {
            let mut found = Vec::new();
            let mut file = c.prepare_cached(
                "SELECT key, title, kind, coalesce(dated, mtime_ns / 1000000), camera, place, show
                 FROM file
                 WHERE id = ?1 AND revision > 0 AND segments > 0 AND state <> 7",
            )?;
            for (id, share) in candidates(c, tokens, beginning)?
                .into_iter()
                .take(LOOKED_INTO)
            {
                if found.len() == limit {
                    break;
                }
                let named = file.query_row([id], |row| {
                    Ok(Named {
                        file: id as u64,
                        share,
                        path: path_of(&row.get::<_, Vec<u8>>(0)?),
                        title: row.get(1)?,
                        kind: row.get(2)?,
                        dated_ms: row.get(3)?,
                        camera: row.get(4)?,
                        place: row.get(5)?,
                        show: row.get(6)?,
                    })
                });
                found.extend(named.optional()?.filter(&keep));
            }
            let by_share = |a: &Named, b: &Named| b.share.total_cmp(&a.share);
            found.sort_by(|a, b| by_share(a, b).then_with(|| a.path.cmp(&b.path)));
            Ok(found)
        })
    }
}

/// Files by the share of the question that their names have, best first.
fn candidates(
    c: &Connection,
    tokens: &[String],
    beginning: Option<&str>,
) -> rusqlite::Result<Vec<(i64, f64)>> {
    let files: i64 = c
        // The greatest number stands for how many there are: it is found without counting.
        .prepare_cached("SELECT coalesce(max(file), 0) FROM name_of")?
        .query_row([], |row| row.get(0))?;
    let mut weights: HashMap<i64, f64> = HashMap::new();
    let mut whole = 0.0;
    let mut crowded: Vec<(&String, f64)> = Vec::new();
    if let Some(beginning) = beginning {
        let of = beginning_so(c, beginning)?;
        let weight = rarity(files, of.len());
        whole += weight;
        weights.extend(of.into_iter().map(|file| (file, weight)));
    }
    let mut holders = c.prepare_cached("SELECT file FROM name_word WHERE word = ?1 LIMIT ?2")?;
    for token in tokens {
        let of: Vec<i64> = holders
            .query_map(params![token, FILES_OF_A_WORD as i64], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        let weight = rarity(files, of.len());
        whole += weight;
        if of.len() == FILES_OF_A_WORD {
            crowded.push((token, weight));
        }
        for file in of {
            *weights.entry(file).or_default() += weight;
        }
    }
    // Whoever was not among the first holders of a crowded word may have it all the same.
    let mut sharing: Vec<(i64, f64)> = weights.into_iter().collect();
    sharing.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    if !crowded.is_empty() {
        sharing.truncate(LOOKED_INTO);
        let mut has =
            c.prepare_cached("SELECT file FROM name_word WHERE word = ?1 AND file = ?2")?;
        let first = c.prepare_cached(
            "SELECT coalesce(max(file), 0) FROM
             (SELECT file FROM name_word WHERE word = ?1 LIMIT ?2)",
        );
        let mut first = first?;
        for (token, weight) in crowded {
            let last: i64 =
                first.query_row(params![token, FILES_OF_A_WORD as i64], |row| row.get(0))?;
            for (file, sum) in &mut sharing {
                if *file > last && has.exists(params![token, *file])? {
                    *sum += weight;
                }
            }
        }
        sharing.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    }
    let shares = sharing.into_iter().map(|(file, sum)| (file, sum / whole));
    Ok(shares.filter(|(_, share)| *share >= LEAST_SHARE).collect())
}

/// Rare words tell more.
fn rarity(files: i64, of: usize) -> f64 {
    (1.0 + files as f64 / (of as f64 + 0.5)).ln()
}

/// Files with a word that begins so.
fn beginning_so(c: &Connection, beginning: &str) -> rusqlite::Result<Vec<i64>> {
    let mut holders = c.prepare_cached(
        "SELECT DISTINCT file FROM name_word WHERE word >= ?1 AND word < ?2 LIMIT ?3",
    )?;
    let all = beginning_with(beginning);
    let most = FILES_OF_A_WORD as i64;
    let of = holders.query_map(params![all.start, all.end, most], |row| row.get(0));
    of?.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_where_people_cut_them() {
        for (name, title, expect) in [
            (
                "Budget-2026.xlsx.pdf",
                None,
                &["budget", "2026", "xlsx", "pdf"][..],
            ),
            (
                "quarterlyReport_final.md",
                None,
                &["quarterly", "report", "final", "md"],
            ),
            (
                "脑机接口.txt",
                Some("访谈 Interview"),
                &["脑机", "接口", "访谈", "interview"],
            ),
            ("個人.md", None, &["个人"]),
        ] {
            let words = words_of(&Path::new("/some/where").join(name), title);
            for word in expect {
                assert!(
                    words.iter().any(|w| w == word),
                    "{name}: {word} in {words:?}"
                );
            }
            assert!(!words.iter().any(|w| w == "where"), "folders are no names");
        }
    }
}
