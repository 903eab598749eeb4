# Sourced by ./run and ./test: `need PACKAGE...` installs what is missing of Debian's packages; asks nothing of the network
# when all is there.

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo > /dev/null; then
        sudo "$@"
    else
        echo "superpod: cannot run '$*': neither root nor sudo; install these packages by hand" >&2
        return 1
    fi
}

need() {
    if ! command -v dpkg-query > /dev/null; then
        echo "superpod: this is no Debian; make sure that you have the equivalent of: $*" >&2
        return 0
    fi
    missing=
    for package in "$@"; do
        case $(dpkg-query -W -f '${Status}' "$package" 2> /dev/null) in
        *" installed") ;;
        *) missing="$missing $package" ;;
        esac
    done
    [ -n "$missing" ] || return 0
    echo "superpod: installing$missing"
    # A first try without `update` saves time where the lists are fresh. Word splitting is meant.
    # shellcheck disable=SC2086
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing > /dev/null 2>&1 || {
        as_root apt-get update -qq &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing > /dev/null
    }
}

packages_build="gcc libc6-dev cmake ninja-build pkg-config libyaml-dev libjansson-dev libsqlite3-dev libexpat1-dev"
# MPI is optional: without it searches and runs stay in one process, and its tests are skipped.
packages_test="libopenmpi-dev openmpi-bin libcmocka-dev bats python3 python3-prometheus-client clang libclang-rt-14-dev llvm"
packages_bench="g++ libsimgrid-dev"   # SimGrid beside bench-flow; nothing else needs them
