// Package retryafter reads the header Retry-After of others. It is a leaf.
package retryafter

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Max is the longest pause that is granted. Hosts have sent a day, and the time of day in Unix seconds.
const Max = 10 * time.Minute

// Read returns the pause that a header asks for, in seconds or as a date, cut to Max. It is zero where nothing is said
// that can be read.
func Read(h http.Header, now time.Time) time.Duration {
	s := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseFloat(s, 64); err == nil && !math.IsNaN(seconds) {
		return time.Duration(min(max(seconds, 0), Max.Seconds()) * float64(time.Second))
	}
	if at, err := http.ParseTime(s); err == nil {
		return min(max(at.Sub(now), 0), Max)
	}
	return 0
}
