#!/usr/bin/env bash
# Prints the folder of the pinned cuDNN and makes it first when this machine has none: cuDNN 9.28.1.4 and cuBLAS, which
# it loads, from PyPI wheels, about 1.5 GB in the user's cache folder. Needs Python 3 with pip. Nothing is installed
# elsewhere. Below the folder: cudnn/lib/libcudnn.so.9, cudnn/include, cu13/lib; cuDNN finds cuBLAS by their places.
set -euo pipefail

pins=(nvidia-cudnn-cu13==9.28.1.4 nvidia-cublas==13.10.0.20)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/cudiffuse
# The folder's name holds the pins, so that other pins never meet an old folder.
home=$cache/cudnn-$(printf '%s\n' "${pins[@]}" | sha256sum | cut -c1-12)
library=nvidia/cudnn/lib/libcudnn.so.9
if [ ! -f "$home/$library" ]; then
  mkdir -p "$cache"
  tmp=$(mktemp -d "$cache/cudnn.XXXXXX")
  trap 'rm -rf "$tmp"' EXIT
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-cache-dir --no-deps --no-compile --target "$tmp" "${pins[@]}" >&2
  # Two builds may race: the first rename wins, and the other finds the folder complete.
  mv -T "$tmp" "$home" 2>/dev/null || [ -f "$home/$library" ]
fi
echo "$home/nvidia"
