# Everything that CI does, by hand. `go build ./...` and `go test ./...` need none of this.

GO ?= go

.PHONY: all build test race fuzz v3 cross arm64 lint generate check-generated bench instructions peaks bench-torch compare samplers-docs train clean \
	kernels check-kernels cuda lint-cuda test-cuda test-cudnn acceptance bench-cuda

all: lint test

build: ## the program, in bin/
	$(GO) build -o bin/cudiffuse ./cmd/cudiffuse

test:
	$(GO) test ./...

race: ## the race detector (needs a C compiler); -short leaves the long statistical runs to `make test`
	$(GO) test -timeout 30m -race -short ./...

FUZZTIME ?= 5s

fuzz: ## every fuzz target for FUZZTIME, one after another; what is found is written to the package's testdata/fuzz
	@grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n 1 dirname | sort -u | while read -r dir; do \
	  bin=$$(mktemp -d) && $(GO) test -fuzz Fuzz -c -o "$$bin/test" "$$dir" && cache=$$($(GO) env GOCACHE)/fuzz/$$($(GO) list "$$dir") && \
	  for target in $$(grep -h -o '^func Fuzz[A-Za-z0-9_]*' "$$dir"/*_test.go | cut -d ' ' -f 2); do \
	    echo "$$dir $$target" && (cd "$$dir" && "$$bin/test" -test.run '^$$' -test.fuzz "^$$target\$$" -test.fuzztime $(FUZZTIME) \
	      -test.fuzzminimizetime 10x -test.fuzzcachedir "$$cache") >"$$bin/log" 2>&1 || { cat "$$bin/log"; exit 1; }; \
	  done || exit 1; rm -r "$$bin"; done

v3: ## results must not depend on fused multiply-add: the same tests compiled for AVX2 machines
	@if grep -qw avx2 /proc/cpuinfo; then GOAMD64=v3 $(GO) test ./...; else GOAMD64=v3 $(GO) vet ./...; fi

cross: ## other machines compile, without cgo
	GOARCH=arm64 CGO_ENABLED=0 $(GO) vet ./...
	GOOS=darwin GOARCH=arm64 CGO_ENABLED=0 $(GO) build ./...
	GOOS=windows GOARCH=amd64 CGO_ENABLED=0 $(GO) build ./...
	GOARCH=386 CGO_ENABLED=0 $(GO) build ./...

arm64: ## the arm64 assembly and what must have the same bits there, on an emulated processor
	.ci/arm64

lint:
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

generate: ## the assembly, from its generator
	$(GO) generate ./...

check-generated: generate
	git diff --exit-code -- '*_amd64.s' '*_amd64.go' '*_arm64.s' '*_arm64.go'

# The GPU part. It needs Python and gcc; build/toolchain.sh keeps the CUDA toolchain (300 MB) in the user's cache folder.

kernels: ## the committed kernel image of build/ and its budget, from cuda/*.cu
	python3 build/compile.py
	python3 build/budget.py

check-kernels: ## the committed image is what the sources compile to, and keeps within the budget
	python3 build/compile.py --check
	python3 build/budget.py --check

cuda: ## the program with GPU support, in bin/; it starts on machines without a driver too
	eval "$$(cuda/env.sh)" && $(GO) build -tags cuda -o bin/cudiffuse ./cmd/cudiffuse

CUDA_PACKAGES = ./cuda/... ./build ./gpu ./internal/emu/... ./model/device ./pipeline ./cmd/...

lint-cuda: ## the Go of the GPU part, and Dockerfile.cuda
	build/hadolint.sh
	eval "$$(cuda/env.sh)" && $(GO) vet -tags cuda ./... && $(GO) tool staticcheck -tags cuda ./...

test-cuda: lint-cuda ## everything of the GPU part, on an emulated GPU that executes the shipped PTX
	eval "$$(cuda/env.sh)" && lib=$$($(GO) run ./internal/emu/cmd/emupath) && \
	  export CUDIFFUSE_LIBCUDA=$$lib CUDIFFUSE_LIBCUDNN=$$lib CUDIFFUSE_EMU=devices=2 CUDA_REQUIRED=1 && \
	  $(GO) test -timeout 30m -tags cuda $(CUDA_PACKAGES) && $(GO) test -tags cuda -run Example ./sampler

# The real cuDNN (1.5 GB in the user's cache folder), on a driver that has no GPU: it builds plans for described ones.
test-cudnn: ## cuDNN has plans for the graphs, for every architecture, and refuses wrong ones
	mkdir -p bin/nodevice
	$(CC) -shared -fPIC -Wl,-soname,libcuda.so.1 -o bin/nodevice/libcuda.so.1 cuda/cudnn/testdata/nodevice.c
	eval "$$(cuda/env.sh)" && cudnn=$$(build/cudnn.sh) && \
	  eval "$(CC) $$CGO_CFLAGS -Wall -Werror -Wno-deprecated-declarations -fsyntax-only -I$$cudnn/cudnn/include \
	    cuda/cudnn/testdata/abi_check.c" && \
	  CUDIFFUSE_LIBCUDA=$(CURDIR)/bin/nodevice/libcuda.so.1 CUDIFFUSE_CUDNN_REAL=$$cudnn \
	  CUDIFFUSE_LIBCUDNN=$$cudnn/cudnn/lib/libcudnn.so.9 CUDNN_REQUIRED=1 CUDA_REQUIRED= && \
	  export CUDIFFUSE_LIBCUDA CUDIFFUSE_CUDNN_REAL CUDIFFUSE_LIBCUDNN CUDNN_REQUIRED CUDA_REQUIRED && \
	  printf '%s\n' './cuda/cudnn' './model/lower -skip HasPlans' './model/device -run TestCompile' \
	    './model/lower -run HasPlans/././sm_(80|89|100)' './model/lower -run HasPlans/././sm_(86|90|120)' | \
	  xargs -P 2 -I{} sh -c '$(GO) test -timeout 30m -tags cuda $$(echo "{}")' && \
	  CUDIFFUSE_CUDNN_INCLUDE=$$cudnn/cudnn/include $(GO) test -tags cuda ./internal/emu -run TestCudnnABI

bench-cuda: ## launches, bytes and calls of a step, beside those of diffusers
	eval "$$(cuda/env.sh)" && lib=$$($(GO) run ./internal/emu/cmd/emupath) && \
	  CUDIFFUSE_LIBCUDA=$$lib CUDA_REQUIRED=1 $(GO) test -tags cuda -run '^$$' -bench Launches -benchtime 1x ./gpu

acceptance: ## the same tests, sanitizers and benchmarks on a real GPU; without Go it uses the binaries of bin/acceptance
	build/acceptance.sh

bench:
	$(GO) test -run '^$$' -bench . -benchtime 1s ./internal/gemm ./gpu ./model

# One program without cgo: a static one starts with the same instructions everywhere. valgrind is installed where it is missing.
instructions: ## instructions of the AVX2 path under valgrind against docs/bench/instructions.md; UPDATE=1 writes that
	valgrind=$$(docs/bench/valgrind.sh) && CGO_ENABLED=0 $(GO) build -o bin/instructions ./docs/bench/instructions && \
	  bin/instructions -valgrind "$$valgrind" $(if $(UPDATE),-update)

peaks: ## the kernels' shares of the machine's peak, docs/bench/peaks.md; a minute of an idle machine
	$(GO) run ./docs/bench/peaks -out docs/bench/peaks.md

bench-torch: ## the bundled network, and steps and noise, beside torch: TORCH_PYTHON names a python that has torch and diffusers
	python3 docs/bench/bench.py $(or $(TORCH_PYTHON),python3)
	python3 docs/bench/steps.py $(or $(TORCH_PYTHON),python3)

compare: build ## the table and plot of the README (about half an hour on 2 cores)
	mkdir -p docs/compare
	bin/cudiffuse compare --out docs/compare

samplers-docs: build ## the page of docs/samplers, its pictures and its plot (about 4 minutes of one core)
	mkdir -p docs/samplers
	bin/cudiffuse gallery --out docs/samplers

train: ## train the bundled model again from the public data (hours)
	model/bundled/train/train.sh

clean:
	rm -rf bin out
