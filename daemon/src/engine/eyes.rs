//! Who reads what is written in pixels: a model for OCR, or Tesseract where none is here and the
//! system has it.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use hippo_config::{ModelSettings, Registry, Role, Settings, TESSERACT};

use super::EngineError;
use super::driver::Event;
use super::model::ModelSource;
use super::models::threads;
use super::reader::{Eyes, Reader};
use super::shared::{Shared, blocking};
use super::tesseract::Tesseract;

/// Who is to read, by the settings and by what is here.
pub(crate) enum Wanted {
    /// Nobody.
    Nobody,
    /// The model of this name, which may not be here.
    Model(String),
    /// Tesseract, or why it is of no use.
    Tesseract(Result<Tesseract, String>),
}

impl Wanted {
    /// A model that the settings name or that lies here; else Tesseract, if it is installed.
    pub(crate) fn of(registry: &Registry, settings: &ModelSettings) -> Wanted {
        let find = || Tesseract::find(&std::env::var_os("PATH").unwrap_or_default());
        let choice = registry
            .choice(settings, Role::Ocr)
            .map(|choice| choice.name);
        match choice {
            Some(name) if name == TESSERACT => Wanted::Tesseract(find()),
            Some(name) if registry.is_present(&name) => Wanted::Model(name),
            choice => {
                let tesseract = settings.may_use_tesseract().then(find);
                match (tesseract, choice) {
                    (Some(Ok(tesseract)), _) => Wanted::Tesseract(Ok(tesseract)),
                    (_, Some(name)) => Wanted::Model(name),
                    (_, None) => Wanted::Nobody,
                }
            }
        }
    }

    fn name(&self) -> Option<&str> {
        match self {
            Wanted::Nobody => None,
            Wanted::Model(name) => Some(name),
            Wanted::Tesseract(_) => Some(TESSERACT),
        }
    }
}

/// Who reads scans, by the settings.
#[derive(Clone, Default)]
pub(super) struct Chosen {
    /// What the settings name, or what is here.
    pub(super) wanted: Option<String>,
    /// It, or why it is not used.
    pub(super) reader: Option<Result<Reader, String>>,
}

impl Chosen {
    /// The reader, if there is one.
    pub(super) fn reader(&self) -> Option<&Reader> {
        self.reader.as_ref()?.as_ref().ok()
    }
}

/// Brings the reader in step with the settings and with what lies here. Files with writing that
/// this model has not read are read again, and found meanwhile as they were.
pub(super) async fn settle(shared: &Arc<Shared>) -> Result<(), EngineError> {
    let settling = Arc::clone(shared);
    let queued = blocking(move || {
        let settings = settling.settings();
        let registry = Registry::load(&settling.paths);
        let wanted = Wanted::of(&registry, &settings.models);
        let name = wanted.name().map(str::to_owned);
        let found = match wanted {
            Wanted::Nobody => None,
            Wanted::Model(name) => Some(model(&settling, &settings, &registry, &name)),
            Wanted::Tesseract(found) => {
                Some(found.map(|found| (found.id.clone(), Eyes::Tesseract(found))))
            }
        };
        let known = settling.ocr();
        let reader = found.map(|found| {
            let (id, eyes) = found?;
            match known.reader() {
                Some(reader) if reader.id == id => Ok(reader.clone()),
                _ => Reader::start(eyes, name.clone().unwrap_or_default(), id)
                    .map_err(|error| format!("no thread to read pixels: {error}")),
            }
        });
        let before = known.reader().map(|reader| reader.id.clone());
        let chosen = Chosen {
            wanted: name,
            reader,
        };
        let now = chosen.reader().map(|reader| reader.id.clone());
        *settling.ocr.write().unwrap_or_else(PoisonError::into_inner) = chosen;
        match now {
            Some(id) if before.as_ref() != Some(&id) => Ok(settling.journal.read_pixels_by(&id)?),
            _ => Ok(0),
        }
    })
    .await?;
    if queued > 0 {
        tracing::info!(
            files = queued,
            "what is written in pixels has another reader: files are read again"
        );
        shared.refresh();
        let _ = shared.driver.send(Event::Queued).await;
    }
    Ok(())
}

/// The model of this name with all that opening it takes, and its id.
fn model(
    shared: &Shared,
    settings: &Settings,
    registry: &Registry,
    name: &str,
) -> Result<(String, Eyes), String> {
    let installed = registry
        .installed(name)
        .filter(|_| registry.is_present(name));
    let installed = installed.ok_or_else(|| format!("{name} is not here, or not whole"))?;
    let manifest = &installed.manifest;
    if manifest.role != Role::Ocr {
        return Err(format!("{name} is no model for OCR"));
    }
    let source = ModelSource {
        runtime: shared.paths.find_library("onnxruntime"),
        dir: installed.dir.clone(),
        manifest: manifest.clone(),
        threads: threads(settings.models.threads),
        unload_after: Duration::from_secs(settings.models.unload_after_minutes * 60),
    };
    Ok((manifest.id(), Eyes::Model(Box::new(source))))
}
