//! PDFium, through its shared library.
//!
//! The library is opened once, before the sandbox closes; documents come from memory or
//! from the worker's one descriptor, never from a path. PDFium would read the system's
//! fonts when a document first names one that it does not carry: text needs none, so it is
//! told of a place without fonts, and made to look there before the sandbox closes.

use std::fs::File;
use std::io::{Cursor, Seek, SeekFrom};
use std::path::Path;
use std::sync::OnceLock;

use pdfium_render::prelude::{
    PdfBitmapFormat, PdfDocument, PdfDocumentMetadataTagType, PdfPage, PdfRect, PdfRenderConfig,
    Pdfium, PdfiumError, PdfiumInternalError, PdfiumLibraryConfig,
};

use super::{About, Pages, Trouble, WHOLE_MAX_BYTES, whole};
use crate::extraction::{Scan, luma};

/// PDFium's own state is global, so there is one of it.
static PDFIUM: OnceLock<Pdfium> = OnceLock::new();

/// Where PDFium looks for fonts: never a folder.
const NO_FONTS: &str = "/dev/null";

/// A document of one word in a font that it does not carry: what PDFium puts off until
/// the first document happens now.
const FIRST_DOCUMENT: &[u8] = b"%PDF-1.4
1 0 obj <</Type/Catalog/Pages 2 0 R>> endobj
2 0 obj <</Type/Pages/Kids[3 0 R]/Count 1>> endobj
3 0 obj <</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 4 0 R
/Resources<</Font<</F <</Type/Font/Subtype/TrueType/BaseFont/Arial>> >> >> >> endobj
4 0 obj <</Length 24>> stream
BT /F 9 Tf (hippo) Tj ET
endstream endobj
trailer <</Root 1 0 R>>
%%EOF
";

/// Opens the library at `path`, and reads a word with it.
pub(super) fn load(path: &Path) -> Result<&'static Pdfium, String> {
    if let Some(pdfium) = PDFIUM.get() {
        return Ok(pdfium);
    }
    match Pdfium::bind_to_library(path) {
        Ok(bindings) => {
            let config = PdfiumLibraryConfig::new()
                .set_user_font_paths(&[NO_FONTS])
                .map_err(|error| error.to_string())?;
            let pdfium = PDFIUM.get_or_init(|| Pdfium::new_with_config(bindings, config));
            try_out(pdfium).map_err(|why| format!("{} does not work: {why}", path.display()))?;
            Ok(pdfium)
        }
        Err(PdfiumError::PdfiumLibraryBindingsAlreadyInitialized) => PDFIUM
            .get()
            .ok_or_else(|| "PDFium is being loaded by another thread".to_owned()),
        Err(PdfiumError::LoadLibraryError(error)) => {
            Err(format!("{} cannot be loaded: {error}", path.display()))
        }
        Err(error) => Err(format!(
            "{} is no PDFium that hippo knows: {error}",
            path.display()
        )),
    }
}

fn try_out(pdfium: &Pdfium) -> Result<(), String> {
    let read = || -> Result<String, PdfiumError> {
        let document = pdfium.load_pdf_from_byte_slice(FIRST_DOCUMENT, None)?;
        let page = document.pages().get(0)?;
        let text = page.text()?.inside_rect(PdfRect::MAX);
        Ok(text)
    };
    match read() {
        Ok(text) if text.trim() == "hippo" => Ok(()),
        Ok(text) => Err(format!("it reads \"{text}\" where \"hippo\" stands")),
        Err(error) => Err(error.to_string()),
    }
}

/// A document that PDFium holds.
pub(super) struct Document<'a> {
    document: PdfDocument<'a>,
}

