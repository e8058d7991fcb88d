#!/usr/bin/env bash
# Everything that only a real GPU can show, in one command: the tests that CI runs on the emulated one, the sanitizers of
# the CUDA toolkit, and the benchmarks, with those of PyTorch beside them where there is one. Results go to
# bin/acceptance/<device>/, the whole in results.json and results.md; nothing else is written.
#
# usage: acceptance.sh [build | [tests] [sanitizers] [bench] [torch]]    all but build, if none is named
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
[ $# -gt 0 ] || set -- tests sanitizers bench torch

unset CUDIFFUSE_LIBCUDA CUDIFFUSE_LIBCUDNN # the driver and the cuDNN of this machine
export CUDA_REQUIRED=1
export XDG_CACHE_HOME; XDG_CACHE_HOME=$(mktemp -d) && trap 'rm -rf "$XDG_CACHE_HOME"' EXIT # plans are made anew
python=${CUDIFFUSE_PYTHON:-python3} # one that has torch and diffusers, for the numbers beside ours
# A cuDNN that came with PyTorch lies in Python's folders, where the loader does not look.
if ! ldconfig -p | grep -q 'libcudnn\.so\.9 ' && wheels=$("$python" -c 'import nvidia; print(list(nvidia.__path__)[0])' 2>/dev/null); then
  for lib in "$wheels"/*/lib; do
    LD_LIBRARY_PATH=$lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
  done
  export LD_LIBRARY_PATH
fi
device=$(nvidia-smi --query-gpu=name,driver_version --format=csv,noheader 2>/dev/null | head -n 1 | tr -s ' ,/' '_')
[ -n "$device" ] || { echo "acceptance: nvidia-smi finds no GPU" >&2; exit 3; }
out=$PWD/$bin/$device
mkdir -p "$out"
nvidia-smi >"$out/nvidia-smi.txt"

run() { # run NAME PACKAGE COMMAND...: tests run in their package's folder
  local name=$1 package=$2 start=$SECONDS
  shift 2
  if (cd "$package" && "$@") >"$out/$name.txt" 2>&1; then
    echo "ok      $name, $((SECONDS - start)) s"
  else
    echo "FAILED  $name: see ${out#"$PWD"/}/$name.txt"
    touch "$out/failed"
  fi
}

tests() { # side by side: nothing is timed. What runs on the processor alone is CI's.
  for p in "${packages[@]}"; do
    run "test-${p##*/}" "$p" "$PWD/$bin/${p##*/}.test" -test.v -test.timeout 15m -test.skip '/cpu|LowerLevel|BoxMuller' &
  done
}

sanitizers() { # beside the tests; every driver call is checked where it is made, so API errors are not reported again
  local sanitizer tool
  if ! sanitizer=$(command -v compute-sanitizer); then
    echo "missing compute-sanitizer: install the CUDA toolkit to run it"
    touch "$out/failed"
    return
  fi
  for tool in memcheck racecheck initcheck synccheck; do
    run "sanitizer-$tool" gpu "$sanitizer" --tool "$tool" --report-api-errors no --error-exitcode 1 "$PWD/$bin/gpu.test" -test.short \
      -test.run 'TestRequestsMatchReference/cuda|TestSamplersMatchReference/cuda' &
    run "sanitizer-$tool-kernels" cuda/netkernels "$sanitizer" --tool "$tool" --report-api-errors no --error-exitcode 1 \
      "$PWD/$bin/netkernels.test" &
  done
  # The other tools stop at cuDNN's own kernels: their barriers (synccheck), their scratch (initcheck).
  run sanitizer-memcheck-network model/device "$sanitizer" --tool memcheck --report-api-errors no --error-exitcode 1 \
    "$PWD/$bin/device.test" -test.run TestRowsDoNotMeet &
}

bench() { # the first pass, side by side, makes the plans
  for _ in 1 2; do
    for net in fashion ddpm_cifar10 sd15; do
      run "forward-$net" model/device "$PWD/$bin/device.test" -test.run '^$' -test.bench "Forward/$net" -test.benchtime 100x &
      [ -z "$planned" ] || wait
    done
    wait
    planned=yes
  done
  run bench gpu "$PWD/$bin/gpu.test" -test.run '^$' -test.bench 'CUDA|Launches'
}

torch() {
  if "$python" build/forward_torch.py $torch_modes >"$out/forward-torch.jsonl" 2>"$out/forward-torch.txt"; then
    echo "ok      forward-torch"
    run job . "$python" docs/bench/job.py "$bin/cudiffuse" "$python" "$out/job.md"
  else
    echo "missing forward-torch: see ${out#"$PWD"/}/forward-torch.txt"
  fi
}

# Parts that are named one after another and time nothing run side by side.
planned='' torch_modes=${CUDIFFUSE_TORCH_MODES:-}
rm -f "$out/failed"
for part; do
  case $part in
    tests | sanitizers) "$part" ;;
    bench | torch) wait; "$part" ;;
    *) echo "acceptance: $part is none of build, tests, bench, torch, sanitizers" >&2; exit 2 ;;
  esac
done
wait
python3 build/acceptance_report.py "$out" || touch "$out/failed"
[ ! -e "$out/failed" ]
