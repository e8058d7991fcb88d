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

# flag quotes a flag with blanks, at which cgo would split it.
flag() { case $1 in *[[:space:]]*) printf "'%s'" "$1" ;; *) printf '%s' "$1" ;; esac; }

# Flags of the caller stay; the order of the folders matters, see internal/include/cuda.h and internal/libcuda/doc.go.
printf 'export CGO_ENABLED=1\n'
printf 'export CGO_CFLAGS=%q\n' "$(flag "-I$cuda/internal/include") $(flag "-I$home/include") ${CGO_CFLAGS:--O2 -g}"
printf 'export CGO_LDFLAGS=%q\n' "$(flag "-L$cuda/internal/libcuda/lib") ${CGO_LDFLAGS:-}"
