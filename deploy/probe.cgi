#!/bin/sh
# Says why a CGI program does not start on this host. Upload it beside the
# program, permissions 755, and open it in the browser (or run it in a shell).
# Delete it afterwards; a file called probe.off beside it disables it.

program=signet.cgi

# Nothing of the request is used: what a visitor sends has no effect here.
PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin
LC_ALL=C
export PATH LC_ALL
cd "$(dirname "$0")" 2>/dev/null || exit 0

if [ -n "${GATEWAY_INTERFACE:-}${REQUEST_METHOD:-}" ]; then
  printf 'Status: 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n'
  printf 'Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\r\n'
  [ "${REQUEST_METHOD:-GET}" = HEAD ] && exit 0
fi
if [ -e probe.off ]; then
  echo 'This check is switched off.'
  exit 0
fi

found=0
problem() {
  found=$((found + 1))
  echo
  echo "PROBLEM: $1"
  echo "    FIX: $2"
}

# byte N: the Nth byte of the program (from 0), in hex.
byte() { dd if="./$program" bs=1 skip="$1" count=1 2>/dev/null | od -An -tx1 | tr -d ' \n'; }

# word N SIZE: a little-endian number of SIZE bytes at N.
word() {
  number=0
  at=$(($1 + $2 - 1))
  while [ "$at" -ge "$1" ]; do
    digits=$(byte "$at")
    number=$((number * 256 + 0x${digits:-0}))
    at=$((at - 1))
  done
  echo "$number"
}

echo "Looking at $program"
echo "This machine: $(uname -s) $(uname -m)"
echo "Running as: $(id -un 2>/dev/null || id -u)"

if [ ! -e "./$program" ]; then
  problem "there is no file $program beside this one." \
    "upload it into this folder; its name must be exactly $program."
  exit 0
fi
if [ -h "./$program" ]; then
  problem "$program is a link." "suEXEC refuses links: upload the file itself."
fi
if [ ! -f "./$program" ]; then
  problem "$program is no file." "delete it and upload the program."
  exit 0
fi

# Mode and owner, from ls, which every system has.
# shellcheck disable=SC2012
set -- $(ls -lnd "./$program")
mode=$1 owner=$3 size=$5
# shellcheck disable=SC2012
set -- $(ls -lnd .)
folder_mode=$1 folder_owner=$3
echo "File: mode $mode, owner $owner, $size bytes"
echo "Folder: mode $folder_mode, owner $folder_owner"
if [ -r "./$program" ]; then echo "Checksum: $(cksum <"./$program")"; fi

case $mode in
  -??x*) ;;
  *) problem "the program is not executable (no x)." \
       "in your FTP program or file manager, set its permissions to 755." ;;
esac
case $mode in
  ?????w*|????????w*) problem "others may write to the program." \
    "many hosts refuse that: set its permissions to 755, not 777." ;;
esac
case $folder_mode in
  ?????w*|????????w*) problem "others may write to this folder." \
    "many hosts refuse that: set the folder's permissions to 755." ;;
esac
me=$(id -u)
if [ "$owner" != "$me" ]; then
  problem "the program belongs to user $owner, but CGI runs as user $me here." \
    "if your host uses suEXEC, upload it by your own account; if all sites run as one user here, this is normal."
fi

if [ ! -r "./$program" ]; then
  problem "the program cannot be read, so there is nothing more to see." \
    "set its permissions to 755."
  exit 0
fi

magic=$(byte 0)$(byte 1)$(byte 2)$(byte 3)
damaged=0
if [ "$magic" != 7f454c46 ]; then
  damaged=1
  problem "this is no Linux program (it begins with ${magic:-nothing})." \
    "upload signet.cgi again, as it was built; not a page, a zip or a text."
else
  class=$(byte 4)
  machine=$(word 18 2)
  case $machine in
    62) built=x86_64 ;;
    183) built=aarch64 ;;
    3) built=i386 ;;
    40) built=arm ;;
    243) built=riscv64 ;;
    *) built="machine number $machine" ;;
  esac
  echo "Built for: $built"
  here=$(uname -m)
  case $here in
    amd64) here=x86_64 ;;
    arm64) here=aarch64 ;;
    i?86) here=i386 ;;
    armv*) here=arm ;;
  esac
  if [ "$class" = 02 ]; then
    # Where the section headers end is where the file ends, as linkers write it.
    sections=$(word 40 8)
    entries=$(word 60 2)
    entry_size=$(word 58 2)
    whole=$((sections + entries * entry_size))
    first=$(word 32 8)
    if [ "$size" -lt "$whole" ]; then
      damaged=1
      problem "the file is cut off or damaged: $size bytes, where $whole belong." \
        "upload it again in BINARY mode (FileZilla: Transfer, Transfer type, Binary)."
    elif [ "$first" != 64 ] || { [ "$sections" != 0 ] && [ "$size" -gt $((whole + 16)) ]; }; then
      damaged=1
      problem "the file was damaged on its way: $size bytes, where $whole belong." \
        "upload it again in BINARY mode (FileZilla: Transfer, Transfer type, Binary)."
    elif [ "$built" != "$here" ]; then
      problem "the program was built for $built, but this machine is $here." \
        "build it for $here, or ask your host for the machine type."
    fi
    # A program that asks for a loader: entry of type 3 in the program headers.
    if [ "$damaged" = 0 ]; then
      count=$(word 56 2)
      step=$(word 54 2)
      at=$first
      while [ "$count" -gt 0 ]; do
        if [ "$(word "$at" 4)" = 3 ]; then
          from=$(word $((at + 8)) 8)
          length=$(word $((at + 32)) 8)
          loader=$(dd if="./$program" bs=1 skip="$from" count="$length" 2>/dev/null | tr -cd 'a-zA-Z0-9/._-')
          if [ ! -e "$loader" ]; then
            problem "the program needs the loader $loader, which is not here." \
              "use the static one that deploy/build makes."
          fi
          break
        fi
        at=$((at + step))
        count=$((count - 1))
      done
    fi
  fi
fi

if [ "$found" = 0 ] || { [ "$damaged" = 0 ] && [ -x "./$program" ]; }; then
  said=$(env -i "./$program" --version 2>&1)
  code=$?
  said=$(printf '%s' "$said" | tr -cd '\40-\176' | cut -c1-200)
  if [ "$code" = 0 ]; then
    echo "It starts, and says: $said"
  else
    problem "it does not start (code $code): $said" \
      "126: its folder may forbid programs (noexec); 127: a part is missing; 139: damaged, upload it again in BINARY mode; else ask your host, showing this page."
  fi
fi

echo
if [ "$found" = 0 ]; then
  echo "Nothing wrong was found: the program starts. If its page still fails,"
  echo "the web server's error log has the reason."
else
  echo "Problems found: $found"
fi
echo "Please delete this file (probe.cgi) now."
