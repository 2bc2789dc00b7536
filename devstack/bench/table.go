package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// table holds the measured values by name, in order.
type table struct {
	names  []string
	values map[string][]float64
	loads  []float64 // load averages before each measurement
}

func (t *table) add(name string, value float64) {
	if t.values == nil {
		t.values = map[string][]float64{}
	}
	if t.values[name] == nil {
		t.names = append(t.names, name)
	}
	t.values[name] = append(t.values[name], value)
}

// last returns the last value under a name, 0 if there is none.
func (t *table) last(name string) float64 {
	v := t.values[name]
	if len(v) == 0 {
		return 0
	}
	return v[len(v)-1]
}

func (t *table) load() {
	var one float64
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		_, _ = fmt.Sscan(string(text), &one)
	}
	t.loads = append(t.loads, one)
}

const mark, endMark = "<!-- bench-system -->\n", "<!-- /bench-system -->"

func (t *table) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d cores, %s %s/%s. Load average before each measurement: median %s.\n\n", time.Now().UTC().Format(time.DateOnly),
		runtime.NumCPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH, spread(t.loads))
	b.WriteString("| | median [least-most] | runs |\n|---|---|---|\n")
	for _, name := range t.names {
		fmt.Fprintf(&b, "| %s | %s | %d |\n", name, spread(t.values[name]), len(t.values[name]))
	}
	return b.String()
}

// write writes the table between the marks of a file, or to standard output.
func (t *table) write(path string) error {
	if path == "" {
		fmt.Print(t.markdown())
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(text), mark)
	_, after, closed := strings.Cut(rest, endMark)
	if !ok || !closed {
		return fmt.Errorf("%s has not the marks %q and %q", path, mark, endMark)
	}
	return os.WriteFile(path, []byte(before+mark+t.markdown()+endMark+after), 0o644)
}

func spread(values []float64) string {
	v := slices.Sorted(slices.Values(values))
	if len(v) == 0 {
		return "none"
	}
	median := v[len(v)/2]
	if len(v)%2 == 0 {
		median = (median + v[len(v)/2-1]) / 2
	}
	if len(v) == 1 {
		return figure(median)
	}
	return fmt.Sprintf("%s [%s-%s]", figure(median), figure(v[0]), figure(v[len(v)-1]))
}

// figure formats three digits.
func figure(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}
