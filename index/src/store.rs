//! The open table: opening it, and the handle that everything else hangs on.
//!
//! One handle for all: LanceDB's table tracks its own writes, so a search begun after a
//! commit returned sees it. Searches take a snapshot and never wait for a writer.

use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use lance::Dataset;
use lance::session::Session;
use lancedb::Table;
use lancedb::connection::Connection;
use tokio::sync::{Mutex, MutexGuard};

use crate::durable::Flusher;
use crate::error::IndexError;
use crate::indexes;
use crate::maintenance::Care;
use crate::recovery::{self, Recovered};
use crate::report::OpenReport;
use crate::row::Space;
use crate::schema::{self, Column, TABLE};
use crate::spaces;

/// How to open the table.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the table is when not in the data folder: `s3://…`, `gs://…`, `az://…`, `db://…`.
    ///
    /// Handed to LanceDB as it is: it works where LanceDB was built with that feature. There
    /// is no recovery and no flushing then (the store's own promises hold), and no test here
    /// covers it yet.
    pub uri: Option<String>,
    /// Spaces that must have a column after opening. Others are left alone: only the caller
    /// knows whether a generation is still wanted.
    pub spaces: Vec<Space>,
    /// From this many vectors on a space gets an approximate index.
    pub vector_index_rows: usize,
    /// Memory for LanceDB's caches: three quarters for indexes, a quarter for metadata.
    pub cache_mib: usize,
}

/// The table of segments. A clone is another handle of the same table.
#[derive(Clone)]
pub struct Store {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) table: Table,
    /// The folder of the table itself; none for a remote one.
    pub(crate) folder: Option<PathBuf>,
    /// The columns of vectors. Changed under the write lock, after the table.
    pub(crate) columns: RwLock<Arc<Vec<Column>>>,
    pub(crate) vector_index_rows: usize,
    /// Held through every change of the rows.
    write: Mutex<Writing>,
    /// Held through a step of maintenance. Taken before `write`, never after.
    pub(crate) maintaining: Mutex<()>,
    /// What maintenance remembers between its steps.
    pub(crate) care: std::sync::Mutex<Care>,
}

/// What only the holder of the write lock may touch.
pub(crate) struct Writing {
    flusher: Option<Flusher>,
}

impl Store {
    /// Opens the table in `dir`, or makes it.
    pub async fn open(dir: &Path, options: Options) -> Result<(Store, OpenReport), IndexError> {
        let session = Arc::new(session(options.cache_mib));
        let (uri, folder, recovered) = if let Some(uri) = &options.uri {
            (uri.clone(), None, Recovered::default())
        } else {
            prepare_folder(dir)?;
            let folder = dir.join(format!("{TABLE}.lance"));
            let recovered = recovery::recover(&folder, &session).await?;
            (dir.to_string_lossy().into_owned(), Some(folder), recovered)
        };
        let mut report = OpenReport {
            stepped_back: recovered.stepped_back,
            set_aside: recovered.set_aside,
            ..OpenReport::default()
        };
        let connection = lancedb::connect(&uri)
            .session(session)
            .execute()
            .await
            .map_err(IndexError::table("be connected to"))?;
        let table = open_or_create(&connection, &options, &mut report).await?;
        for name in recovered.damaged_indexes {
            let dropped = table.drop_index(&name).await;
            dropped.map_err(IndexError::table("drop a damaged index"))?;
        }
        let found = table.schema().await.map_err(IndexError::table("be read"))?;
        indexes::define_indexes(&table).await?;
        let store = Store {
            shared: Arc::new(Shared {
                table,
                columns: RwLock::new(Arc::new(schema::columns_of(&found))),
                vector_index_rows: options.vector_index_rows,
                write: Mutex::new(Writing {
                    flusher: folder.as_deref().map(Flusher::new),
                }),
                maintaining: Mutex::new(()),
                folder,
                care: std::sync::Mutex::new(Care::default()),
            }),
        };
        store.flush(&mut *store.write_lock().await).await?;
        for space in &options.spaces {
            if store.add_space(space).await? {
                report.spaces_added.push(space.name.clone());
            }
        }
        Ok((store, report))
    }

    /// Waits for the one writer to be done.
    pub(crate) async fn write_lock(&self) -> MutexGuard<'_, Writing> {
        self.shared.write.lock().await
    }

    /// Returns when everything that was committed would survive a power cut.
    pub(crate) async fn flush(&self, writing: &mut Writing) -> Result<(), IndexError> {
        let Some(flusher) = &mut writing.flusher else {
            return Ok(());
        };
        let dataset = self.dataset().await?;
        flusher.flush(&dataset).await
    }

    /// The current version, as lance sees it.
    pub(crate) async fn dataset(&self) -> Result<Arc<Dataset>, IndexError> {
        let dataset = self.shared.table.dataset().ok_or_else(|| {
            IndexError::Invalid("a table in LanceDB Cloud has no local versions".into())
        })?;
        dataset.get().await.map_err(IndexError::table("be read"))
    }
}

fn session(cache_mib: usize) -> Session {
    let bytes = cache_mib << 20;
    Session::new(bytes / 4 * 3, bytes / 4, Arc::default())
}

/// The folder, private, on a file system that LanceDB can commit on.
fn prepare_folder(dir: &Path) -> Result<(), IndexError> {
    std::fs::create_dir_all(dir).map_err(IndexError::io("make the folder", dir))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // The folder alone keeps others out of every file in it.
        std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700))
            .map_err(IndexError::io("make private", dir))?;
    }
    let from = dir.join(".link-test-from");
    let to = dir.join(".link-test-to");
    let _ = std::fs::remove_file(&to);
    std::fs::write(&from, b"").map_err(IndexError::io("write", &from))?;
    let linked = std::fs::hard_link(&from, &to);
    let _ = std::fs::remove_file(&to);
    let _ = std::fs::remove_file(&from);
    linked.map_err(|e| IndexError::FileSystem {
        path: dir.to_owned(),
        lack: format!("has no hard links ({e})"),
    })
}

async fn open_or_create(
    connection: &Connection,
    options: &Options,
    report: &mut OpenReport,
) -> Result<Table, IndexError> {
    match connection.open_table(TABLE).execute().await {
        Ok(table) => {
            let found = table.schema().await.map_err(IndexError::table("be read"))?;
            match schema::unusable(&found) {
                None => {
                    spaces::add_later_columns(&table, &found).await?;
                    Ok(table)
                }
                Some(reason) => Err(IndexError::Schema {
                    path: connection.uri().into(),
                    reason,
                }),
            }
        }
        Err(lancedb::Error::TableNotFound { .. }) => {
            report.created = true;
            connection
                .create_empty_table(TABLE, schema::schema(&options.spaces))
                .execute()
                .await
                .map_err(IndexError::table("be created"))
        }
        Err(e) => Err(IndexError::table("be opened")(e)),
    }
}
