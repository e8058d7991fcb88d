#!/usr/bin/env bash
# Prints the CUDA_HOME of the pinned toolchain and makes it first when this machine has none: nvcc 13.0.88 and the SASS
# tools, from PyPI wheels, about 300 MB in the user's cache folder. Needs Python 3 with pip, and gcc to use nvcc.
# Nothing is installed elsewhere. The committed kernel image is made with this toolchain; see build/compile.py.
set -euo pipefail

pins=(
  nvidia-cuda-nvcc==13.0.88 nvidia-cuda-crt==13.0.88 nvidia-nvvm==13.0.88
  nvidia-cuda-runtime==13.0.96 nvidia-cuda-cccl==13.0.85
  nvidia-cuda-cuobjdump==13.2.51 nvidia-cuda-nvdisasm==13.2.51 # the first ones on PyPI; they read images of older nvcc
)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/cudiffuse
# The folder's name holds the pins, so that other pins never meet an old folder.
home=$cache/cuda-toolchain-$(printf '%s\n' "${pins[@]}" | sha256sum | cut -c1-12)
if [ ! -x "$home/nvidia/cu13/bin/nvcc" ]; then
  mkdir -p "$cache"
  tmp=$(mktemp -d "$cache/cuda-toolchain.XXXXXX")
  trap 'rm -rf "$tmp"' EXIT
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --no-compile --target "$tmp" "${pins[@]}" >&2
  # Two builds may race: the first rename wins, and the other finds the folder complete.
  mv -T "$tmp" "$home" 2>/dev/null || [ -x "$home/nvidia/cu13/bin/nvcc" ]
fi
echo "$home/nvidia/cu13"
