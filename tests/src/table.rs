//! The table that a stopped daemon left, read in-process: what a search may hide shows here.

use std::collections::BTreeMap;
use std::path::Path;

use hippo_index::{Options, Row, Store};

use crate::home::TempHome;

/// One row, as far as two builds of the same files must agree: catalog ids and revisions count
/// attempts and may differ.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TableRow {
    /// The file's absolute path.
    pub path: String,
    /// Place in the file.
    pub ordinal: u32,
    /// Page.
    pub page: Option<u32>,
    /// Begin and end of the moment.
    pub times: (Option<u64>, Option<u64>),
    /// The segment's id.
    pub id: String,
    /// Where the text comes from.
    pub source: String,
    /// The document's title.
    pub title: Option<String>,
    /// The text.
    pub text: String,
}

/// All rows, sorted. The daemon must not run.
pub fn rows(home: &TempHome) -> Vec<TableRow> {
    rows_in(&home.table())
}

/// The same of any table.
pub fn rows_in(dir: &Path) -> Vec<TableRow> {
    let mut rows: Vec<TableRow> = read(dir, &async |store| everything(store).await)
        .into_iter()
        .map(|row| TableRow {
            path: row.path,
            ordinal: row.ordinal,
            page: row.page,
            times: (row.t0_ms, row.t1_ms),
            id: row.id,
            source: row.source,
            title: row.title,
            text: row.text,
        })
        .collect();
    rows.sort();
    rows
}

/// The names of the embedding spaces that have a column. The daemon must not run.
pub fn spaces(home: &TempHome) -> Vec<String> {
    let spaces = read(&home.table(), &async |store| store.spaces());
    spaces.into_iter().map(|space| space.name).collect()
}

/// The vectors of a space, by path and ordinal. The daemon must not run.
pub fn vectors(home: &TempHome, space: &str) -> BTreeMap<(String, u32), Vec<f32>> {
    let mut found = BTreeMap::new();
    for row in read(&home.table(), &async |store| everything(store).await) {
        let mine = row.vectors.into_iter().find(|v| v.space == space);
        if let Some(mine) = mine {
            let doubled = found.insert((row.path, row.ordinal), mine.vector);
            assert!(doubled.is_none(), "two rows of one segment");
        }
    }
    found
}

async fn everything(store: &Store) -> Vec<Row> {
    let mut rows = Vec::new();
    for census in store.census().await.unwrap() {
        rows.extend(store.rows_of(census.file, census.revision).await.unwrap());
    }
    rows
}

/// Opens a table, looks at it, closes it.
fn read<T>(dir: &Path, look: &impl AsyncFn(&Store) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let options = Options {
            uri: None,
            spaces: Vec::new(),
            vector_index_rows: usize::MAX,
            cache_mib: 64,
        };
        let (store, _) = Store::open(dir, options).await.unwrap();
        look(&store).await
    })
}

/// Fails with the first differences when two tables are not the same.
pub fn assert_same(got: &[TableRow], expected: &[TableRow], when: &str) {
    const SHOWN: usize = 5;
    let only = |these: &[TableRow], those: &[TableRow]| {
        these
            .iter()
            .filter(|row| those.binary_search(row).is_err())
            .map(|row| format!("  {} #{} {:.60}", row.path, row.ordinal, row.text))
            .take(SHOWN)
            .collect::<Vec<_>>()
            .join("\n")
    };
    let doubled = got
        .windows(2)
        .filter(|pair| pair[0].path == pair[1].path && pair[0].ordinal == pair[1].ordinal)
        .map(|pair| format!("  {} #{}", pair[0].path, pair[0].ordinal))
        .take(SHOWN)
        .collect::<Vec<_>>()
        .join("\n");
    assert!(
        got == expected,
        "{when}: {} rows instead of {}\nlost:\n{}\ntoo many:\n{}\ndoubled:\n{doubled}",
        got.len(),
        expected.len(),
        only(expected, got),
        only(got, expected),
    );
}
