#!/bin/sh
# Puts the font pack into a folder: fonts of the Noto family for the scripts that the bundled fonts do
# not have (Arabic, Hebrew, Thai, the scripts of India, Chinese, Japanese, Korean, emoji and more).
#
#   setup/fonts.sh DIR      then give the folder to the worker: ATELIER_FONT_PACK_DIR=DIR
#
# The files come from Debian's packages fonts-noto-core, fonts-noto-cjk and fonts-noto-color-emoji (SIL
# Open Font License 1.1), whose integrity apt checks. They are unpacked, not installed, so no root is
# needed where apt's lists are there. A folder that is complete is left as it is. Where there is no apt,
# copy the files that crates/imaging/src/text/pack.rs names from any Noto release, or point
# ATELIER_FONT_PACK_DIR at the system's font folder.
set -eu
if [ $# -ne 1 ]; then
    sed -n '2,12p' "$0" | sed 's/^# \{0,1\}//' >&2
    exit 2
fi
case $1 in /*) dir=$1 ;; *) dir=$PWD/$1 ;; esac
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)

# The list is the program's own: crates/imaging/src/text/pack.rs.
files=$(grep -o 'Noto[A-Za-z0-9-]*\.tt[cf]' "$root/crates/imaging/src/text/pack.rs" | sort -u)

complete() {
    for file in $files; do [ -s "$dir/$file" ] || return 1; done
}

if complete; then exit 0; fi
mkdir -p "$dir"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
packages='fonts-noto-core fonts-noto-cjk fonts-noto-color-emoji'
system=/usr/share/fonts
if ! command -v apt-get >/dev/null 2>&1; then
    if [ ! -d "$system" ]; then
        echo "setup/fonts.sh: no apt-get here; copy these files into $dir:" $files >&2
        exit 1
    fi
else
    echo "setup/fonts.sh: unpacking $packages into $dir (70 MB to download)" >&2
    cd "$scratch"
    # shellcheck disable=SC2086 # a list
    if ! apt-get download -q $packages >"$scratch/log" 2>&1; then
        if [ "$(id -u)" -eq 0 ]; then apt-get update -q >>"$scratch/log" 2>&1 || true; fi
        # shellcheck disable=SC2086 # a list
        apt-get download -q $packages >>"$scratch/log" 2>&1 || {
            cat "$scratch/log" >&2
            echo "setup/fonts.sh: cannot download; run 'apt-get update' as root and try again" >&2
            exit 1
        }
    fi
    for package in *.deb; do dpkg-deb -x "$package" "$scratch/unpacked"; done
    system=$scratch/unpacked
fi
for file in $files; do
    found=$(find "$system" -name "$file" | head -n 1)
    if [ -z "$found" ]; then
        echo "setup/fonts.sh: $file is in none of $packages" >&2
        exit 1
    fi
    # Whole or not at all, so that an interrupted run is taken up.
    cp "$found" "$dir/.$file.part"
    mv "$dir/.$file.part" "$dir/$file"
done
(cd "$dir" && sha256sum $files >SHA256SUMS)
echo "setup/fonts.sh: $dir has $(echo "$files" | wc -l) fonts, $(du -sh "$dir" | cut -f1)" >&2
