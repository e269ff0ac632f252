# Purpose:  functions for the scripts of this repository, which source it: installing
#           packages of Debian, Python and npm, finding Rust, a folder for keys of tests
# Copy to:  nowhere.
# Change:   nothing.
# shellcheck shell=bash disable=SC2154 # script: the name of the script that sources this

say() {
  local line
  for line in "$@"; do printf '%s: %s\n' "$script" "$line" >&2; done
}
die() {
  say "$@"
  exit 1
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

# Installs the named packages that are missing. Fails without apt, and without root or
# sudo.
apt_install() {
  local missing=() name
  command -v apt-get >/dev/null || return 1
  for name in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] ||
      missing+=("$name")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  as_root true 2>/dev/null || return 1
  say "installing ${missing[*]}"
  without_services apt_get "${missing[@]}"
}

# Shows the last messages of apt, if it fails. It removes no package to make room for
# others: the owner of the machine decides that.
apt_get() {
  local said
  said=$({
    as_root apt-get -q update
    as_root env DEBIAN_FRONTEND=noninteractive \
      apt-get -qq install --yes --no-install-recommends --no-remove "$@"
  } 2>&1) && return
  printf '%s\n' "$said" | tail -n 3 >&2
  return 1
}

# Packages of servers would start them now and at every boot, on port 80: prevents it.
without_services() (
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    trap 'as_root rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
  fi
  "$@" || exit 1
  [ -d /run/systemd/system ] || exit 0
  dpkg -L "${@:2}" | sed -n 's|^\(/usr\)\?/lib/systemd/system/\([^@/]*\.service\)$|\2|p' |
    while read -r unit; do as_root systemctl -q disable "$unit"; done
)

# Whether this cargo is at least as new as rust-version in Cargo.toml.
recent() {
  local wanted have
  wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
  have=$("$1" --version 2>/dev/null | cut -d ' ' -f 2) && [ -n "$have" ] &&
    printf '%s\n%s\n' "$wanted" "$have" | sort -C -V
}

# Sets cargo to a recent one. Debian 12 has a second, newer Rust, which it needs to build
# Firefox. RUSTC is set because an older one may come first in PATH.
find_cargo() {
  # Rust links programs with cc.
  command -v cc >/dev/null || apt_install gcc libc6-dev || true
  cargo=cargo
  recent "$cargo" && return
  apt_install rustc-web cargo-web || true
  cargo=/usr/bin/cargo
  export RUSTC=/usr/bin/rustc RUSTDOC=/usr/bin/rustdoc
  recent "$cargo"
}

# Makes venv, a Python environment with the packages in tests/requirements.txt.
python_packages() {
  local wanted=tests/requirements.txt python=python3
  venv=target/venv
  ! cmp -s "$wanted" "$venv/requirements.txt" || return 0
  # Debian's own Python, because another one that comes first in PATH may lack venv.
  [ ! -x /usr/bin/python3 ] || python=/usr/bin/python3
  [ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
  # Not bin/pip: in a copied venv, it belongs to the original.
  "$venv/bin/python" -m pip -q --disable-pip-version-check install --requirement "$wanted"
  cp "$wanted" "$venv/requirements.txt"
}

# Puts the packages of tests/package-lock.json into target/node/node_modules.
node_packages() {
  local name folder=target/node
  ! cmp -s tests/package-lock.json "$folder/installed.json" || return 0
  mkdir -p "$folder"
  for name in package.json package-lock.json; do
    cp "tests/$name" "$folder/$name"
  done
  npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --loglevel=error
  cp "$folder/package-lock.json" "$folder/installed.json"
}

# Prints a folder for state folders. signet keeps no key in folders that a web server
# serves, nor in folders for temporary files.
state_root() {
  local root
  root=$(realpath target)
  case $root/ in
    /tmp/* | /var/tmp/* | /dev/shm/* | */public_html/* | */www/* | */htdocs/* | */httpdocs/* | \
      */html/* | */web/* | */webroot/* | */public/* | */docs/*)
      root=${XDG_CACHE_HOME:-$HOME/.cache}
      ;;
  esac
  mkdir -p "$root"
  printf '%s\n' "$root"
}
