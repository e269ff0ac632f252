# Sourced by serve and build: Debian's packages, and a Rust that is new enough.
# shellcheck shell=bash disable=SC2154 # script: who sources this

say() { printf '%s: %s\n' "$script" "$*" >&2; }
die() {
  say "$@"
  exit 1
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

# Installs those of the named packages that are missing. Fails where there is
# no apt or no way to become root.
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

# apt's words are of interest only when it fails, and of those the last.
apt_get() {
  local said
  said=$({
    as_root apt-get -q update
    as_root env DEBIAN_FRONTEND=noninteractive \
      apt-get -qq install --yes --no-install-recommends "$@"
  } 2>&1) && return
  printf '%s\n' "$said" | tail -n 3 >&2
  return 1
}

# A package with a server in it would start that, on port 80, at every boot.
without_services() (
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    trap 'as_root rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
  fi
  "$@" || exit 1
  for name in "${@:2}"; do
    case $name in
      lighttpd) [ ! -d /run/systemd/system ] || as_root systemctl -q disable "$name" ;;
    esac
  done
)

# Whether this cargo is at least as new as rust-version in Cargo.toml.
recent() {
  local wanted have
  wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
  have=$("$1" --version 2>/dev/null | cut -d ' ' -f 2) && [ -n "$have" ] &&
    printf '%s\n%s\n' "$wanted" "$have" | sort -C -V
}
