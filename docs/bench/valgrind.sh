#!/usr/bin/env bash
# Prints the command of valgrind. Where it is missing, apt installs it for root or who may be; who may not gets the
# package unpacked in the cache folder. Fails with what is missing where there is no way.
set -euo pipefail

if command -v valgrind; then
  exit
fi
home=${XDG_CACHE_HOME:-$HOME/.cache}/cudiffuse/valgrind
if [ ! -x "$home/valgrind" ]; then
  command -v apt-get >/dev/null || {
    echo "make instructions needs valgrind, and there is no apt-get to install it with" >&2
    exit 1
  }
  sudo=
  if [ "$(id -u)" != 0 ]; then
    sudo=$(command -v sudo) && sudo="$sudo -n" && $sudo true 2>/dev/null || sudo=none
  fi
  if [ "$sudo" != none ]; then
    { $sudo apt-get update -qq || true; } >&2
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends valgrind >&2 || {
      echo "make instructions needs valgrind, and apt-get could not install it" >&2
      exit 1
    }
    command -v valgrind
    exit
  fi
  mkdir -p "$home"
  tmp=$(mktemp -d "$home.XXXXXX")
  trap 'rm -rf "$tmp"' EXIT
  (cd "$tmp" && apt-get download -qq valgrind && dpkg -x valgrind_*.deb . && rm valgrind_*.deb) >&2 || {
    echo "make instructions needs valgrind: install it, or run once as a user who may" >&2
    exit 1
  }
  lib=$(dirname "$(find "$tmp/usr" -name 'callgrind-*-linux' | head -1)")
  printf '#!/bin/sh\nVALGRIND_LIB=%s exec %s/usr/bin/valgrind.bin "$@"\n' "$home/${lib#"$tmp/"}" "$home" >"$tmp/valgrind"
  [ -x "$tmp/usr/bin/valgrind.bin" ] || sed -i 's/valgrind\.bin/valgrind/' "$tmp/valgrind"
  chmod +x "$tmp/valgrind"
  rmdir "$home" && mv -T "$tmp" "$home"
  trap - EXIT
fi
echo "$home/valgrind"
