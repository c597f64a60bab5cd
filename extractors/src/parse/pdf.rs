//! stub
use super::writer::Writer;
use crate::{Metadata, Refusal};
pub struct Engines {
    _p: (),
}
impl Engines {
    pub fn load(_: Option<&std::path::Path>) -> Engines {
        Engines { _p: () }
    }
    pub fn pdfium(&self) -> bool {
        false
    }
}
pub(crate) fn read(
    _: &Engines,
    _: &std::fs::File,
    _: &hippo_config::Limits,
    _: Writer<'_>,
) -> Result<Metadata, Refusal> {
    Err(Refusal::failed("pdf", "x"))
}
