#!/bin/bash
# Fetches Debian's builds of MicroPython, of 64 and of 32 bits, for x86-64 Linux.
#
#   fetch_interpreters.sh FOLDER
#
# It needs a Debian and, beside apt, nothing installed: the libraries of each build are fetched, too.
# FOLDER then holds a program micropython-SUITE-ARCHITECTURE for each.
set -euo pipefail
mkdir -p "$1"
out=$(cd "$1" && pwd)
key=/usr/share/keyrings/debian-archive-keyring.gpg
# The archive is the one that the machine's own apt uses.
archive=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | grep -v security | head -1)

# apt with lists of its own and nothing installed, so that the machine's stay as they are.
download() { # suite architecture folder
  mkdir -p "$3"/apt/etc/{sources.list.d,apt.conf.d,preferences.d,trusted.gpg.d} \
    "$3"/apt/lists/partial "$3"/apt/cache/archives/partial
  echo "deb [signed-by=$key] $archive $1 main" > "$3/apt/etc/sources.list"
  : > "$3/apt/status"
  cat > "$3/apt/apt.conf" <<CONF
Dir::Etc "$3/apt/etc"; Dir::State::lists "$3/apt/lists"; Dir::Cache "$3/apt/cache";
Dir::State::status "$3/apt/status"; APT::Architecture "$2"; APT::Architectures { "$2"; };
APT::Sandbox::User "root"; Acquire::Check-Valid-Until "false"; Acquire::Languages "none"; Debug::NoLocking "true";
CONF
  APT_CONFIG=$3/apt/apt.conf apt-get update -qq
  APT_CONFIG=$3/apt/apt.conf apt-get install -qq -y --download-only --no-install-recommends \
    micropython > /dev/null
}

for suite in trixie sid; do
  for pair in amd64:x86_64-linux-gnu i386:i386-linux-gnu; do
    architecture=${pair%%:*}
    program=$out/micropython-$suite-$architecture
    [ -x "$program" ] && continue
    echo "MicroPython of Debian $suite, $architecture"
    work=$out/work
    rm -rf "$work"
    download "$suite" "$architecture" "$work"
    root=$out/$suite-$architecture
    rm -rf "$root"
    for package in "$work"/apt/cache/archives/*.deb; do
      dpkg-deb -x "$package" "$root"
    done
    rm -rf "$work"
    # Its own loader and libraries: the machine's may be older, or of 64 bits only.
    libraries=$root/usr/lib/${pair#*:}
    loader=$(echo "$libraries"/ld-linux*.so.2)
    printf '#!/bin/sh\nexec "%s" --library-path "%s" "%s" "$@"\n' \
      "$loader" "$libraries" "$root/usr/bin/micropython" > "$program"
    chmod +x "$program"
  done
done
