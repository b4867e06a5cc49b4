#!/bin/sh
# Installs what is missing, builds, and hands over to `atelier demo` with the given arguments.
#
# --release, or ATELIER_DEMO_PROFILE=release, builds an optimised Atelier: slower to compile, and the
# one to look at when figures matter. Every other argument is for `atelier demo`.
set -eu
me='./demo'
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
# shellcheck source=setup/packages.sh
. "$root/setup/packages.sh"

profile=${ATELIER_DEMO_PROFILE:-debug}
servers=
if [ -z "${ATELIER_DATABASE_URL:-}" ]; then servers="postgres"; fi
if [ -z "${ATELIER_REDIS_URL:-}" ]; then servers="$servers redis"; fi

# Goes once round the arguments, putting each one that is not for us back at the end.
for argument in "$@"; do
    shift
    case $argument in
    --release)
        profile=release
        continue
        ;;
    --database-url | --database-url=*) servers=${servers#postgres} ;;
    --redis-url | --redis-url=*) servers=${servers%redis} ;;
    -h | --help) servers= ;;
    esac
    set -- "$@" "$argument"
done
case $profile in
debug) release= ;;
release) release=--release ;;
*) fail "ATELIER_DEMO_PROFILE is '$profile'; it may be debug or release" ;;
esac

need_rust
# shellcheck disable=SC2086 # $servers is a list
need_packages $servers

# Cargo takes a relative folder from where it is called, and we call it in the repository.
target=${CARGO_TARGET_DIR:-$root/target}
case $target in
/*) ;;
*) target=$PWD/$target ;;
esac
export CARGO_TARGET_DIR="$target"
# The schema is checked against the committed description, whatever DATABASE_URL names.
export SQLX_OFFLINE=true

say "building ($profile); the first time takes some minutes"
(
    cd "$root"
    # shellcheck disable=SC2086 # $release may be nothing
    cargo build --locked $release --bin atelier --bin api-lite --bin worker --bin scheduler
) || fail "the build failed"
exec "$target/$profile/atelier" demo --catalog "$root/deploy/demo/catalog" "$@"
