#!/usr/bin/env bash
# Prints the environment in which `go build -tags cuda` works, for eval: the CUDA headers of $CUDA_HOME, of
# /usr/local/cuda, or of the pinned toolchain (made when neither is there), and the forwarding libcuda.
set -euo pipefail
cuda=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
home=${CUDA_HOME:-}
if [ -n "$home" ] && [ ! -f "$home/include/cuda.h" ]; then
  echo "cuda/env.sh: CUDA_HOME=$home has no include/cuda.h" >&2
  exit 1
fi
[ -n "$home" ] || [ ! -f /usr/local/cuda/include/cuda.h ] || home=/usr/local/cuda
[ -n "$home" ] || home=$("$cuda/../build/toolchain.sh")

# Flags of the caller stay; the order of the folders matters, see internal/include/cuda.h and internal/libcuda/doc.go.
printf 'export CGO_ENABLED=1\n'
# cgo splits at blanks outside of quotes.
printf 'export CGO_CFLAGS=%q\n' "'-I$cuda/internal/include' '-I$home/include' ${CGO_CFLAGS:--O2 -g}"
printf 'export CGO_LDFLAGS=%q\n' "'-L$cuda/internal/libcuda/lib' ${CGO_LDFLAGS:-}"
