#!/usr/bin/env bash
# The newcomer's two commands in a bare Debian root: git, Python 3 and pip, nothing else.
#
#   tests/bare/run.sh [--quick] [--keep] [--suite NAME] [-- COMMAND...]
#     --quick   ./dev demo and ./dev test unit in place of the whole of ./dev test
#     --keep    leave the root in place and say where; --root DIR uses that one again
#     --suite   the Debian release (bookworm)
#     --        this command in the checkout, in place of the usual ones
#
# Needs root and debootstrap. The mirror, proxy, certificates and pip settings are this machine's.
# The checkout is what is committed (HEAD).
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

quick='' keep='' suite=bookworm root='' command=()
while [ $# -gt 0 ]; do
    case $1 in
    --quick) quick=1 ;;
    --keep) keep=1 ;;
    --root)
        root=$2
        keep=1
        shift
        ;;
    --suite)
        suite=$2
        shift
        ;;
    --)
        shift
        command=("$@")
        break
        ;;
    *)
        sed -n '2,12s/^# \{0,1\}//p' "$0" >&2
        exit 2
        ;;
    esac
    shift
done

say() { printf '== %s\n' "$*"; }
die() {
    printf 'bare: %s\n' "$*" >&2
    exit 1
}
[ "$(id -u)" -eq 0 ] || die "needs root (chroot, mount)"
command -v debootstrap >/dev/null 2>&1 || die "needs debootstrap: apt-get install debootstrap"

mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list 2>/dev/null |
    grep -oE '[a-z+]+://[^ ]*/debian/?( |$)' | head -n 1 | tr -d ' ' || true)
[ -n "$root" ] || root=$(mktemp -d "${TMPDIR:-/tmp}/linnet-bare.XXXXXX")
mkdir -p "$root" && chmod 755 "$root"
mounted=()
finish() {
    local i
    for ((i = ${#mounted[@]} - 1; i >= 0; i--)); do
        umount "${mounted[i]}" || umount -l "${mounted[i]}"
    done
    if [ -n "$keep" ]; then
        say "the root is $root"
    else
        rm -rf --one-file-system "$root"
    fi
}
trap finish EXIT

# --- the root -----------------------------------------------------------------------------------

if [ ! -x "$root/usr/bin/git" ]; then
    say "debootstrap $suite from ${mirror:-the default mirror} into $root"
    debootstrap --variant=minbase --include=ca-certificates,git,python3,python3-pip \
        "$suite" "$root" ${mirror:+"$mirror"} >"$root.log" 2>&1 ||
        die "debootstrap failed; see $root.log"
    rm -f "$root.log"
fi
copy() { # FILES that this machine has, to the same place in the root
    local f
    for f in "$@"; do
        [ -e "$f" ] || continue
        mkdir -p "$root$(dirname "$f")"
        cp -L "$f" "$root$f"
    done
}
copy /etc/resolv.conf /etc/hosts /etc/pip.conf /etc/ssl/certs/ca-certificates.crt
copy /etc/apt/sources.list.d/debian.sources
mapfile -t transport < <(grep -lsE '^ *Acquire::(http|https|Check|Retries)' /etc/apt/apt.conf /etc/apt/apt.conf.d/* || true)
copy "${transport[@]}"

for place in proc sys dev; do
    if ! mountpoint -q "$root/$place"; then
        case $place in
        proc) mount -t proc proc "$root/proc" ;;
        *) mount --bind "/$place" "$root/$place" ;;
        esac
        mounted+=("$root/$place")
    fi
done

keepers=(PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root)
while IFS='=' read -r name value; do
    case $name in
    PIP_* | *_proxy | *_PROXY | SSL_CERT_* | REQUESTS_CA_BUNDLE) keepers+=("$name=$value") ;;
    esac
done < <(env)
data=${LINNET_TEST_DATA:-$top/../shared}
if [ -d "$data/images" ]; then
    mkdir -p "$root/shared"
    mount --bind "$data" "$root/shared"
    mounted+=("$root/shared")
fi

rm -rf "$root/linnet"
git clone -q --no-hardlinks "$top" "$root/linnet"

inside() {
    local start=$SECONDS code=0
    say "in the bare root: $*"
    chroot "$root" /usr/bin/env -i "${keepers[@]}" /bin/sh -c 'cd /linnet && exec "$@"' sh "$@" \
        </dev/null || code=$?
    say "exit status $code after $((SECONDS - start)) s: $*"
    return $code
}

# --- the commands -------------------------------------------------------------------------------

if [ ${#command[@]} -gt 0 ]; then
    inside "${command[@]}"
    exit
fi
inside ./dev demo
inside ./dev setup
inside ./dev demo
if [ -n "$quick" ]; then
    inside ./dev test unit
else
    inside .ci/run
fi
