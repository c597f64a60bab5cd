//! Scans on their way from the worker: sent in strips, put together again, believed in nothing.
//!
//! A page is up to 3.7 MB of pixels, more than a frame holds. One scan is being put together at
//! a time and is handed on when it is whole, so that a document's pages never pile up.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hippo_extractors::{SCANS_MAX, Scan};

use super::protocol::FromWorker;

/// Pixels of one strip at most: as base64 they fill two thirds of a frame.
pub(super) const STRIP_MAX_BYTES: usize = 1024 * 1024;

/// The frames that a scan is sent in.
pub(super) fn strips(id: u64, scan: &Scan) -> impl Iterator<Item = FromWorker> {
    let row = scan.width.max(1) as usize;
    let rows = (STRIP_MAX_BYTES / row).max(1);
    let strips = scan.grey.chunks(rows * row).enumerate();
    strips.map(move |(at, grey)| FromWorker::Scan {
        id,
        page: scan.page,
        width: scan.width,
        height: scan.height,
        top: (at * rows) as u32,
        grey: BASE64.encode(grey),
    })
}

/// A strip as it came.
pub(super) struct Strip<'a> {
    pub(super) page: Option<u32>,
    pub(super) width: u32,
    pub(super) height: u32,
    /// The row of the scan that it begins with.
    pub(super) top: u32,
    pub(super) grey: &'a str,
}

/// The scans of one file.
#[derive(Debug)]
pub(super) struct Scans {
    longest: Option<u32>,
    open: Option<Scan>,
    /// The page of the scan that came last; 0 for a picture.
    last: Option<u32>,
    count: u32,
}

impl Scans {
    /// Of a file that scans of this size, or none, were asked of.
    pub(super) fn new(longest: Option<u32>) -> Scans {
        Scans {
            longest,
            open: None,
            last: None,
            count: 0,
        }
    }

    /// Takes a strip; the scan that it ended, if it did. An error is a wrong answer.
    pub(super) fn take(&mut self, strip: &Strip<'_>) -> Result<Option<Scan>, String> {
        let mut scan = match self.open.take() {
            Some(scan) => scan,
            None => self.begin(strip)?,
        };
        let shape = (scan.page, scan.width, scan.height);
        if shape != (strip.page, strip.width, strip.height) {
            return Err("strips of two scans at once".to_owned());
        }
        let (row, whole) = (
            scan.width as usize,
            scan.width as usize * scan.height as usize,
        );
        if scan.grey.len() != strip.top as usize * row {
            return Err(format!("a strip of row {} out of order", strip.top));
        }
        let grey = BASE64
            .decode(strip.grey)
            .map_err(|error| format!("a strip that cannot be read: {error}"))?;
        let fits = !grey.is_empty()
            && grey.len() <= STRIP_MAX_BYTES.max(row)
            && grey.len().is_multiple_of(row)
            && scan.grey.len() + grey.len() <= whole;
        if !fits {
            return Err(format!("a strip of {} bytes", grey.len()));
        }
        scan.grey.extend_from_slice(&grey);
        if scan.grey.len() == whole {
            return Ok(Some(scan));
        }
        self.open = Some(scan);
        Ok(None)
    }

    fn begin(&mut self, strip: &Strip<'_>) -> Result<Scan, String> {
        let Some(longest) = self.longest else {
            return Err("a scan, which nobody asked for".to_owned());
        };
        let Strip { width, height, .. } = *strip;
        if width.min(height) == 0 || width.max(height) > longest {
            return Err(format!("a scan of {width} x {height}, {longest} asked"));
        }
        // Pages go forward, and a picture is alone.
        let place = strip.page.unwrap_or(0);
        if strip.page == Some(0) || self.last.is_some_and(|last| last >= place) {
            return Err(format!("a scan of page {place} out of order"));
        }
        self.count += 1;
        if self.count > SCANS_MAX {
            return Err(format!("more than {SCANS_MAX} scans"));
        }
        self.last = Some(place);
        Ok(Scan {
            page: strip.page,
            width,
            height,
            grey: Vec::new(),
        })
    }

    /// An error where a scan is not whole.
    pub(super) fn finish(&self) -> Result<(), String> {
        match &self.open {
            None => Ok(()),
            Some(scan) => Err(format!("a scan of {} bytes is all", scan.grey.len())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(page: Option<u32>, width: u32, height: u32) -> Scan {
        let grey = (0..width * height).map(|at| at as u8).collect();
        Scan {
            page,
            width,
            height,
            grey,
        }
    }

    fn strip(page: Option<u32>, size: [u32; 2], top: u32, grey: &str) -> Strip<'_> {
        Strip {
            page,
            width: size[0],
            height: size[1],
            top,
            grey,
        }
    }

    fn send(scans: &mut Scans, scan: &Scan) -> Result<Vec<Scan>, String> {
        let mut whole = Vec::new();
        for frame in strips(1, scan) {
            let FromWorker::Scan {
                page,
                width,
                height,
                top,
                grey,
                ..
            } = frame
            else {
                unreachable!();
            };
            whole.extend(scans.take(&strip(page, [width, height], top, &grey))?);
        }
        Ok(whole)
    }

    #[test]
    fn a_scan_arrives_as_it_was_sent() {
        let mut scans = Scans::new(Some(1920));
        for sent in [scan(Some(1), 1920, 1920), scan(Some(3), 7, 5)] {
            assert_eq!(send(&mut scans, &sent).unwrap(), [sent]);
        }
        scans.finish().unwrap();
    }

    #[test]
    fn a_lying_worker_is_caught() {
        let good = BASE64.encode([0; 8]);
        let nobody = Scans::new(None).take(&strip(None, [4, 2], 0, &good));
        assert!(nobody.unwrap_err().contains("nobody asked"));
        for (what, wrong) in [
            ("too large", strip(None, [101, 2], 0, &good)),
            ("empty", strip(None, [0, 2], 0, &good)),
            ("no page", strip(Some(0), [4, 2], 0, &good)),
            ("not from the top", strip(None, [4, 2], 1, &good)),
            ("too much", strip(None, [4, 1], 0, &good)),
            ("half a row", strip(None, [5, 2], 0, &good)),
            ("nothing", strip(None, [4, 2], 0, "")),
            ("no base64", strip(None, [4, 2], 0, "?")),
        ] {
            assert!(Scans::new(Some(100)).take(&wrong).is_err(), "{what}");
        }
        let mut scans = Scans::new(Some(100));
        assert!(
            scans
                .take(&strip(Some(2), [4, 4], 0, &good))
                .unwrap()
                .is_none()
        );
        assert!(scans.finish().is_err(), "half a scan");
        assert!(
            scans.take(&strip(Some(3), [4, 4], 2, &good)).is_err(),
            "two at once"
        );
    }

    #[test]
    fn pages_go_forward_and_have_an_end() {
        let mut scans = Scans::new(Some(100));
        send(&mut scans, &scan(Some(2), 2, 2)).unwrap();
        assert!(send(&mut scans, &scan(Some(2), 2, 2)).is_err());
        let mut scans = Scans::new(Some(100));
        send(&mut scans, &scan(None, 2, 2)).unwrap();
        assert!(send(&mut scans, &scan(None, 2, 2)).is_err());
        let mut scans = Scans::new(Some(100));
        for page in 1..=SCANS_MAX {
            send(&mut scans, &scan(Some(page), 2, 2)).unwrap();
        }
        assert!(send(&mut scans, &scan(Some(SCANS_MAX + 1), 2, 2)).is_err());
    }
}
