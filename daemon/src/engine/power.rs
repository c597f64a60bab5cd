//! Whether this machine runs on its battery, as Linux tells it below `/sys/class/power_supply`
//! (Documentation/ABI/testing/sysfs-class-power). Elsewhere it never does.

use std::fs;
use std::path::Path;

/// Whether the machine draws on a battery of its own: one discharges, and no mains are there. The
/// battery of a mouse is not the machine's.
pub(super) fn on_battery(supplies: &Path) -> bool {
    let Ok(supplies) = fs::read_dir(supplies) else {
        return false;
    };
    let mut discharging = false;
    for supply in supplies.flatten() {
        let supply = supply.path();
        let is = |name: &str, value: &str| {
            fs::read_to_string(supply.join(name)).is_ok_and(|text| text.trim() == value)
        };
        if is("scope", "Device") {
            continue;
        }
        if is("type", "Battery") {
            discharging |= is("status", "Discharging");
        } else if is("online", "1") {
            return false;
        }
    }
    discharging
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder as the kernel lays it out.
    fn supplies(supplies: &[(&str, &[(&str, &str)])]) -> bool {
        let dir = tempfile::tempdir().unwrap();
        for (name, facts) in supplies {
            let supply = dir.path().join(name);
            fs::create_dir(&supply).unwrap();
            for (fact, value) in *facts {
                fs::write(supply.join(fact), format!("{value}\n")).unwrap();
            }
        }
        on_battery(dir.path())
    }

    const FULL: &[(&str, &str)] = &[("type", "Battery"), ("status", "Full")];
    const EMPTYING: &[(&str, &str)] = &[("type", "Battery"), ("status", "Discharging")];
    const MAINS: &[(&str, &str)] = &[("type", "Mains"), ("online", "1")];
    const UNPLUGGED: &[(&str, &str)] = &[("type", "Mains"), ("online", "0")];
    const MOUSE: &[(&str, &str)] = &[
        ("type", "Battery"),
        ("scope", "Device"),
        ("status", "Discharging"),
    ];

    #[test]
    fn a_battery_counts_when_it_discharges_and_no_mains_are_there() {
        assert!(supplies(&[
            ("AC", UNPLUGGED),
            ("BAT0", FULL),
            ("BAT1", EMPTYING)
        ]));
        assert!(supplies(&[("BAT0", EMPTYING)]));
        assert!(!supplies(&[("AC", MAINS), ("BAT0", FULL)]));
        // Some discharge while they are plugged in, to last longer.
        assert!(!supplies(&[("BAT0", EMPTYING), ("AC", MAINS)]));
        assert!(!supplies(&[("hid-mouse", MOUSE)]));
        assert!(!supplies(&[]));
        assert!(!on_battery(Path::new("/nowhere")));
    }
}
