//! Where files come from: their own address, the hub's mirror, or a plain mirror.

use hippo_config::{ModelFile, ModelSettings};
use reqwest::Url;

use super::ModelsError;

/// Addresses that begin so are the hub's, and follow `HF_ENDPOINT`.
const HUB: &str = "https://huggingface.co/";

/// The variable by which every client of the hub is sent to a mirror.
const HUB_VARIABLE: &str = "HF_ENDPOINT";

/// What stands in place of the addresses in manifests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// In place of huggingface.co.
    endpoint: Option<String>,
    /// In place of everything: `<mirror>/<model>/<file>`.
    mirror: Option<String>,
}

impl Sources {
    /// By the settings, and by an environment, which comes first.
    pub fn new(settings: &ModelSettings, env: &dyn Fn(&str) -> Option<String>) -> Sources {
        let variable = env(HUB_VARIABLE).filter(|value| !value.trim().is_empty());
        Sources {
            endpoint: variable.or_else(|| settings.endpoint.clone()),
            mirror: settings.mirror.clone(),
        }
    }

    /// Whether every file has an address, whatever its manifest says.
    pub fn has_mirror(&self) -> bool {
        self.mirror.is_some()
    }

    /// Where a file of a model is got. None where nobody says.
    pub fn url(&self, model: &str, file: &ModelFile) -> Result<Option<Url>, ModelsError> {
        if let Some(mirror) = &self.mirror {
            let mut url = parse(mirror)?;
            if let Ok(mut segments) = url.path_segments_mut() {
                segments.pop_if_empty().push(model);
                segments.extend(file.name.split('/'));
            }
            return Ok(Some(url));
        }
        let Some(address) = &file.url else {
            return Ok(None);
        };
        let (Some(endpoint), Some(path)) = (&self.endpoint, address.strip_prefix(HUB)) else {
            return parse(address).map(Some);
        };
        let endpoint = endpoint.trim();
        // First by itself: with a path behind it, "http://" would have a host.
        parse(endpoint)?;
        parse(&format!("{}/{path}", endpoint.trim_end_matches('/'))).map(Some)
    }
}

fn parse(address: &str) -> Result<Url, ModelsError> {
    let bad = |reason: String| ModelsError::BadAddress {
        address: address.to_owned(),
        reason,
    };
    let url = Url::parse(address).map_err(|error| bad(error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(bad("it must begin with https:// or http://".to_owned()));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: &str = "https://huggingface.co/a/b/resolve/1/onnx/m.onnx";

    fn file(name: &str, url: Option<&str>) -> ModelFile {
        ModelFile {
            name: name.to_owned(),
            url: url.map(str::to_owned),
            bytes: None,
            sha256: None,
        }
    }

    fn url(settings: &ModelSettings, variable: &str, file: &ModelFile) -> Option<String> {
        let env = |name: &str| (name == HUB_VARIABLE).then(|| variable.to_owned());
        let url = Sources::new(settings, &env).url("tiny", file).unwrap();
        url.map(|url| url.to_string())
    }

    #[test]
    fn the_hub_moves_with_the_variable_and_else_with_the_setting() {
        let mut settings = ModelSettings::default();
        let hub = file("m.onnx", Some(ADDRESS));
        let elsewhere = file("d.txt", Some("https://github.com/a/d.txt"));
        assert_eq!(url(&settings, "", &hub).as_deref(), Some(ADDRESS));
        settings.endpoint = Some("https://hf-mirror.com".to_owned());
        let moved = "https://hf-mirror.com/a/b/resolve/1/onnx/m.onnx";
        assert_eq!(url(&settings, " ", &hub).as_deref(), Some(moved));
        let moved = "http://localhost:9/hub/a/b/resolve/1/onnx/m.onnx";
        let variable = "http://localhost:9/hub/";
        assert_eq!(url(&settings, variable, &hub).as_deref(), Some(moved));
        let stays = url(&settings, variable, &elsewhere);
        assert_eq!(stays.as_deref(), Some("https://github.com/a/d.txt"));
        assert_eq!(url(&settings, variable, &file("x", None)), None);
    }

    #[test]
    fn a_mirror_has_every_file_by_its_name() {
        let settings = ModelSettings {
            mirror: Some("http://nas:8000/models".to_owned()),
            ..ModelSettings::default()
        };
        for (name, expected) in [
            ("m.onnx", "http://nas:8000/models/tiny/m.onnx"),
            (
                "onnx/m 1?.onnx",
                "http://nas:8000/models/tiny/onnx/m%201%3F.onnx",
            ),
        ] {
            let file = file(name, Some(ADDRESS));
            assert_eq!(url(&settings, "http://x", &file).as_deref(), Some(expected));
        }
    }

    #[test]
    fn what_is_no_address_is_said() {
        for variable in ["hf-mirror.com", "file:///etc", "http://"] {
            let env = |_: &str| Some(variable.to_owned());
            let sources = Sources::new(&ModelSettings::default(), &env);
            let error = sources.url("tiny", &file("m", Some(ADDRESS))).unwrap_err();
            assert!(error.to_string().contains("is no address"), "{error}");
        }
    }
}
