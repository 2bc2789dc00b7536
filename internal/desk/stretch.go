package desk

import "time"

const (
	mostRead     = 1000             // workflows read for one page at most, unless they all started at once
	firstStretch = time.Hour        // the first try if they are more
	leastStretch = time.Microsecond // the precision of visibility
)

// stretch is a range of time from floor, which may be zero, to hi. The page is its end.
type stretch struct{ floor, hi time.Time }

// find returns what read finds, more than limit if there is more. count and read get the start of the range.
func (s stretch) find(limit int, count func(time.Time) (int64, error), read func(time.Time) ([]Listed, error)) ([]Listed, error) {
	n, err := count(s.floor)
	if err != nil {
		return nil, err
	}
	if n <= mostRead {
		return read(s.floor)
	}
	many, few := s.floor, s.hi // starting at many is too much to read, starting at few is too little for a page
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
