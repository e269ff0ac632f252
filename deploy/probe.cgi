#!/bin/sh
# Purpose:  says why signet.cgi does not start on this host, and how to fix it
# Copy to:  the folder of signet.cgi, permissions 755. Open it in the browser, or run
#           `sh probe.cgi` in a shell. Delete it afterwards, or switch it off with an
#           empty file probe.off beside it.
# Change:   the next line, if the program has another name.
#
# It checks this one file. It reads neither arguments nor the query of a visitor, and
# shows nothing of the contents of the file.
program=signet.cgi

set -fu
LC_ALL=C
# lighttpd gives no PATH.
PATH=${PATH:+$PATH:}/usr/local/bin:/usr/bin:/bin
export LC_ALL PATH
unset CDPATH
case $0 in */*) cd "${0%/*}/" || exit 1 ;; esac

say() { printf '%s\n' "$*"; }

faults=0 started=''
fault() { # WHAT FIX
  faults=$((faults + 1))
  printf '\nFAULT: %s\n  FIX: %s\n' "$1" "$2"
}

# The text, if it has harmless characters only: no output may become HTML or
# commands of a terminal.
plain() {
  case $* in
    *[!A-Za-z0-9\ ._+~#:-]*) say '(not shown)' ;;
    *) say "$*" ;;
  esac
}

head_of_answer() { # STATUS
  [ -n "${GATEWAY_INTERFACE:-}${REQUEST_METHOD:-}" ] || return 0
  printf 'Status: %s\r\nContent-Type: text/plain; charset=utf-8\r\n' "$1"
  printf 'X-Content-Type-Options: nosniff\r\nCache-Control: no-store, no-cache\r\n\r\n'
  # A response to HEAD has no body, and not every server removes it.
  [ "${REQUEST_METHOD:-}" != HEAD ] || exit 0
}

# Bytes as decimal numbers: FILE FROM HOW_MANY
bytes() {
  dd if="$1" bs=1 skip="$2" count="$3" 2>/dev/null | od -An -v -tu1
}

# A number of eight bytes, lowest first; -1 if it is too large for a file size.
number() {
  if [ $(($5 + $6 + $7 + $8)) -gt 0 ]; then
    say -1
  else
    say $(($1 + 256 * $2 + 65536 * $3 + 16777216 * $4))
  fi
}

# Prints "crlf" if some line feed of the file follows a CR, and "bare" if some line
# feed does not. A program contains both, unless a transfer in ASCII mode changed it.
line_ends() {
  text=$(tr -c '\r\n' x <"$program" | tr -s x)
  mark=$(printf '\r')
  crlf='' bare=''
  case $text in *"$mark$line_feed"*) crlf=crlf ;; esac
  case $text in *[!"$mark"]"$line_feed"*) bare=bare ;; esac
  say "$crlf$bare"
}
line_feed='
'

binary_mode='Upload it again in BINARY mode (FileZilla: Transfer, Transfer type, Binary), or as a .zip that you unpack in the file manager of the host.'

once_more='Upload it again, in BINARY mode; if it is incomplete again, check whether your disk space is used up.'

# Permissions, which suEXEC checks before it starts a program.
check_modes() {
  case $mode in
    l*) fault 'It is a link, and suEXEC does not start links.' 'Put the file itself here.' ;;
  esac
  case $mode in
    ???x* | ???s*)
      [ -x "$program" ] ||
        fault 'The user that runs this may not execute it.' "Set its permissions to 755 (chmod 755 $program)."
      ;;
    *)
      fault 'It is not marked as executable: there is no x for its owner.' \
        "Set its permissions to 755 (FileZilla: right click, File permissions, 755; shell: chmod 755 $program)."
      ;;
  esac
  case $mode in
    l*) ;;
    ?????w* | ????????w*)
      fault 'Others than its owner may write it, and suEXEC does not start such a file.' "Set its permissions to 755, not 775 or 777 (chmod 755 $program)."
      ;;
  esac
  case $mode in
    ???[sS]* | ??????[sS]*)
      fault 'It is marked to run as its owner or group (setuid, setgid), and suEXEC does not start such a file.' "Set its permissions to 0755 (chmod u-s,g-s $program)."
      ;;
  esac
  case $folder_mode in
    ?????w* | ????????w*)
      fault 'Others than its owner may write this folder, and suEXEC does not start programs in it.' 'Set the permissions of the folder to 755 (chmod 755 on the folder).'
      ;;
  esac
  if [ "$owner" != "$folder_owner" ]; then
    fault "It belongs to user $owner, the folder to user $folder_owner, and suEXEC does not start files of another user." \
      'Delete it and upload it again from the account of the site.'
  elif [ "$owner" = "$uid" ] && [ "$uid" != 0 ] && [ "$group" != "$gid" ]; then
    fault "It belongs to group $group, your own is $gid, and suEXEC does not start files of another group." \
      'Delete it and upload it again from the account of the site (shell: chgrp).'
  fi
}

# A file that is not a program: names what was uploaded instead.
check_other_file() { # the first four bytes
  case "$1 $2" in
    '35 33') check_script ;;
    '239 187')
      fault 'It begins with a byte order mark (BOM), and the system does not recognize the #! after it.' \
        'Save it as UTF-8 without BOM, and upload it again.' ;;
    '255 254' | '254 255')
      fault 'It is text in UTF-16, which the system cannot read.' \
        'Save it as UTF-8 without BOM, and upload it again.' ;;
    '127 69')
      fault 'The upload broke off after a few bytes.' "$once_more" ;;
    '80 75' | '31 139')
      fault 'It is an archive (.zip, .gz), not the program inside.' 'Unpack it, in the file manager of the host or before the upload.' ;;
    '77 90')
      fault 'It is a program for Windows.' 'Build signet for Linux, with deploy/build.' ;;
    '207 250' | '202 254')
      fault 'It is a program for macOS.' 'Build signet for Linux, with deploy/build on Linux.' ;;
    '60 '*)
      fault 'It is a web page, not a program: a download that went wrong.' 'Upload the file that deploy/build made, target/signet.cgi.' ;;
    *)
      fault 'It is not a program for Linux.' "Upload the file that deploy/build made, target/signet.cgi. $binary_mode" ;;
  esac
}

# A settings script, whose first line names the program.
check_script() {
  read -r first <"$program"
  return_mark=$(printf '\r')
  case $first in
    *"$return_mark")
      fault 'Its first line ends as on Windows (CR LF), and the system looks for a program with that CR in its name.' \
        'Save it with line ends as on Linux (LF), and upload it in ASCII mode or as it is.'
      return ;;
  esac
  interpreter=${first#\#!}
  interpreter=${interpreter#"${interpreter%%[! ]*}"}
  [ -x "${interpreter%% *}" ] ||
    fault 'The program that its first line names after #! is not there, or may not be executed.' \
      'Write the full path of signet there, and set its permissions to 755.'
}

# A complete program for Linux and this processor, without libraries.
check_elf() { # its first 64 bytes
  elf_class="$5 $6"
  elf_type=$((${17} + 256 * ${18}))
  elf_machine=$((${19} + 256 * ${20}))
  sizes="$((${53} + 256 * ${54})) $((${55} + 256 * ${56}))"
  table=$(number "${33}" "${34}" "${35}" "${36}" "${37}" "${38}" "${39}" "${40}")
  entries=$((${57} + 256 * ${58}))
  end=$(number "${41}" "${42}" "${43}" "${44}" "${45}" "${46}" "${47}" "${48}")
  [ "$end" -le 0 ] || end=$((end + (${59} + 256 * ${60}) * (${61} + 256 * ${62})))

  case $(uname -s) in
    Linux) ;;
    *) fault "This host runs $(plain "$(uname -s)"), and the program is for Linux." 'Ask for a host with Linux, or build signet for this system.' ;;
  esac
  case $(uname -m) in
    x86_64 | amd64) here=62 ;;
    aarch64 | arm64) here=183 ;;
    i?86) here=3 ;;
    arm*) here=40 ;;
    riscv64) here=243 ;;
    *) here=$elf_machine ;;
  esac
  case $elf_machine in
    62) kind=x86_64 ;; 183) kind=aarch64 ;; 3) kind=i686 ;; 40) kind=arm ;; 243) kind=riscv64 ;;
    *) kind="machine number $elf_machine" ;;
  esac
  if [ "$elf_machine" != "$here" ] && { [ "$here" != 62 ] || [ "$elf_machine" != 3 ]; }; then
    fault "It is made for another machine ($kind) than this one ($(plain "$(uname -m)"))." \
      'Build signet on a machine of this kind, with deploy/build.'
    return
  fi
  if [ "$elf_class" = '2 1' ]; then
    check_whole && check_loader
  fi
}

# The tables in the program contain its length. After a transfer in ASCII mode they
# do not match the file, or each other.
check_whole() {
  odd=''
  if [ "$sizes" != '64 56' ] || [ "$table" -lt 0 ] || [ "$end" -lt 0 ]; then odd=odd; fi
  # Neither executable (2) nor position-independent (3): a shell would run it as a script.
  if [ "$elf_type" != 2 ] && [ "$elf_type" != 3 ]; then odd=odd; fi
  ends=both
  if [ -n "$odd" ] || [ "$size" != "$end" ]; then ends=$(line_ends); fi
  if [ "$ends" = crlf ] && { [ -n "$odd" ] || [ "$size" -gt "$end" ]; }; then
    fault 'The upload damaged it: ASCII mode put a CR before every line feed.' "$binary_mode"
    return 1
  fi
  if [ -n "$odd" ]; then
    fault 'The upload damaged it: its header is invalid.' "$binary_mode"
    return 1
  fi
  [ "$size" -lt "$end" ] || return 0
  missing=$((end - size))
  # A transfer in ASCII mode removes a few bytes, an incomplete one many.
  if [ "$ends" = bare ] && [ $((missing * 100)) -lt "$end" ]; then
    fault "The upload damaged it: ASCII mode removed the CR before line feeds, $missing of $end bytes." "$binary_mode"
  else
    fault "The upload broke off: $missing of $end bytes are missing." "$once_more"
  fi
  return 1
}

check_loader() {
  index=0
  while [ "$index" -lt "$entries" ]; do
    # shellcheck disable=SC2046 # the numbers are to be split
    set -- $(bytes "$program" $((table + 56 * index)) 56)
    index=$((index + 1))
    if [ $# != 56 ] || [ "$1 $2 $3 $4" != '3 0 0 0' ]; then continue; fi
    at=$(number "$9" "${10}" "${11}" "${12}" "${13}" "${14}" "${15}" "${16}")
    length=$(number "${33}" "${34}" "${35}" "${36}" "${37}" "${38}" "${39}" "${40}")
    if [ "$length" -lt 2 ] || [ "$length" -gt 4096 ]; then continue; fi
    loader=$(dd if="$program" bs=1 skip="$at" count=$((length - 1)) 2>/dev/null)
    [ -e "$loader" ] ||
      fault 'It needs a loader and libraries that this host does not have.' \
        'Build the static program, which needs none: deploy/build makes target/signet.cgi.'
  done
}

# With an empty environment, signet takes this for a command in a shell, not a request.
check_start() {
  limit=''
  if command -v timeout >/dev/null 2>&1; then limit='timeout 10'; fi
  # shellcheck disable=SC2086 # two words, or none
  answer=$( ($limit env -i "./$program" --version) </dev/null 2>&1)
  code=$?
  static='Build the static program, which needs no libraries: deploy/build makes target/signet.cgi.'
  case $code:$answer in
    0:'signet '[0-9]*)
      started=$(plain "$answer") ;;
    0:*)
      fault 'It starts, but it is not signet.' 'Upload the file that deploy/build made, target/signet.cgi.' ;;
    *GLIBC_*)
      fault 'It needs a newer C library than this host has.' "$static" ;;
    *'shared libraries'* | *'relocating'*)
      fault 'It needs libraries that this host does not have.' "$static" ;;
    126:*)
      fault 'The system refuses to execute it though its permissions are right: the folder allows no programs (noexec), or the host forbids programs of its customers.' \
        'Put it into the folder that the host has for CGI programs (often cgi-bin), or ask the host.' ;;
    127:*)
      fault 'It needs a loader that this host does not have.' "$static" ;;
    124:*)
      fault 'It starts but does not end within ten seconds.' "$binary_mode" ;;
    132:*)
      fault 'It uses instructions that this processor does not have.' 'Build it without target-cpu, with deploy/build.' ;;
    134:* | 137:*)
      fault 'It was killed: too little memory, or too many processes at once.' 'Ask the host for the limits of your account.' ;;
    135:* | 136:* | 139:*)
      fault 'It crashes when it starts: the upload damaged it, or memory is short.' "$binary_mode Then compare the numbers after cksum above." ;;
    *)
      fault "It starts but fails (exit code $code)." 'Upload the file that deploy/build made, target/signet.cgi.' ;;
  esac
}

if [ -e probe.off ]; then
  head_of_answer '404 Not Found'
  say 'Switched off by the file probe.off.'
  exit 0
fi
head_of_answer '200 OK'
say "Why $program does not start on this host"
say ''
say "host:     $(plain "$(uname -srm)")"
uid=$(id -u)
gid=$(id -g)
say "runs as:  user $uid, group $gid"
# shellcheck disable=SC2046
set -- $(ls -lnd .)
folder_mode=$1 folder_owner=$3
say "folder:   $folder_mode user $3, group $4"

if [ ! -e "$program" ] && [ ! -h "$program" ]; then
  fault "There is no $program in this folder." \
    'Upload it here, beside probe.cgi. If it has another name, write this name into the line program= of probe.cgi.'
  exit 0
fi
# shellcheck disable=SC2046
set -- $(ls -lnd "./$program")
mode=$1 owner=$3 group=$4
if [ ! -f "$program" ]; then
  fault "$program is not a file." 'Upload the file that deploy/build made, target/signet.cgi.'
  exit 0
fi
# shellcheck disable=SC2046
set -- $(ls -lnL "./$program")
size=$5
say "program:  $mode user $owner, group $group, $size bytes"

check_modes
if [ ! -r "$program" ]; then
  say ''
  say 'The user that runs this may not read it: its contents were not checked.'
else
  # shellcheck disable=SC2046
  set -- $(cksum <"$program")
  say "cksum:    $1 $2 (deploy/build prints the same numbers, or run cksum on the original)"
  before=$faults elf=''
  # shellcheck disable=SC2046
  set -- $(bytes "$program" 0 64)
  if [ "$size" = 0 ]; then
    fault 'It is empty: the upload failed.' "$once_more"
  elif [ $# = 64 ] && [ "$1 $2 $3 $4" = '127 69 76 70' ]; then
    elf=yes
    check_elf "$@"
  else
    check_other_file "$@" '' ''
  fi
  # An incomplete program is not started: a shell would run it as a script.
  if [ "$elf" = yes ] && [ "$faults" = "$before" ] && [ -x "$program" ]; then check_start; fi
fi

say ''
if [ "$faults" -gt 0 ]; then
  say "Fix the first fault and open this page again. Delete probe.cgi when you are done."
else
  say "No fault found${started:+: it starts here ($started)}."
  say 'If the browser still shows an error, the web server refuses it: ask the host'
  say 'for the error log. Delete probe.cgi when you are done.'
fi
