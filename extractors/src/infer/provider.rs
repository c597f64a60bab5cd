//! What runs the graphs: the CPU, or what the build was asked to try before it.
//!
//! A provider must be in the build (cargo features `cuda`, `coreml`, `openvino`) and in the
//! ONNX Runtime that was loaded; the one from PyPI's `onnxruntime` has none but the CPU.

use ort::ep::ExecutionProviderDispatch;

/// What always works.
pub(super) const CPU: &str = "cpu";

/// A provider by the name that users know.
type Offer = (&'static str, ExecutionProviderDispatch);

/// Those in this build and in the library that was loaded, best first.
pub(super) fn accelerators() -> Vec<Offer> {
    let offers: &[Option<Offer>] = &[
        #[cfg(feature = "cuda")]
        offer("cuda", ort::ep::CUDA::default()),
        #[cfg(feature = "coreml")]
        offer("coreml", ort::ep::CoreML::default()),
        #[cfg(feature = "openvino")]
        offer("openvino", ort::ep::OpenVINO::default()),
    ];
    offers.iter().flatten().cloned().collect()
}

#[cfg(any(feature = "cuda", feature = "coreml", feature = "openvino"))]
fn offer<E>(name: &'static str, accelerator: E) -> Option<Offer>
where
    E: ort::ep::ExecutionProvider + Into<ExecutionProviderDispatch>,
{
    // A failure is told rather than passed over, so that what is reported is what runs.
    accelerator
        .is_available()
        .unwrap_or(false)
        .then(|| (name, accelerator.into().error_on_failure()))
}
