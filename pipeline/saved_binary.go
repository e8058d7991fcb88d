package pipeline

import (
	"bytes"
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/cudiffuse/cudiffuse/sampler"
)

// The binary form of a saved run, all little endian:
//
//	"cuDiffRn"     8 bytes
//	version        uint32
//	length         uint64, of all that follows but the checksum
//	model, parameters, pictures   uint32 length and text, each
//	states         uint32 count and, for each, uint64 length and the form of [sampler.State.MarshalBinary]
//	checksum       SHA-256 of all before it
const (
	runMagic   = "cuDiffRn"
	runVersion = 1
	runHead    = len(runMagic) + 4 + 8
)

var (
	_ encoding.BinaryMarshaler   = (*SavedRun)(nil)
	_ encoding.BinaryUnmarshaler = (*SavedRun)(nil)
)

// runError is what is wrong with a saved run.
func runError(field, format string, a ...any) error {
	return &sampler.StateError{Field: "run's " + field, Detail: fmt.Sprintf(format, a...)}
}

// MarshalBinary returns the binary form of r: that of its states, and a few hundred bytes. Its errors are of type
// [*sampler.StateError].
func (r *SavedRun) MarshalBinary() ([]byte, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	b := append(make([]byte, 0, runHead), runMagic...)
	b = binary.LittleEndian.AppendUint32(b, runVersion)
	b = binary.LittleEndian.AppendUint64(b, 0)
	for _, s := range []string{r.Model, r.Parameters, r.Pictures} {
		b = append(binary.LittleEndian.AppendUint32(b, uint32(len(s))), s...)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(r.States)))
	for _, s := range r.States {
		x, err := s.MarshalBinary()
		if err != nil {
			return nil, err
		}
		b = append(binary.LittleEndian.AppendUint64(b, uint64(len(x))), x...)
	}
	binary.LittleEndian.PutUint64(b[len(runMagic)+4:], uint64(len(b)-runHead))
	sum := sha256.Sum256(b)
	return append(b, sum[:]...), nil
}

func (r *SavedRun) check() error {
	for _, s := range []string{r.Model, r.Parameters, r.Pictures} {
		if len(s) > maxParameters {
			return runError("texts", "of %d bytes: want at most %d", len(s), maxParameters)
		}
	}
	if n := len(r.States); n < 1 || n > MaxImages {
		return runError("states", "%d: want 1 to %d", n, MaxImages)
	}
	for i, s := range r.States {
		if s == nil {
			return runError("states", "none of image %d", i)
		}
	}
	return nil
}

// UnmarshalBinary sets r to what data holds; r does not change if that fails. Errors are of type
// [*sampler.StateError]: data that is cut short, damaged, of another version or that is no run. Nothing is allocated that
// is larger than a small multiple of data.
func (r *SavedRun) UnmarshalBinary(data []byte) error {
	body, err := runBody(data)
	if err != nil {
		return err
	}
	var v SavedRun
	for _, s := range []*string{&v.Model, &v.Parameters, &v.Pictures} {
		text, err := takeBytes(&body, 4)
		if err != nil {
			return err
		}
		*s = string(text)
	}
	if len(body) < 4 {
		return runError("length", "ends before its states")
	}
	n := binary.LittleEndian.Uint32(body)
	body = body[4:]
	if n > MaxImages || uint64(n)*8 > uint64(len(body)) {
		return runError("states", "%d: want 1 to %d, in the bytes that are there", n, MaxImages)
	}
	v.States = make([]*sampler.State, n)
	for i := range v.States {
		state, err := takeBytes(&body, 8)
		if err != nil {
			return err
		}
		v.States[i] = new(sampler.State)
		if err := v.States[i].UnmarshalBinary(state); err != nil {
			return fmt.Errorf("image %d: %w", i, err)
		}
	}
	if len(body) > 0 {
		return runError("length", "%d bytes too many", len(body))
	}
	if err := v.check(); err != nil {
		return err
	}
	*r = v
	return nil
}

// takeBytes takes a length of size bytes and as many bytes off the front of b.
func takeBytes(b *[]byte, size int) ([]byte, error) {
	if len(*b) < size {
		return nil, runError("length", "ends %d bytes too early", size-len(*b))
	}
	var head [8]byte
	copy(head[:], (*b)[:size])
	n, rest := binary.LittleEndian.Uint64(head[:]), (*b)[size:]
	if n > uint64(len(rest)) {
		return nil, runError("length", "ends %d bytes too early", n-uint64(len(rest)))
	}
	*b = rest[n:]
	return rest[:n], nil
}

// runLength reads the head of a saved run and returns how many bytes follow it.
func runLength(head []byte) (uint64, error) {
	if !bytes.HasPrefix(head, []byte(runMagic)) {
		return 0, runError("magic", "%.8q: want %q", head, runMagic)
	}
	if len(head) < runHead {
		return 0, runError("length", "%d bytes: want at least %d", len(head), runHead)
	}
	if v := binary.LittleEndian.Uint32(head[len(runMagic):]); v != runVersion {
		return 0, runError("version", "%d: want %d", v, runVersion)
	}
	return binary.LittleEndian.Uint64(head[len(runMagic)+4:]), nil
}

// runBody returns what lies between the head and the checksum.
func runBody(data []byte) ([]byte, error) {
	n, err := runLength(data)
	if err != nil {
		return nil, err
	}
	if have := len(data) - runHead - sha256.Size; have < 0 || n != uint64(have) {
		return nil, runError("length", "%d bytes beside head and checksum: want %d", have, n)
	}
	end := len(data) - sha256.Size
	if sum := sha256.Sum256(data[:end]); !bytes.Equal(sum[:], data[end:]) {
		return nil, runError("checksum", "does not match: the run is damaged")
	}
	return data[runHead:end], nil
}

// ReadSavedRun reads a run to the end of f. A file that is none costs no more than its head. Errors are those of f, and
// of type [*sampler.StateError] as [SavedRun.UnmarshalBinary] has them.
func ReadSavedRun(f io.Reader) (*SavedRun, error) {
	head := make([]byte, runHead)
	k, err := io.ReadFull(f, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, err
	}
	n, err := runLength(head[:k])
	if err != nil {
		return nil, err
	}
	const most = 1 << 40
	if n > most {
		return nil, runError("length", "%d bytes: want at most %d", n, int64(most))
	}
	rest, err := io.ReadAll(io.LimitReader(f, int64(n)+sha256.Size+1)) // one more, which is refused
	if err != nil {
		return nil, err
	}
	r := new(SavedRun)
	if err := r.UnmarshalBinary(append(head, rest...)); err != nil {
		return nil, err
	}
	return r, nil
}
