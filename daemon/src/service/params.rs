//! Parameters and bodies, read strictly: what is not known is refused with its name.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use serde::de::DeserializeOwned;

use super::fault::Fault;

/// Parameters in one request at most: lists of folders and kinds are short.
const MAX_PARAMS: usize = 256;

/// The parameters of a request, decoded.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Params(Vec<(String, Vec<u8>)>);

impl Params {
    /// Decodes a query string. Names outside `allowed` are refused.
    pub fn parse(query: Option<&str>, allowed: &[&str]) -> Result<Params, Fault> {
        let mut params = Vec::new();
        let pairs = query
            .unwrap_or_default()
            .split('&')
            .filter(|p| !p.is_empty());
        for (i, pair) in pairs.enumerate() {
            if i >= MAX_PARAMS {
                let what = format!("more than {MAX_PARAMS} parameters");
                return Err(Fault::bad("too_many_parameters", what));
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = String::from_utf8_lossy(&decode(name)?).into_owned();
            if !allowed.contains(&name.as_str()) {
                return Err(unknown(&name, allowed));
            }
            params.push((name, decode(value)?));
        }
        Ok(Params(params))
    }

    /// Every value of a name; each may also hold several, separated by commas.
    pub fn list(&self, name: &str) -> Result<Vec<String>, Fault> {
        let mut all = Vec::new();
        for value in self.values(name) {
            let value = text(name, value)?;
            let parts = value.split(',').map(str::trim).filter(|p| !p.is_empty());
            all.extend(parts.map(str::to_owned));
        }
        Ok(all)
    }

    /// Every value of a name, commas and all.
    pub fn all(&self, name: &str) -> Result<Vec<String>, Fault> {
        self.values(name).map(|value| text(name, value)).collect()
    }

    /// The one value of a name.
    pub fn one(&self, name: &str) -> Result<Option<String>, Fault> {
        self.single(name)?
            .map(|value| text(name, value))
            .transpose()
    }

    /// The one value of a name, as a number.
    pub fn number(&self, name: &str) -> Result<Option<usize>, Fault> {
        let Some(value) = self.one(name)? else {
            return Ok(None);
        };
        let bad = |_| {
            Fault::bad(
                "bad_parameter",
                format!("`{name}={value}` is no whole number"),
            )
        };
        value.parse().map(Some).map_err(bad)
    }

    /// The one value of a name, as a number with or without a point.
    pub fn share(&self, name: &str) -> Result<Option<f64>, Fault> {
        let Some(value) = self.one(name)? else {
            return Ok(None);
        };
        let bad = |_| Fault::bad("bad_parameter", format!("`{name}={value}` is no number"));
        value.parse().map(Some).map_err(bad)
    }

    /// Whether the one value of a name says yes; its name alone does.
    pub fn flag(&self, name: &str) -> Result<bool, Fault> {
        match self.one(name)?.as_deref() {
            None | Some("false" | "0" | "no") => Ok(false),
            Some("" | "true" | "1" | "yes") => Ok(true),
            Some(other) => Err(Fault::bad(
                "bad_parameter",
                format!("`{name}={other}` is neither `true` nor `false`"),
            )),
        }
    }

    /// The one value of a name, as an absolute path; any bytes that a path can have.
    pub fn path(&self, name: &str) -> Result<Option<PathBuf>, Fault> {
        let value = self.single(name)?;
        let path = value.map(|v| PathBuf::from(OsString::from_vec(v.to_vec())));
        path.map(|path| absolute(name, path)).transpose()
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.0
            .iter()
            .filter(move |(n, _)| n == name)
            .map(|(_, v)| v.as_slice())
    }

    fn single(&self, name: &str) -> Result<Option<&[u8]>, Fault> {
        let mut values = self.values(name);
        let first = values.next();
        match values.next() {
            None => Ok(first),
            Some(_) => Err(Fault::bad(
                "bad_parameter",
                format!("`{name}` is given twice"),
            )),
        }
    }
}

/// A path in a request must be whole: the daemon stands elsewhere than the asker.
pub fn absolute(name: &str, path: PathBuf) -> Result<PathBuf, Fault> {
    if path.is_absolute() {
        return Ok(path);
    }
    let what = format!(
        "`{name}` is {}, which is not an absolute path",
        path.display()
    );
    Err(Fault::bad("bad_path", what).hint("write the whole path, from `/` on"))
}

/// Reads a JSON body; an empty one is `{}`.
pub fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Fault> {
    let body = if body.trim_ascii().is_empty() {
        b"{}"
    } else {
        body
    };
    serde_json::from_slice(body).map_err(|error| {
        let message = error.to_string();
        let code = if message.starts_with("unknown field") {
            "unknown_field"
        } else {
            "bad_body"
        };
        Fault::bad(code, format!("the body cannot be read: {message}"))
            .hint("GET /v1/openapi.json describes every body")
    })
}

fn unknown(name: &str, allowed: &[&str]) -> Fault {
    let fault = Fault::bad(
        "unknown_parameter",
        format!("there is no parameter `{name}` here"),
    );
    match allowed {
        [] => fault.hint("this route takes no parameters"),
        _ => fault.hint(format!("the parameters are {}", allowed.join(", "))),
    }
}

fn text(name: &str, value: &[u8]) -> Result<String, Fault> {
    let bad = |_| Fault::bad("bad_parameter", format!("`{name}` is not valid UTF-8"));
    String::from_utf8(value.to_vec()).map_err(bad)
}

/// `%E4%B8%AD` and `+`, as forms write them.
fn decode(text: &str) -> Result<Vec<u8>, Fault> {
    let bad = || {
        let what = format!("`{text}` has a `%` that two hexadecimal digits do not follow");
        Fault::bad("bad_parameter", what).hint("write a percent sign as %25")
    };
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || bytes.next().and_then(|b| char::from(b).to_digit(16));
                let (high, low) = (digit().ok_or_else(bad)?, digit().ok_or_else(bad)?);
                (high * 16 + low) as u8
            }
            other => other,
        });
    }
    Ok(out)
}