impl<'a> Document<'a> {
    pub(super) fn open(
        pdfium: &'a Pdfium,
        file: &'a File,
        size: u64,
    ) -> Result<Document<'a>, Trouble> {
        let read_error =
            |error: std::io::Error| Trouble::Damaged(format!("it cannot be read: {error}"));
        let opened = if size <= WHOLE_MAX_BYTES {
            let bytes = whole(file, size).map_err(read_error)?;
            pdfium.load_pdf_from_reader(Cursor::new(bytes), None)
        } else {
            let mut reader = file;
            reader.seek(SeekFrom::Start(0)).map_err(read_error)?;
            pdfium.load_pdf_from_reader(reader, None)
        };
        match opened {
            Ok(document) => Ok(Document { document }),
            Err(PdfiumError::PdfiumLibraryInternalError(PdfiumInternalError::PasswordError)) => {
                Err(Trouble::NeedsPassword)
            }
            Err(PdfiumError::PdfiumLibraryInternalError(error)) => Err(Trouble::Damaged(
                match error {
                    PdfiumInternalError::SecurityError => "its encryption is of an unknown kind",
                    _ => "it has no readable table of objects",
                }
                .to_owned(),
            )),
            Err(error) => Err(Trouble::Damaged(error.to_string())),
        }
    }
}

impl Document<'_> {
    fn page(&self, page: u32) -> Result<PdfPage<'_>, String> {
        let index = page
            .try_into()
            .map_err(|_| "its number is too large".to_owned())?;
        let pages = self.document.pages();
        pages
            .get(index)
            .map_err(|_| "PDFium cannot open it".to_owned())
    }
}

impl Pages for Document<'_> {
    fn about(&self) -> About {
        let metadata = self.document.metadata();
        let tag = |tag| metadata.get(tag).map(|tag| tag.value().to_owned());
        About {
            pages: u32::try_from(self.document.pages().len()).unwrap_or(0),
            title: tag(PdfDocumentMetadataTagType::Title),
            author: tag(PdfDocumentMetadataTagType::Author),
        }
    }

    fn text(&mut self, page: u32) -> Result<String, String> {
        let page = self.page(page)?;
        let text = page
            .text()
            .map_err(|_| "PDFium cannot read its text".to_owned())?;
        // Not `all()`, which leaves out text that begins left of or below the origin, as
        // it does on pages cut out of larger ones.
        Ok(text.inside_rect(PdfRect::MAX))
    }

    fn scan(&mut self, page: u32, longest: u32) -> Option<Result<Scan, String>> {
        Some(self.page(page).and_then(|shown| {
            let scan = render(&shown, longest)?;
            Ok(Scan {
                page: Some(page + 1),
                ..scan
            })
        }))
    }
}

/// Print has no detail below a 300th of an inch.
const PIXELS_PER_POINT_MAX: f32 = 300.0 / 72.0;

/// A page in grey, its longest side at most `longest` pixels.
fn render(page: &PdfPage<'_>, longest: u32) -> Result<Scan, String> {
    let (across, down) = (page.width().value, page.height().value);
    let scale = (longest as f32 / across.max(down)).min(PIXELS_PER_POINT_MAX);
    if !scale.is_finite() || scale <= 0.0 {
        return Err("it has no size".to_owned());
    }
    let pixels = |points: f32| ((points * scale).round() as u32).clamp(1, longest);
    let (width, height) = (pixels(across), pixels(down));
    let config = PdfRenderConfig::new()
        .set_fixed_size(width as i32, height as i32)
        // Grey bitmaps are drawn by another path of PDFium, which leaves pictures out.
        .set_format(PdfBitmapFormat::BGRx);
    let bitmap = page
        .render_with_config(&config)
        .map_err(|_| "PDFium cannot draw it".to_owned())?;
    let grey: Vec<u8> = bitmap
        .as_raw_bytes()
        .chunks_exact(4)
        .map(|bgrx| luma(bgrx[2], bgrx[1], bgrx[0]))
        .collect();
    if grey.len() != (width * height) as usize {
        return Err("PDFium drew less than was asked".to_owned());
    }
    Ok(Scan {
        page: None,
        width,
        height,
        grey,
    })
}
