//! What bytes and names say together.

use super::*;
use crate::format::by_name;
use std::ffi::OsStr;

fn decide_as(name: &str, head: &[u8]) -> Result<&'static str, String> {
    decide(head, by_name(OsStr::new(name)))
        .map(|known| known.class)
        .map_err(|refusal| format!("{:?}: {}", refusal.verdict, refusal.reason))
}

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

#[test]
fn lying_names_are_told() {
    let err = |text: &str| Err(text.to_owned());
    assert_eq!(
        decide_as("a.jpg", b"<!DOCTYPE html><html>"),
        err("Failed: named like a picture but is a web page (often a failed download)")
    );
    assert_eq!(
        decide_as("a.jpg", b"\xFE\x01\x02\x03\0\0"),
        err(
            "Failed: named like a picture but has no header of a picture that hippo \
             reads: damaged, or something else"
        )
    );
    let avif = decide_as("a.jpg", b"\0\0\0\x18ftypavif\0\0\0\0avifmif1");
    if cfg!(feature = "heif") {
        assert_eq!(avif, Ok("picture"));
    } else {
        assert_eq!(avif, err(&format!("Skipped: {}", Unread::Avif.reason())));
    }
    assert_eq!(
        decide_as("a.jpg", b"%!PS-Adobe-3.0 EPSF-3.0\n"),
        err("Failed: named like a picture but is plain text")
    );
    assert_eq!(
        decide_as("a.pdf", b"<!DOCTYPE html><html>"),
        err("Failed: named .pdf but is a web page (often a failed download)")
    );
    assert_eq!(
        decide_as("a.pdf", b"hello"),
        err("Failed: named .pdf but is plain text")
    );
    assert_eq!(
        decide_as("a.md", b"PK\x03\x04\x14\0\0\0\x08\0"),
        err("Failed: named .md but is a ZIP archive")
    );
    assert_eq!(
        decide_as("a.txt", b"{\\rtf1\\ansi"),
        err("Failed: named .txt but is an RTF document")
    );
}

#[test]
fn sound_is_known_by_its_bytes() {
    let wav = b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x01\0";
    let film = b"\0\0\0\x18ftypisom\0\0\x02\0";
    for name in ["a.wav", "a.mp3", "a.mp4", "a", "a.zzz", "a.wma"] {
        assert_eq!(decide_as(name, wav), Ok("sound"), "{name}");
        assert_eq!(decide_as(name, film), Ok("sound"), "{name}");
    }
    let err = |text: &str| Err(text.to_owned());
    assert_eq!(
        decide_as("a.txt", b"ID3\x03\0\0\0\0\x01\0"),
        err("Failed: named .txt but is an MP3 recording")
    );
    assert_eq!(decide_as("a.mp3", PNG), Ok("picture"));
    assert_eq!(
        decide_as("a.m4a", b"<!doctype html><title>404"),
        err("Failed: named like a recording but is a web page (often a failed download)")
    );
    assert_eq!(
        decide_as("a.mp4", &[0; 512]),
        err("Failed: named like a recording but holds only zeros (often an unfinished download)")
    );
    assert_eq!(
        decide_as("a.mp3", b"to be recorded"),
        err("Failed: named like a recording but is plain text")
    );
    assert_eq!(
        decide_as("a.mp4", b"RIFF\x24\0\0\0AVI LIST\x10\0\0\0hdrl"),
        err("Skipped: a video of a kind that hippo does not read")
    );
    let asf = b"\x30\x26\xB2\x75\x8E\x66\xCF\x11\xA6\xD9\x00\xAA\x00\x62\xCE\x6C";
    for (name, bytes) in [("a.wma", &asf[..]), ("a.ape", b"MAC \x96\x0F\0\0")] {
        let said = decide_as(name, bytes).unwrap_err();
        assert!(said.contains("apt install ffmpeg"), "{name}: {said}");
    }
    let heic = decide_as("a", b"\0\0\0\x18ftypheic\0\0\0\0heicmif1\0\0\0\0");
    if cfg!(feature = "heif") {
        assert_eq!(heic, Ok("picture"));
    } else {
        assert!(heic.unwrap_err().contains("HEIC"));
    }
}

#[test]
fn bytes_choose_the_reading() {
    for name in ["a.png", "a.jpg", "a.pdf", "a.txt", "a.heic", "a"] {
        assert_eq!(decide_as(name, PNG), Ok("picture"), "{name}");
    }
    assert_eq!(decide_as("a.txt", b"%PDF-1.7\n"), Ok("pdf"));
    assert_eq!(decide_as("a.txt", "BMW 汽车".as_bytes()), Ok("text"));
    assert_eq!(decide_as("a", b"\xEF\xBB\xBFWEBVTT\n\n"), Ok("vtt"));
    assert_eq!(
        decide_as("a.txt", b"1\n00:00:01,000 --> 00:00:02,000\nhi\n"),
        Ok("srt")
    );
    assert_eq!(decide_as("a", b"<!doctype HTML><title>x"), Ok("html"));
    assert_eq!(decide_as("a", b"#!/bin/sh\n"), Ok("code"));
    assert_eq!(decide_as("a", b"{\"a\": 1}"), Ok("json"));
    assert_eq!(decide_as("a.md", b"# x"), Ok("markdown"));
    let svg = b"<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'>";
    for name in ["a.svg", "a.png", "a.eps", "a"] {
        assert_eq!(decide_as(name, svg), Ok("picture"), "{name}");
    }
    assert_eq!(decide_as("a.xml", svg), Ok("xml"));
    assert_eq!(decide_as("a.html", svg), Ok("html"));
}
