//! File systems to mount and unmount, and other users: what only root can arrange.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::skip;

/// The user that the socket must refuse: `nobody` on every Debian.
pub const NOBODY: &str = "65534";

/// Whether the tests run as root; a loud skip where not.
pub fn root(test: &str) -> bool {
    let root = rustix::process::getuid().is_root();
    if !root {
        skip(test, "it needs root");
    }
    root
}

fn run(program: &str, args: &[&str]) -> Result<(), String> {
    let output = Command::new(program)
        .args(args)
        .output()
        .map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(format!(
            "{program} {}: {}",
            args.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        ))
    }
}

/// An ext4 file system in a file, mounted through a loop device; or one in memory.
pub struct Mount {
    source: Source,
    at: PathBuf,
    mounted: bool,
}

enum Source {
    Image(PathBuf),
    Memory { kind: &'static str, options: String },
}

impl Mount {
    /// An ext4 of so many MiB, mounted; nothing, and a loud skip, where this machine cannot.
    pub fn ext4(test: &str, image: &Path, mib: u64, at: &Path) -> Option<Mount> {
        if !root(test) {
            return None;
        }
        let make = || -> Result<Mount, String> {
            let file = std::fs::File::create(image).map_err(|error| error.to_string())?;
            file.set_len(mib << 20).map_err(|error| error.to_string())?;
            run("mkfs.ext4", &["-q", "-F", image.to_str().unwrap()])?;
            std::fs::create_dir_all(at).map_err(|error| error.to_string())?;
            let mut mount = Mount {
                source: Source::Image(image.to_owned()),
                at: at.to_owned(),
                mounted: false,
            };
            mount.try_mount()?;
            Ok(mount)
        };
        make().map_err(|why| skip(test, &why)).ok()
    }

    /// A file system of this kind that needs no device (`ramfs`, `tmpfs`).
    pub fn memory(test: &str, kind: &'static str, options: &str, at: &Path) -> Option<Mount> {
        if !root(test) {
            return None;
        }
        std::fs::create_dir_all(at).unwrap();
        let mut mount = Mount {
            source: Source::Memory {
                kind,
                options: options.to_owned(),
            },
            at: at.to_owned(),
            mounted: false,
        };
        match mount.try_mount() {
            Ok(()) => Some(mount),
            Err(why) => {
                skip(test, &why);
                None
            }
        }
    }

    /// Where it is mounted.
    pub fn at(&self) -> &Path {
        &self.at
    }

    fn try_mount(&mut self) -> Result<(), String> {
        let at = self.at.to_str().unwrap();
        match &self.source {
            Source::Image(image) => run("mount", &["-o", "loop", image.to_str().unwrap(), at])?,
            Source::Memory { kind, options } => {
                run("mount", &["-t", kind, "-o", options, "none", at])?;
            }
        }
        self.mounted = true;
        Ok(())
    }

    /// Mounts it again, on a fresh loop device: the device number may be another.
    pub fn mount(&mut self) {
        self.try_mount().unwrap();
    }

    /// Takes it away while it is in use, as a drive that is pulled out.
    pub fn unmount(&mut self) {
        run("umount", &["--lazy", self.at.to_str().unwrap()]).unwrap();
        self.mounted = false;
    }

    /// Takes it away properly; `Err` says who is in the way.
    pub fn try_unmount(&mut self) -> Result<(), String> {
        run("umount", &[self.at.to_str().unwrap()])?;
        self.mounted = false;
        Ok(())
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        if self.mounted {
            let _ = run("umount", &["--lazy", self.at.to_str().unwrap()]);
        }
    }
}

/// A command run as `nobody`.
pub fn as_nobody(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--"]);
    command.arg(program);
    command
}
