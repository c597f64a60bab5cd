# Shared by the scripts beside it; sourced, not run. Works with the bash 3.2 of macOS.
# shellcheck shell=bash
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT"
LIB_DIR=$ROOT/.hippo/lib
TARGET=${CARGO_TARGET_DIR:-$ROOT/target}
HIPPO=$TARGET/release/hippo

# rustup's folder, for a shell that was open before Rust was installed.
if ! command -v cargo >/dev/null 2>&1 && [ -x "$HOME/.cargo/bin/cargo" ]; then
    PATH=$HOME/.cargo/bin:$PATH
fi

# hippo looks for its libraries here first; a folder given from outside wins.
export HIPPO_LIB_DIR=${HIPPO_LIB_DIR:-$LIB_DIR}

# The demo models of this checkout; what is pulled later lies in hippo's own home.
export HIPPO_MODELS_DIR=${HIPPO_MODELS_DIR:-$ROOT/models}

# The home of `make run`: in the checkout, unless that lies so deep that a socket's
# path would be too long (100 bytes; see docs/settings.md).
run_home() {
    local home=$ROOT/.hippo/home
    if [ "${#home}" -gt 80 ]; then
        home=${XDG_CACHE_HOME:-$HOME/.cache}/hippo/run
    fi
    printf '%s\n' "$home"
}

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    BOLD=$'\033[1m' DIM=$'\033[2m' RED=$'\033[31m' PLAIN=$'\033[0m'
else
    BOLD='' DIM='' RED='' PLAIN=''
fi

say() { printf '%s\n' "$*"; }
die() {
    printf '%shippo: %s%s\n' "$RED" "$1" "$PLAIN" >&2
    shift
    local line
    for line in "$@"; do printf '  %s\n' "$line" >&2; done
    exit 1
}

# step TEXT COMMAND... : says what it does, then how long that took. The command's
# output is shown only when it fails.
step() {
    local text=$1 began=$SECONDS log
    shift
    log=$(mktemp "${TMPDIR:-/tmp}/hippo-step.XXXXXX")
    printf '  %s ... ' "$text"
    if "$@" >"$log" 2>&1; then
        printf '%sdone, %d s%s\n' "$DIM" "$((SECONDS - began))" "$PLAIN"
        rm -f "$log"
    else
        printf '%sfailed%s\n' "$RED" "$PLAIN"
        cat "$log" >&2
        rm -f "$log"
        return 1
    fi
}

# Builds with cargo. On a terminal cargo draws its own progress bar; elsewhere one
# line for every forty crates is enough.
build() {
    say "${BOLD}Building hippo${PLAIN} ${DIM}(the first time takes about 25 minutes on two cores, later ones seconds)${PLAIN}"
    if [ -t 2 ]; then
        cargo build --release --locked "$@"
        return
    fi
    local most
    most=$(grep -c '^name = ' Cargo.lock)
    cargo build --release --locked "$@" 2>&1 | awk -v most="$most" '
        BEGIN { srand(); began = srand() }
        $1 == "Compiling" {
            if (++count % 40 == 0) {
                srand(); now = srand() - began
                printf "  %d crates compiled, of at most %d, %d min %02d s\n", count, most, now / 60, now % 60
                fflush()
            }
            next
        }
        $1 == "Downloading" || $1 == "Downloaded" || $1 == "Locking" { next }
        { print; fflush() }
    '
}
