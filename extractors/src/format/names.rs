//! Which names and extensions announce what: two tables, in lower case.

use super::{Format, HEIF, Known, Named, Unread};

const fn known(format: Format, class: &'static str, mime: &'static str) -> Named {
    Named::As(Known {
        format,
        class,
        mime,
    })
}

/// Files that are known by their whole name.
pub(super) fn by_whole_name(lower: &str) -> Option<Named> {
    Some(match lower {
        "makefile" | "gnumakefile" | "dockerfile" | "containerfile" | "jenkinsfile"
        | "vagrantfile" | "gemfile" | "rakefile" | "justfile" | "cmakelists.txt"
        | "build.bazel" | "procfile" | ".gitignore" | ".gitattributes" | ".editorconfig"
        | ".bashrc" | ".zshrc" | ".profile" | ".vimrc" => {
            known(Format::Code, "code", "text/x-source")
        }
        "readme" | "license" | "licence" | "copying" | "authors" | "changelog" | "notice"
        | "todo" | "news" => known(Format::Text, "text", "text/plain"),
        _ => return None,
    })
}

/// And by what follows the last dot.
pub(super) fn by_extension(extension: &str) -> Named {
    match extension {
        "txt" | "text" | "log" | "out" | "rst" | "adoc" | "asciidoc" | "nfo" | "me" | "1"
        | "man" | "tex" | "latex" | "ltx" | "sty" | "cls" | "bib" => {
            known(Format::Text, "text", "text/plain")
        }
        "md" | "markdown" | "mdown" | "mkd" | "mkdn" | "mdx" | "qmd" | "rmd" => {
            known(Format::Markdown, "markdown", "text/markdown")
        }
        "html" | "htm" | "xhtml" | "xht" | "shtml" => known(Format::Html, "html", "text/html"),
        "xml" | "rss" | "atom" | "opml" | "xsd" | "xsl" | "xslt" | "dtd" | "plist" | "wsdl"
        | "gpx" | "kml" => known(Format::Xml, "xml", "text/xml"),
        "csv" => known(Format::Csv, "csv", "text/csv"),
        "tsv" | "tab" => known(Format::Tsv, "tsv", "text/tab-separated-values"),
        "json" | "geojson" | "webmanifest" | "har" | "jsonld" => {
            known(Format::Json, "json", "application/json")
        }
        "jsonl" | "ndjson" | "jsonlines" | "geojsonl" => {
            known(Format::JsonLines, "jsonl", "application/x-ndjson")
        }
        "ipynb" => known(Format::Notebook, "ipynb", "application/x-ipynb+json"),
        "srt" => known(Format::Srt, "srt", "application/x-subrip"),
        "vtt" | "webvtt" => known(Format::Vtt, "vtt", "text/vtt"),
        "lrc" => known(Format::Lrc, "lrc", "text/x-lrc"),
        "pdf" => known(Format::Pdf, "pdf", "application/pdf"),
        // What is inside says more than the name; one class, so that a film renamed is read once.
        "mp3" | "mp2" | "mpga" | "m4a" | "m4b" | "m4p" | "m4r" | "aac" | "flac" | "ogg" | "oga"
        | "opus" | "wav" | "wave" | "aif" | "aiff" | "aifc" | "caf" | "mka" | "weba" => {
            known(Format::Sound, "sound", "audio/*")
        }
        "mp4" | "m4v" | "mov" | "qt" | "mkv" | "webm" | "3gp" | "3g2" | "ogv" => {
            known(Format::Sound, "sound", "video/*")
        }
        // Which kind of picture, the bytes say; so all share a class.
        "jpg" | "jpeg" | "jpe" | "jfif" | "png" | "apng" | "gif" | "webp" | "bmp" | "dib"
        | "tif" | "tiff" | "ico" | "qoi" | "svg" | "svgz" => {
            known(Format::Picture, "picture", "image/*")
        }
        "heic" | "heif" | "hif" | "avif" if HEIF => known(Format::Picture, "picture", "image/*"),
        _ if is_code(extension) => known(Format::Code, "code", "text/x-source"),
        _ => match (foreign_sound(extension), unread_extension(extension)) {
            (Some(mime), _) => known(Format::ForeignSound, "sound", mime),
            (None, Some(unread)) => Named::Unread(unread),
            (None, None) => Named::Unknown,
        },
    }
}