/// The other way: everything but the unreserved characters and `/` as `%XX`.
pub fn encode(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                out.push(char::from(*byte));
            }
            // Writing to a String cannot fail.
            other => _ = write!(out, "%{other:02X}"),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn parameters_are_decoded_and_strangers_refused() {
        let params = Params::parse(
            Some("q=a+b%26%E4%B8%AD&kind=pdf,text&kind=image&limit=3"),
            &["q", "kind", "limit"],
        )
        .unwrap();
        assert_eq!(params.one("q").unwrap().unwrap(), "a b&中");
        assert_eq!(params.list("kind").unwrap(), ["pdf", "text", "image"]);
        assert_eq!(params.number("limit").unwrap(), Some(3));
        assert_eq!(params.share("limit").unwrap(), Some(3.0));
        assert!(params.share("q").is_err());
        assert_eq!(params.one("kind").unwrap_err().code, "bad_parameter");
        let fault = Params::parse(Some("limt=3"), &["q", "limit"]).unwrap_err();
        assert_eq!(fault.code, "unknown_parameter");
        assert!(fault.message.contains("limt") && fault.hint.unwrap().contains("limit"));
        assert!(Params::parse(Some("q=%4"), &["q"]).is_err());
        assert!(Params::parse(Some("q=%zz"), &["q"]).is_err());
        let bytes = Params::parse(Some("path=/a%FF"), &["path"]).unwrap();
        assert_eq!(bytes.path("path").unwrap().unwrap().as_os_str().len(), 3);
        assert!(bytes.one("path").is_err());
        let relative = Params::parse(Some("path=a"), &["path"]).unwrap();
        assert_eq!(relative.path("path").unwrap_err().code, "bad_path");
    }

    #[test]
    fn bodies_name_the_field_that_is_unknown() {
        use crate::service::wire::{FolderRequest, WaitRequest};
        assert_eq!(json::<WaitRequest>(b" ").unwrap().timeout_ms, None);
        let fault = json::<WaitRequest>(br#"{"timeout": 3}"#).unwrap_err();
        assert_eq!(fault.code, "unknown_field");
        assert!(fault.message.contains("`timeout`"), "{}", fault.message);
        assert_eq!(json::<FolderRequest>(b"{}").unwrap_err().code, "bad_body");
        assert_eq!(json::<WaitRequest>(b"[1").unwrap_err().code, "bad_body");
    }

    proptest! {
        #[test]
        fn any_bytes_travel(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            prop_assert_eq!(decode(&encode(&bytes)).unwrap(), bytes);
        }
    }
}
