package ledger

import (
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// faulty is a place whose writes and reads fail.
type faulty struct {
	objects
	careless bool         // create overwrites
	write    func() fault // the fault of the next create; nil: it works
	reading  func() error // of the next read
	late     []func()     // writes that have not arrived yet
}

// fault is the result of a write.
type fault int

const (
	works    fault = iota
	lost           // it failed, and nothing was written
	answered       // it was written, but the answer was lost
	late           // it failed, and is written later on
)

var errAway = errors.New("the store is away")

func (f *faulty) create(ctx context.Context, name string, content []byte) error {
	if f.careless {
		return f.replace(ctx, name, content)
	}
	what := works
	if f.write != nil {
		what = f.write()
	}
	switch what {
	case lost:
		return syscall.ENOSPC
	case answered:
		if err := f.objects.create(ctx, name, content); err != nil {
			return err
		}
		return errAway
	case late:
		f.late = append(f.late, func() { _ = f.objects.create(context.WithoutCancel(ctx), name, content) })
		return errAway
	default:
		return f.objects.create(ctx, name, content)
	}
}

func (f *faulty) read(ctx context.Context, name string) ([]byte, error) {
	if f.reading != nil {
		if err := f.reading(); err != nil {
			return nil, err
		}
	}
	return f.objects.read(ctx, name)
}

func (f *faulty) arrive() {
	for _, write := range f.late {
		write()
	}
	f.late = nil
}

func once[T any](first T) func() T {
	return func() T {
		v := first
		var zero T
		first = zero
		return v
	}
}

func broken(t *testing.T) (*Ledger, *faulty) {
	t.Helper()
	whole := open(t, "file:"+filepath.Join(t.TempDir(), "dials"))
	f := &faulty{objects: whole.objects}
	return &Ledger{objects: f}, f
}

func TestAnAmbiguousWriteIsReadBack(t *testing.T) {
	l, f := broken(t)
	f.write = once(answered)
	p, err := l.Claim(t.Context(), Post{Attempt: attempt})
	require.NoError(t, err, "it is ours, whatever the answer was")
	require.Equal(t, 1, p.Number)
	_, err = l.Claim(t.Context(), Post{Attempt: attempt})
	require.ErrorIs(t, err, ErrTaken)
}

// TestAWriteInDoubtIsUsedUp is a write whose answer and whose reading back are lost. The next try must neither treat it as
// another execution's nor post by it, since a copy of the history may do the same.
func TestAWriteInDoubtIsUsedUp(t *testing.T) {
	for name, what := range map[string]fault{"written": answered, "written later": late} {
		t.Run(name, func(t *testing.T) {
			l, f := broken(t)
			f.write, f.reading = once(what), once(errAway)
			p, err := l.Claim(t.Context(), Post{Attempt: attempt})
			require.Error(t, err)
			require.NotErrorIs(t, err, ErrTaken)
			require.Len(t, p.Nonces, 1)
			f.arrive()

			ours, err := l.Claim(t.Context(), p)
			require.NoError(t, err)
			require.Equal(t, 2, ours.Number)
			_, err = l.Claim(t.Context(), p)
			require.ErrorIs(t, err, ErrTaken, "a copy of the history knows the same nonce")
		})
	}
}

func TestAFullLedgerIsTriedAgain(t *testing.T) {
	l, f := broken(t)
	f.write = func() fault { return lost }
	p := Post{Attempt: attempt}
	for range 3 * mostNonces {
		var err error
		p, err = l.Claim(t.Context(), p)
		require.ErrorIs(t, err, syscall.ENOSPC)
	}
	require.Equal(t, 1, p.Number)
	require.Len(t, p.Nonces, mostNonces)
	f.write = nil
	p, err := l.Claim(t.Context(), p)
	require.NoError(t, err)
	require.Equal(t, 1, p.Number)
}

// hanging is a place that never answers, whatever the context says.
type hanging struct {
	objects
	release chan struct{}
}

func (h hanging) create(context.Context, string, []byte) error {
	<-h.release
	return errAway
}

func (h hanging) read(context.Context, string) ([]byte, error) {
	<-h.release
	return nil, errAway
}

func TestASlowLedgerIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hanging{release: make(chan struct{})}
		ctx, cancel := context.WithTimeout(t.Context(), writeLimit+readLimit+1)
		defer cancel()
		p, err := (&Ledger{objects: h}).Claim(ctx, Post{Attempt: attempt})
		require.Error(t, err)
		require.NotErrorIs(t, err, ErrTaken)
		require.Len(t, p.Nonces, 1)
		require.NoError(t, ctx.Err(), "within 3 s for the write and 2 s for the question")
		close(h.release)
	})
}

// TestCopiesOfAHistoryPostOnce runs one history that is copied at any moment, with faults of every kind and posts that the
// provider certainly did not accept. It counts the placed calls.
func TestCopiesOfAHistoryPostOnce(t *testing.T) {
	l, f := broken(t)
	order := 0
	rapid.Check(t, func(t *rapid.T) {
		order++
		seed := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		f.write = func() fault { return []fault{works, works, lost, answered, late}[seed.IntN(5)] }
		f.reading = func() error { return []error{nil, nil, errAway}[seed.IntN(3)] }
		type history struct {
			post Post
			over bool
		}
		copies := []history{{post: Post{Attempt: attempt + "-" + string(rune('a'+order%26)) + rapid.StringMatching(`[a-z]{12}`).Draw(t, "id"), Number: 1}}}
		placed := 0
		for range 30 {
			if seed.IntN(5) == 0 {
				f.arrive()
			}
			if seed.IntN(4) == 0 && len(copies) < 4 {
				copies = append(copies, copies[seed.IntN(len(copies))])
			}
			h := &copies[seed.IntN(len(copies))]
			if h.over {
				continue
			}
			p, err := l.Claim(context.Background(), h.post)
			switch {
			case err == nil && seed.IntN(3) > 0: // 429, or withdrawn after the claim: the number is used up
				h.post = Post{Attempt: p.Attempt, Number: p.Number + 1}
			case err == nil:
				placed++
				h.over = true
			case errors.Is(err, ErrTaken):
				h.over = true // unknown: the call log settles it
			default:
				h.post = p
			}
		}
		require.LessOrEqual(t, placed, 1)
	})
}

// TestNobodyStarves: once the place works again, a single history always gets its post.
func TestNobodyStarves(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l, f := broken(t)
		kinds := rapid.SliceOfN(rapid.IntRange(0, 5), 1, 12).Draw(rt, "faults")
		f.write = func() fault {
			if len(kinds) == 0 {
				return works
			}
			k := kinds[0]
			kinds = kinds[1:]
			return []fault{lost, answered, late, lost, answered, late}[k]
		}
		f.reading = func() error {
			if len(kinds) > 0 && kinds[0] > 2 {
				return errAway
			}
			return nil
		}
		p, err := Post{Attempt: attempt}, errors.New("not tried")
		for range 40 {
			if p, err = l.Claim(context.Background(), p); err == nil {
				return
			}
			require.NotErrorIs(rt, err, ErrTaken)
			f.arrive()
		}
		rt.Fatalf("starved: %v", err)
	})
}
