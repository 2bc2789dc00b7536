package desk

import "time"

const (
	mostRead     = 1000             // workflows that are read to make one page, unless they all started at once
	firstStretch = time.Hour        // tried where all of them are too many
	leastStretch = time.Microsecond // as precise as visibility is
)

// stretch is a time from floor, which may be zero, to hi, of which the end is wanted.
type stretch struct{ floor, hi time.Time }

// find returns what read finds, more than limit where there is more. count and read take where to begin.
func (s stretch) find(limit int, count func(time.Time) (int64, error), read func(time.Time) ([]Listed, error)) ([]Listed, error) {
	n, err := count(s.floor)
	if err != nil {
		return nil, err
	}
	if n <= mostRead {
		return read(s.floor)
	}
	many, few := s.floor, s.hi // beginning there is too much to read, beginning here is too little for a page
	for lo := s.hi.Add(-firstStretch); few.Sub(many) > leastStretch; {
		if !lo.After(many) || !lo.Before(few) {
			lo = many.Add(few.Sub(many) / 2)
		}
		if n, err = count(lo); err != nil {
			return nil, err
		}
		if n > mostRead {
			many = lo
			continue
		}
		if n > int64(limit) {
			if found, err := read(lo); err != nil || len(found) > limit {
				return found, err
			}
		}
		few, lo = lo, s.hi.Add(-4*s.hi.Sub(lo))
	}
	return read(many)
}