fn is_code(extension: &str) -> bool {
    matches!(
        extension,
        "rs" | "py"
            | "pyi"
            | "pyx"
            | "js"
            | "mjs"
            | "cjs"
            | "jsx"
            | "ts"
            | "tsx"
            | "mts"
            | "cts"
            | "vue"
            | "svelte"
            | "astro"
            | "c"
            | "h"
            | "cc"
            | "cpp"
            | "cxx"
            | "hh"
            | "hpp"
            | "hxx"
            | "ino"
            | "cu"
            | "cuh"
            | "m"
            | "mm"
            | "swift"
            | "java"
            | "kt"
            | "kts"
            | "scala"
            | "sc"
            | "groovy"
            | "gradle"
            | "go"
            | "rb"
            | "php"
            | "pl"
            | "pm"
            | "lua"
            | "r"
            | "jl"
            | "dart"
            | "cs"
            | "fs"
            | "fsx"
            | "fsi"
            | "vb"
            | "hs"
            | "lhs"
            | "elm"
            | "ml"
            | "mli"
            | "ex"
            | "exs"
            | "erl"
            | "hrl"
            | "clj"
            | "cljs"
            | "cljc"
            | "edn"
            | "lisp"
            | "lsp"
            | "el"
            | "scm"
            | "rkt"
            | "nim"
            | "zig"
            | "v"
            | "sv"
            | "vhd"
            | "vhdl"
            | "asm"
            | "s"
            | "f"
            | "f90"
            | "f95"
            | "for"
            | "pas"
            | "d"
            | "cr"
            | "hx"
            | "coffee"
            | "sh"
            | "bash"
            | "zsh"
            | "fish"
            | "ps1"
            | "psm1"
            | "bat"
            | "cmd"
            | "awk"
            | "sed"
            | "sql"
            | "graphql"
            | "gql"
            | "proto"
            | "thrift"
            | "css"
            | "scss"
            | "sass"
            | "less"
            | "toml"
            | "yaml"
            | "yml"
            | "ini"
            | "cfg"
            | "conf"
            | "properties"
            | "env"
            | "tf"
            | "hcl"
            | "nix"
            | "cmake"
            | "mk"
            | "ninja"
            | "bzl"
            | "bazel"
            | "dockerfile"
            | "patch"
            | "diff"
            | "vim"
            | "applescript"
            | "glsl"
            | "vert"
            | "frag"
            | "wgsl"
            | "hlsl"
            | "metal"
            | "sol"
            | "vala"
            | "tcl"
            | "org"
            | "typ"
            | "service"
            | "desktop"
            | "lock"
            | "mod"
            | "sum"
    )
}

/// Recordings and films that take ffmpeg: their media types.
fn foreign_sound(extension: &str) -> Option<&'static str> {
    Some(match extension {
        "wma" => "audio/x-ms-wma",
        "amr" => "audio/amr",
        "ape" => "audio/x-ape",
        "wv" => "audio/x-wavpack",
        "tta" => "audio/x-tta",
        "dsf" | "dff" => "audio/x-dsd",
        "ra" => "audio/vnd.rn-realaudio",
        "ac3" => "audio/ac3",
        "dts" => "audio/vnd.dts",
        "avi" => "video/x-msvideo",
        "wmv" => "video/x-ms-wmv",
        "asf" => "video/x-ms-asf",
        "flv" => "video/x-flv",
        "mpg" | "mpeg" | "vob" => "video/mpeg",
        "m2ts" | "mts2" => "video/mp2t",
        "rm" | "rmvb" => "video/vnd.rn-realvideo",
        _ => return None,
    })
}

fn unread_extension(extension: &str) -> Option<Unread> {
    Some(match extension {
        "heic" | "heif" | "hif" => Unread::Heic,
        "avif" => Unread::Avif,
        "ai" | "eps" | "wmf" | "emf" => Unread::Drawing,
        "raw" | "cr2" | "cr3" | "nef" | "arw" | "dng" | "orf" | "rw2" | "raf" | "pef" => {
            Unread::RawPhoto
        }
        "jxl" | "jp2" | "psd" | "xcf" | "tga" | "exr" | "hdr" | "dds" => Unread::Picture,
        "mid" | "midi" | "aax" => Unread::Audio,
        "doc" | "docx" | "docm" | "dot" | "dotx" | "xls" | "xlsx" | "xlsm" | "xlsb" | "ppt"
        | "pptx" | "pptm" | "pps" | "ppsx" | "odt" | "ods" | "odp" | "odg" | "rtf" | "pages" | "numbers" | "wps" | "et" | "dps" | "vsd" | "vsdx" | "one" => Unread::Office,
        "epub" | "mobi" | "azw" | "azw3" | "fb2" | "djvu" | "chm" => Unread::Book,
        "eml" | "emlx" | "mbox" | "msg" | "pst" => Unread::Mail,
        "zip" | "tar" | "gz" | "tgz" | "bz2" | "tbz2" | "xz" | "txz" | "7z" | "rar" | "zst"
        | "lz4" | "lzma" | "cab" | "iso" | "dmg" | "img" | "jar" | "war" | "apk" | "ipa"
        | "deb" | "rpm" | "whl" | "crate" | "nupkg" | "xpi" | "crx" => Unread::Archive,
        "exe" | "dll" | "so" | "dylib" | "a" | "o" | "obj" | "lib" | "pdb" | "class" | "pyc"
        | "pyo" | "wasm" | "bin" | "dat" | "db" | "sqlite" | "sqlite3" | "mdb" | "ttf" | "otf"
        | "woff" | "woff2" | "eot" | "parquet" | "arrow" | "feather" | "npy" | "npz" | "pkl"
        | "pt" | "pth" | "onnx" | "safetensors" | "gguf" | "h5" | "hdf5" | "rlib" | "rmeta"
        | "swp" | "swo" | "vmdk" | "qcow2" | "vdi" | "torrent" | "ds_store" | "part"
        | "crdownload"
        // Keys and vaults: text or not, no answer should show them.
        | "key" | "pem" | "p12" | "pfx" | "ppk" | "kdbx" | "gpg" | "asc" => Unread::Other,
        _ => return None,
    })
}
