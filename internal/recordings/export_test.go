package recordings

import "context"

// Inspect shows the container check.
var Inspect = inspect

// Errors of the container check.
var (
	ErrNotAudio  = errNotAudio
	ErrTruncated = errTruncated
)

// AfterGuard lets a test see, and stop, every connection that the guard allows, before a packet leaves.
func (f *Fetcher) AfterGuard(hook func(address string) error) { f.guard.seen = hook }

// Names lists every object in the store.
func (s *Store) Names(ctx context.Context) []string {
	names := []string{}
	it := s.bucket.List(nil)
	for o, err := it.Next(ctx); err == nil; o, err = it.Next(ctx) {
		names = append(names, o.Key)
	}
	return names
}
