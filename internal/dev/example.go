package dev

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// examplesFolder returns the folder of the examples, relative to the folder of the repository in which we were started.
func examplesFolder() (string, error) {
	for _, dir := range []string{"examples", filepath.Join("..", "examples")} {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
	}
	return "", errors.New("--example: there is no folder examples here; start it in a clone of the repository")
}

// example is a program of the folder examples to run against this stack.
type example struct{ dir, name string }

// findExample returns the example with a name, and nil for an empty name.
func findExample(name string, real bool) (*example, error) {
	if name == "" {
		return nil, nil //nolint:nilnil // nothing is asked for
	}
	if real {
		return nil, errors.New("--example: not with --real-provider: it would ring real phones")
	}
	dir, err := examplesFolder()
	if err != nil {
		return nil, err
	}
	found, err := filepath.Glob(filepath.Join(dir, "*", "main.go"))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, path := range found {
		names = append(names, filepath.Base(filepath.Dir(path)))
	}
	if !slices.Contains(names, name) {
		return nil, fmt.Errorf("--example: there is no %q; there are %s", name, strings.Join(names, ", "))
	}
	return &example{dir, name}, nil
}

// run runs the example to its end, and prints where to look at it. Everything else continues.
func (e *example) run(ctx context.Context, s *Stack) {
	fmt.Printf("\n  go run -C examples ./%s\n", e.name)
	cmd := exec.CommandContext(ctx, "go", "run", "./"+e.name) //nolint:gosec // one of the folders that findExample has seen
	cmd.Dir, cmd.Stdout, cmd.Stderr = e.dir, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "TEMPORAL_ADDRESS="+s.TemporalAddress(), "TEMPORAL_NAMESPACE="+s.TemporalNamespace(), "SIMULATOR_URL="+s.Simulator().URL())
	if err := cmd.Run(); err != nil && ctx.Err() == nil {
		fmt.Fprintf(os.Stderr, "example %s: %v\n", e.name, err)
	}
	if ui := s.UIURL(); ui != "" {
		query := url.Values{"query": {fmt.Sprintf("TaskQueue=%q", e.name)}}
		fmt.Printf("  see it: %s/namespaces/%s/workflows?%s\n  and its calls: %[1]s/namespaces/%[2]s/workflows\n\n", ui, s.TemporalNamespace(), query.Encode())
	}
}
