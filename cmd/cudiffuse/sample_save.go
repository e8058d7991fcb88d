package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/cudiffuse/cudiffuse/pipeline"
)

// saveFlags keep a run in mid-run and go on with one.
type saveFlags struct {
	SaveState string `help:"Keep the run in FILE after every step, so that --resume goes on from it whatever ended it; FILE is removed once the pictures are written. FILE@STEP keeps it after that step alone, and FILE stays." placeholder:"FILE[@STEP]"`
	Resume    string `help:"Go on from a run that --save-state kept, on any device, with the flags that it began with: the pictures are those of a run that was not interrupted." placeholder:"FILE"`
}

// given are the flags that were given.
func (f saveFlags) given() []given {
	return []given{{"--save-state", f.SaveState != ""}, {"--resume", f.Resume != ""}}
}

// saver keeps a run as the flags say. Its zero value keeps nothing.
type saver struct {
	file  string
	at    int // the step to keep, 0 for every one
	kept  bool
	done  int // steps, when it was kept last
	total int
	again bool // the run to go on with is in file
	stage int  // of that run
}

// open returns what keeps the run, and the run to go on with, nil to begin.
func (f saveFlags) open(out string) (*saver, *pipeline.SavedRun, error) {
	s := new(saver)
	if f.SaveState != "" {
		s.file = f.SaveState
		if i := strings.LastIndexByte(s.file, '@'); i >= 0 && !strings.ContainsFunc(s.file[i:], isSeparator) {
			step, err := strconv.Atoi(s.file[i+1:])
			if err != nil || step < 1 {
				return nil, nil, usagef("--save-state %s: step %q: want FILE@STEP with a positive number, or FILE", f.SaveState, s.file[i+1:])
			}
			s.file, s.at = s.file[:i], step
		}
		if err := checkOutput("--save-state", s.file); err != nil {
			return nil, nil, err
		}
		if s.file == out {
			return nil, nil, usagef("--save-state %s: is --out too: want another file", s.file)
		}
	}
	s.again = s.file == f.Resume
	if f.Resume == "" {
		return s, nil, nil
	}
	file, err := os.Open(f.Resume)
	if err != nil {
		return nil, nil, usagef("--resume: %w", err)
	}
	defer file.Close()
	run, err := pipeline.ReadSavedRun(file)
	if err != nil {
		return nil, nil, usagef("--resume %s: %w", f.Resume, err)
	}
	s.stage = run.States[0].Stage
	return s, run, nil
}

func isSeparator(r rune) bool { return r < utf8.RuneSelf && os.IsPathSeparator(uint8(r)) }

// savable is a step of either pipeline.
type savable interface {
	Done() (done, total int)
	Save() (*pipeline.SavedRun, error)
}

// step keeps the run after a step, or between two of them, if it is to be kept.
func (s *saver) step(run savable) error {
	if s.file == "" {
		return nil
	}
	done, total := run.Done()
	switch {
	case s.at > total:
		return usagef("--save-state %s@%d: want a step of 1 to %d", s.file, s.at, total)
	case s.at == 0 && done == total:
		return nil // the pictures come next
	case s.at > 0 && (s.kept || done < s.at):
		return nil
	case s.at > 0 && done > s.at:
		return usagef("--save-state %s@%d: want step %d or a later one, as the run goes on there", s.file, s.at, done)
	}
	saved, err := run.Save()
	if err != nil {
		return err
	}
	data, err := saved.MarshalBinary()
	if err != nil {
		return err
	}
	err = writeFile(s.file, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
	if err != nil {
		return fmt.Errorf("--save-state: %w", err)
	}
	s.kept, s.done, s.total = true, done, total
	return nil
}

// ended tells, where a run did not reach its end, what is kept of it.
func (s *saver) ended(w io.Writer, err error) {
	if errors.Is(err, context.Canceled) && s.kept {
		fmt.Fprintf(w, "cudiffuse: kept after step %d of %d: --resume %s goes on\n", s.done, s.total, s.file)
	}
}

// finished removes what was kept of a run whose pictures are there.
func (s *saver) finished() error {
	if s.file == "" || s.at > 0 || !s.kept && !s.again {
		return nil
	}
	if st, err := os.Lstat(s.file); err != nil || !st.Mode().IsRegular() {
		return nil // such as /dev/null
	}
	return os.Remove(s.file)
}
