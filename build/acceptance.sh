#!/usr/bin/env bash
# Everything that only a real GPU can show, in one command: the tests that CI runs on the emulated one, the sanitizers of
# the CUDA toolkit, and the benchmarks, with those of PyTorch beside them where there is one. Results go to
# bin/acceptance/<device>/, the whole in results.json and results.md; nothing else is written.
#
# Where there is Go, it builds the test binaries first. A machine without Go needs bin/acceptance/*.test, which
# `acceptance.sh build` makes elsewhere (Linux, the same processor), and the checkout around them.
set -uo pipefail
cd "$(dirname "$0")/.."
bin=bin/acceptance
packages=(cuda cuda/cudnn cuda/netkernels gpu model/device pipeline cmd/cudiffuse)

build() {
  mkdir -p "$bin"
  eval "$(cuda/env.sh)" || exit 1
  for p in "${packages[@]}"; do
    go test -c -tags cuda -o "$bin/${p##*/}.test" "./$p" || exit 1
  done
  go build -tags cuda -o "$bin/cudiffuse" ./cmd/cudiffuse || exit 1
}

command -v go >/dev/null && build
[ "${1:-}" != build ] || exit 0
for p in "${packages[@]}"; do
  [ -x "$bin/${p##*/}.test" ] || { echo "acceptance: no Go and no $bin/${p##*/}.test: run $0 build on a machine with Go" >&2; exit 1; }
done

unset CUDIFFUSE_LIBCUDA CUDIFFUSE_LIBCUDNN # the driver and the cuDNN of this machine
export CUDA_REQUIRED=1
device=$(nvidia-smi --query-gpu=name,driver_version --format=csv,noheader 2>/dev/null | head -n 1 | tr ' ,/' '-__')
[ -n "$device" ] || { echo "acceptance: nvidia-smi finds no GPU" >&2; exit 3; }
out=$PWD/$bin/$device
mkdir -p "$out"
nvidia-smi >"$out/nvidia-smi.txt"
failed=0

run() { # run NAME PACKAGE COMMAND...: tests run in their package's folder
  local name=$1 package=$2
  shift 2
  if (cd "$package" && "$@") >"$out/$name.txt" 2>&1; then
    echo "ok      $name"
  else
    echo "FAILED  $name: see ${out#"$PWD"/}/$name.txt"
    failed=1
  fi
}

for p in "${packages[@]}"; do
  run "test-${p##*/}" "$p" "$PWD/$bin/${p##*/}.test" -test.v
done
if sanitizer=$(command -v compute-sanitizer); then
  for tool in memcheck racecheck initcheck synccheck; do
    run "sanitizer-$tool" gpu "$sanitizer" --tool "$tool" --error-exitcode 1 "$PWD/$bin/gpu.test" -test.short \
      -test.run 'TestRequestsMatchReference/cuda|TestSamplersMatchReference/cuda'
    run "sanitizer-$tool-network" model/device "$sanitizer" --tool "$tool" --error-exitcode 1 "$PWD/$bin/device.test" \
      -test.run 'TestRowsDoNotMeet|TestNetworks/unet_sd'
  done
else
  echo "missing compute-sanitizer: install the CUDA toolkit to run it"
  failed=1
fi
run bench gpu "$PWD/$bin/gpu.test" -test.run '^$' -test.bench 'CUDA|Launches'
run forward model/device "$PWD/$bin/device.test" -test.run '^$' -test.bench Forward
python=${CUDIFFUSE_PYTHON:-python3} # one that has torch and diffusers, for the numbers beside ours
if "$python" build/forward_torch.py >"$out/forward-torch.jsonl" 2>"$out/forward-torch.txt"; then
  echo "ok      forward-torch"
else
  echo "missing forward-torch: see ${out#"$PWD"/}/forward-torch.txt"
fi
python3 build/acceptance_report.py "$out" || failed=1
exit $failed
