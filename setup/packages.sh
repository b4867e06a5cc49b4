# What ./test and ./demo need from the machine: a Rust toolchain, a C compiler, PostgreSQL, Redis.
# Sourced by both. Everything it says goes to standard error. POSIX sh.

say() { printf '%s: %s\n' "${me:?}" "$*" >&2; }

fail() {
    say "$*"
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

need_rust() {
    if ! have cargo && [ -x "${HOME:-}/.cargo/bin/cargo" ]; then
        PATH=$HOME/.cargo/bin:$PATH
    fi
    if ! have cargo; then
        fail "no Rust toolchain found; install one with: curl --proto '=https' -sSf https://sh.rustup.rs | sh"
    fi
}

# need_component COMMAND COMPONENT: a minimal toolchain has neither rustfmt nor clippy.
need_component() {
    if cargo "$1" --version >/dev/null 2>&1; then return; fi
    if ! have rustup; then fail "cargo $1 is missing; install the toolchain's $2"; fi
    say "adding $2 to the toolchain"
    rustup component add "$2" >&2 || fail "cargo $1 is missing; run: rustup component add $2"
}

# The same folders as the testkit crate searches when it starts the servers.
have_postgres() {
    if have initdb && have postgres; then return 0; fi
    for bin in /usr/lib/postgresql/*/bin /opt/homebrew/opt/postgresql*/bin \
        /usr/local/opt/postgresql*/bin /usr/pgsql-*/bin; do
        if [ -x "$bin/initdb" ] && [ -x "$bin/postgres" ]; then return 0; fi
    done
    return 1
}

have_redis() {
    if have redis-server || have valkey-server; then return 0; fi
    [ -x /usr/bin/redis-server ] || [ -x /opt/homebrew/bin/redis-server ]
}

# Debian's python3 comes without what makes a virtual environment.
have_python() { python3 -c 'import ensurepip, venv' >/dev/null 2>&1; }

have_node() { have node && have npm; }

# With the languages that the tests read.
have_tesseract() {
    have tesseract || return 1
    for language in eng fra deu dan; do
        tesseract --list-langs 2>/dev/null | grep -qx "$language" || return 1
    done
}

# need_packages [postgres] [redis] [python] [node] [tesseract]: a C compiler (the cryptography library is partly
# C) always.
need_packages() {
    missing=
    have cc || missing="$missing compiler"
    for package in "$@"; do
        "have_$package" || missing="$missing $package"
    done
    if [ -z "$missing" ]; then return; fi
    say "missing:$missing"
    if have apt-get; then
        install_with_apt
    elif have brew; then
        install_with_brew
    else
        fail "install these by your system's means:$missing (PostgreSQL 15, Redis 7, Python 3.11, Node 20, or newer; Tesseract 5)"
    fi
}

install_with_apt() {
    packages=
    case $missing in *compiler*) packages="$packages gcc libc6-dev" ;; esac
    case $missing in *postgres*) packages="$packages postgresql" ;; esac
    case $missing in *redis*) packages="$packages redis-server" ;; esac
    case $missing in *python*) packages="$packages python3-venv" ;; esac
    case $missing in *node*) packages="$packages nodejs npm" ;; esac
    case $missing in *tesseract*) packages="$packages tesseract-ocr tesseract-ocr-fra tesseract-ocr-deu tesseract-ocr-dan" ;; esac
    as_root=
    if [ "$(id -u)" -ne 0 ]; then
        have sudo || fail "not root and no sudo; run as root: apt-get install$packages"
        as_root=sudo
    fi
    say "installing with apt:$packages"
    # Our servers are private ones on free ports. The packages would also start system-wide servers
    # and make a database cluster; these two files, there only during the install, keep them from it.
    # shellcheck disable=SC2016,SC2086 # the inner shell expands its own; $packages is a list
    $as_root sh -eu -c '
        policy=/usr/sbin/policy-rc.d
        cluster=/etc/postgresql-common/createcluster.d/atelier.conf
        made=
        trap '\''rm -f $made'\'' EXIT
        trap "exit 130" INT TERM
        if [ ! -e "$policy" ]; then
            made=$policy
            printf "#!/bin/sh\nexit 101\n" >"$policy"
            chmod 755 "$policy"
        fi
        if [ ! -e "$cluster" ]; then
            made="$made $cluster"
            mkdir -p "${cluster%/*}"
            echo "create_main_cluster = false" >"$cluster"
        fi
        export DEBIAN_FRONTEND=noninteractive
        apt-get update -q
        apt-get install -q -y --no-install-recommends "$@"
    ' sh $packages >&2 || fail "apt-get install$packages failed"
}

install_with_brew() {
    formulas=
    case $missing in *compiler*) fail "no C compiler; run: xcode-select --install" ;; esac
    case $missing in *postgres*) formulas="$formulas postgresql@17" ;; esac
    case $missing in *redis*) formulas="$formulas redis" ;; esac
    case $missing in *python*) formulas="$formulas python" ;; esac
    case $missing in *node*) formulas="$formulas node" ;; esac
    case $missing in *tesseract*) formulas="$formulas tesseract tesseract-lang" ;; esac
    say "installing with Homebrew:$formulas"
    # shellcheck disable=SC2086 # $formulas is a list
    brew install $formulas >&2 || fail "brew install$formulas failed"
}
