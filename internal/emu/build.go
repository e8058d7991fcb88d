package emu

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
)

//go:embed src/*.cpp src/*.h
var sources embed.FS

// ErrNoCompiler says that there is no C++ compiler to build the library with.
var ErrNoCompiler = errors.New("emu: no C++ compiler: install g++ or set CXX")

// libraryName is what a program that is linked against the driver loads.
const libraryName = "libcuda.so.1"

// ObjectsName is the file beside the library that holds its parts, hidden symbols included: what the
// tests of the interpreter link.
const ObjectsName = "emu.o"

// Build returns the path of the emulated driver library. It compiles the library when the user's
// cache folder has none of these sources, this compiler and these flags; that takes about a minute
// on two cores. Several processes may call it at the same time.
func Build(ctx context.Context) (string, error) {
	if runtime.GOOS != "linux" {
		return "", fmt.Errorf("emu: the emulated driver runs on linux, not on %s", runtime.GOOS)
	}
	cxx, err := Compiler()
	if err != nil {
		return "", err
	}
	key, err := sourceHash(ctx, cxx)
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("emu: no cache folder: %w", err)
	}
	dir := filepath.Join(cache, "cudiffuse", "emu-"+key)
	path := filepath.Join(dir, libraryName)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("emu: %w", err)
	}
	if err := compileInto(ctx, cxx, dir); err != nil {
		return "", err
	}
	return path, nil
}

// Compiler returns the C++ compiler: that of the variable CXX, or g++, or c++.
func Compiler() (string, error) {
	for _, name := range []string{os.Getenv("CXX"), "g++", "c++"} {
		if name == "" {
			continue
		}
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", ErrNoCompiler
}

// Flags are the compiler's. Contraction is off: it would round once where the GPU rounds twice.
func Flags() []string {
	flags := []string{"-std=c++17", "-O3", "-g1", "-Wall", "-Wextra", "-fPIC", "-pthread",
		"-fvisibility=hidden", "-ffp-contract=off", "-fno-math-errno"}
	if runtime.GOARCH == "amd64" && cpuHas("avx2") {
		flags = append(flags, "-mavx2")
	}
	return flags
}

func cpuHas(flag string) bool {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(info)) {
		if strings.HasPrefix(line, "flags") {
			return strings.Contains(line+" ", " "+flag+" ")
		}
	}
	return false
}

// sourceHash names what the library is made from.
func sourceHash(ctx context.Context, cxx string) (string, error) {
	h := sha256.New()
	version, err := exec.CommandContext(ctx, cxx, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("emu: %s: %w", cxx, err)
	}
	fmt.Fprintf(h, "%s %q\n", version, Flags())
	err = eachSource(func(name string, text []byte) error {
		fmt.Fprintf(h, "%s %d\n", name, len(text))
		h.Write(text)
		return nil
	})
	return hex.EncodeToString(h.Sum(nil))[:16], err
}

func eachSource(visit func(name string, text []byte) error) error {
	return fs.WalkDir(sources, "src", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := sources.ReadFile(name)
		if err != nil {
			return err
		}
		return visit(filepath.Base(name), text)
	})
}

// compileInto builds beside the library's place and renames, so that nobody loads half a library.
func compileInto(ctx context.Context, cxx, dir string) error {
	work, err := os.MkdirTemp(dir, "build-")
	if err != nil {
		return fmt.Errorf("emu: %w", err)
	}
	defer os.RemoveAll(work)
	var units []string
	err = eachSource(func(name string, text []byte) error {
		if strings.HasSuffix(name, ".cpp") {
			units = append(units, name)
		}
		return os.WriteFile(filepath.Join(work, name), text, 0o644)
	})
	if err != nil {
		return fmt.Errorf("emu: %w", err)
	}
	if err := compileUnits(ctx, cxx, work, units); err != nil {
		return err
	}
	join := []string{"-r", "-nostdlib", "-o", ObjectsName}
	for _, unit := range units {
		join = append(join, unit+".o")
	}
	if err := compiler(ctx, cxx, work, join...); err != nil {
		return err
	}
	link := append(Flags(), "-shared", "-Wl,-soname,"+libraryName, "-Wl,--no-undefined")
	link = append(link, "-o", libraryName, ObjectsName)
	if err := compiler(ctx, cxx, work, link...); err != nil {
		return err
	}
	// The library comes last: where it is, the build is complete.
	for _, name := range []string{ObjectsName, libraryName} {
		if err := os.Rename(filepath.Join(work, name), filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("emu: %w", err)
		}
	}
	return nil
}

// compileUnits compiles as many files at a time as there are cores, and reports all failures.
func compileUnits(ctx context.Context, cxx, work string, units []string) error {
	var wait sync.WaitGroup
	slots := make(chan struct{}, runtime.NumCPU())
	failures := make([]error, len(units))
	for i, unit := range units {
		wait.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			failures[i] = compiler(ctx, cxx, work, append(Flags(), "-c", unit, "-o", unit+".o")...)
		})
	}
	wait.Wait()
	return errors.Join(failures...)
}

func compiler(ctx context.Context, cxx, dir string, args ...string) error {
	cmd := exec.CommandContext(ctx, cxx, args...)
	cmd.Dir = dir
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("emu: %s %s: %w\n%s", cxx, strings.Join(args, " "), err, out.String())
	}
	return nil
}
