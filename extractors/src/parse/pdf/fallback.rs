//! pdf-extract: pure Rust, for where PDFium is not.
//!
//! Its own loop ends at the first page that fails, so the pages are driven here, each
//! behind its own `catch_unwind`: it panics on fonts that it does not know. Recursive forms
//! and endless pages are for the worker's deadline and memory limit to end.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pdf_extract::{Document as Tree, Object, PlainTextOutput, output_doc_page};

use super::{About, FALLBACK_MAX_BYTES, Pages, Trouble, whole};
use crate::parse::panic_message;

/// A document that pdf-extract holds.
pub(super) struct Document {
    tree: Tree,
    pages: u32,
}

impl Document {
    pub(super) fn open(file: &File, size: u64) -> Result<Document, Trouble> {
        if size > FALLBACK_MAX_BYTES {
            return Err(Trouble::Damaged(
                "it is too large to be read without PDFium".to_owned(),
            ));
        }
        let bytes = whole(file, size)
            .map_err(|error| Trouble::Damaged(format!("it cannot be read: {error}")))?;
        let loaded = catch_unwind(|| {
            let mut tree =
                Tree::load_mem(&bytes).map_err(|error| Trouble::Damaged(error.to_string()))?;
            if tree.is_encrypted() {
                tree.decrypt("").map_err(|_| Trouble::NeedsPassword)?;
            }
            let pages = tree.get_pages().len() as u32;
            Ok(Document { tree, pages })
        });
        loaded.unwrap_or_else(|panic| Err(Trouble::Damaged(panic_message(&*panic).to_owned())))
    }

    /// An entry of the document's information dictionary.
    fn info(&self, key: &[u8]) -> Option<String> {
        let info = self.tree.trailer.get(b"Info").ok()?;
        let info = match info {
            Object::Reference(id) => self.tree.get_object(*id).ok()?,
            direct => direct,
        };
        let value = match info.as_dict().ok()?.get(key).ok()? {
            Object::Reference(id) => self.tree.get_object(*id).ok()?,
            direct => direct,
        };
        let bytes = value.as_str().ok()?;
        Some(match bytes {
            [0xFE, 0xFF, rest @ ..] => encoding_rs::UTF_16BE
                .decode_without_bom_handling(rest)
                .0
                .into_owned(),
            [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
            // PDFDocEncoding, which is Latin 1 where it matters.
            other => other.iter().map(|byte| char::from(*byte)).collect(),
        })
    }
}

impl Pages for Document {
    fn about(&self) -> About {
        About {
            pages: self.pages,
            title: self.info(b"Title"),
            author: self.info(b"Author"),
        }
    }

    fn text(&mut self, page: u32) -> Result<String, String> {
        let mut text = String::new();
        let ended = catch_unwind(AssertUnwindSafe(|| {
            let mut output = PlainTextOutput::new(&mut text);
            output_doc_page(&self.tree, &mut output, page + 1)
        }));
        match ended {
            Ok(Ok(())) => Ok(text),
            // What was read before it failed is worth having.
            _ if !text.trim().is_empty() => Ok(text),
            Ok(Err(error)) => Err(error.to_string()),
            Err(panic) => Err(format!("pdf-extract crashed: {}", panic_message(&*panic))),
        }
    }
}
