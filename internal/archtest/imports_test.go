// Package archtest holds the rules that no single package can hold: who may import whom, what the product may link,
// and that the deployment files know every setting.
package archtest

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/aftercall/aftercall"

// pkg is what `go list` tells of a package: its direct imports and all it links, without tests.
type pkg struct {
	ImportPath string
	Imports    []string
	Deps       []string
	Standard   bool
}

// packages lists the root module's packages and all they depend on, by import path.
func packages(t *testing.T) map[string]pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=ImportPath,Imports,Deps,Standard", "./...")
	cmd.Dir = filepath.Join("..", "..")
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	require.NoError(t, err, complaint.String())
	found := map[string]pkg{}
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		err := decoder.Decode(&p)
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		found[p.ImportPath] = p
	}
	return found
}

// within reports whether path is one of the roots or lies below one; a root without a host is a folder of ours.
func within(path string, roots ...string) bool {
	for _, root := range roots {
		if _, err := os.Stat(filepath.Join("..", "..", root)); err == nil && root != "" {
			root = module + "/" + root
		}
		if path == root || strings.HasPrefix(path, root+"/") {
			return true
		}
	}
	return false
}

// linked are the packages of ours that a package links, directly or through others.
func linked(t *testing.T, all map[string]pkg, folder string) []string {
	t.Helper()
	p, ok := all[module+"/"+folder]
	require.True(t, ok, "%s is gone: change this test", folder)
	var ours []string
	for _, path := range p.Deps {
		if within(path, module) {
			ours = append(ours, path)
		}
	}
	return ours
}

// TestWhoLinksWhat holds the packages that link so little of ours, and import so little of others, that it can be listed.
func TestWhoLinksWhat(t *testing.T) {
	all := packages(t)
	for folder, allowed := range map[string][]string{
		"calls":              {"go.temporal.io/sdk", "go.temporal.io/api"},
		"internal/phone":     {},
		"internal/wording":   {},
		"internal/contract":  {"calls", "go.temporal.io/sdk"},
		"internal/callstate": {"calls", "internal/contract", "internal/phone", "internal/wording"},
		"internal/outbound":  {"calls", "internal/callstate", "internal/contract", "internal/phone", "internal/wording"},
		"internal/masking":   {"calls", "internal/callstate", "internal/contract", "internal/phone", "internal/wording"},
		"internal/intake": {
			"calls", "internal/callstate", "internal/contract", "internal/outbound", "internal/phone", "internal/rules", "internal/wording",
			"github.com/go-playground/validator/v10",
		},
		"internal/audio":     {"github.com/gabriel-vasile/mimetype"},
		"internal/keys":      {"internal/phone", "github.com/tink-crypto/tink-go/v2"},
		"internal/unifonic":  {"internal/phone", "internal/retryafter"},
		"internal/translate": {"calls", "internal/callstate", "internal/contract", "internal/phone", "internal/retryafter", "internal/unifonic", "internal/wording"},
		"workflows": {
			"calls", "internal/callstate", "internal/contract", "internal/masking", "internal/outbound", "internal/phone", "internal/rules",
			"internal/wording", "go.temporal.io/sdk", "go.temporal.io/api",
		},
		"internal/rules": {
			"calls", "internal/callstate", "internal/contract", "internal/outbound", "internal/phone", "internal/wording",
			"github.com/hablullah/go-hijri",
		},
		"internal/ledger":    {"internal/folder", "gocloud.dev"},
		"internal/simulator": {"github.com/google/uuid"},
		"cmd/simulator":      {"internal/simulator"},
	} {
		t.Run(folder, func(t *testing.T) {
			for _, path := range append(linked(t, all, folder), all[module+"/"+folder].Imports...) {
				require.True(t, all[path].Standard || within(path, allowed...), "%s links %s", folder, path)
			}
		})
	}
}

// TestPureCodeDoesNoIO holds that neither these packages, nor any of ours that they link, import what does IO. (The
// Temporal SDK, on which package calls stands, brings its own.)
func TestPureCodeDoesNoIO(t *testing.T) {
	all := packages(t)
	for _, folder := range []string{"internal/phone", "internal/contract", "internal/callstate", "internal/outbound", "internal/masking", "internal/rules", "workflows"} {
		t.Run(folder, func(t *testing.T) {
			for _, path := range append(linked(t, all, folder), module+"/"+folder) {
				for _, imported := range all[path].Imports {
					require.False(t, within(imported, "net/http", "os", "os/exec", "database/sql", "go.temporal.io/sdk/client",
						"github.com/gin-gonic", "github.com/go-playground"), "%s links %s, which imports %s", folder, path, imported)
				}
			}
		})
	}
}

// TestWhoImportsWhom holds what others must not name themselves.
func TestWhoImportsWhom(t *testing.T) {
	all := packages(t)
	for folder, forbidden := range map[string][]string{
		"activities":              {"go.temporal.io/sdk/client", "go.temporal.io/api", "handlers", "workflows", "internal/config", "internal/inbox", "internal/app", "github.com/gin-gonic"},
		"handlers":                {"go.temporal.io/sdk/client", "go.temporal.io/api/serviceerror", "go.temporal.io/api/workflowservice", "activities", "workflows", "internal/config", "internal/dispatch", "internal/app"},
		"internal/unifonic":       {"go.temporal.io"},
		"internal/callstate":      {"go.temporal.io"},
		"internal/outbound":       {"go.temporal.io"},
		"internal/masking":        {"go.temporal.io"},
		"internal/intake":         {"go.temporal.io", "net/http", "github.com/gin-gonic"},
		"internal/inbox":          {"go.temporal.io", "calls"},
		"internal/recordings":     {"go.temporal.io"},
		"internal/desk":           {"handlers", "workflows", "activities", "internal/config"},
		"internal/dispatch":       {"go.temporal.io", "handlers", "workflows", "activities", "internal/config"},
		"internal/temporalclient": {"handlers", "workflows", "activities", "internal/config"},
		"internal/doctor":         {"handlers", "workflows", "activities", "internal/app", "go.temporal.io/api/serviceerror"},
		"internal/dev":            {"go.temporal.io/api/serviceerror"},
		"internal/app":            {"go.temporal.io/api/serviceerror"}, // package desk says what an error of Temporal means
		"cmd/aftercall":           {"go.temporal.io/api/serviceerror"},
		"calls":                   {"go.temporal.io/sdk/client"},
	} {
		t.Run(folder, func(t *testing.T) {
			for path, p := range all {
				if !within(path, folder) {
					continue
				}
				for _, imported := range p.Imports {
					require.False(t, within(imported, forbidden...), "%s imports %s", path, imported)
				}
			}
		})
	}
}

// TestMessagesHaveTypes holds that only package contract names messages by strings, and that only package desk talks to
// workflows from outside.
func TestMessagesHaveTypes(t *testing.T) {
	for folder, forbidden := range map[string]string{
		"workflows":         `workflow\.(ExecuteActivity|ExecuteLocalActivity|SignalExternalWorkflow|GetSignalChannel|SetQueryHandler|SetUpdateHandler)\b`,
		"activities":        `\.(ExecuteWorkflow|SignalWithStartWorkflow|SignalWorkflow|QueryWorkflow|UpdateWorkflow)\(`,
		"handlers":          `\.(ExecuteWorkflow|SignalWithStartWorkflow|SignalWorkflow|QueryWorkflow|UpdateWorkflow)\(`,
		"internal/dispatch": `\.(ExecuteWorkflow|SignalWithStartWorkflow|SignalWorkflow|QueryWorkflow|UpdateWorkflow)\(`,
		"internal/app":      `\.(ExecuteWorkflow|SignalWithStartWorkflow|SignalWorkflow|QueryWorkflow|UpdateWorkflow)\(|RegisterActivity`,
	} {
		t.Run(folder, func(t *testing.T) {
			files, err := filepath.Glob(filepath.Join("..", "..", folder, "*.go"))
			require.NoError(t, err)
			require.NotEmpty(t, files)
			for _, name := range files {
				if strings.HasSuffix(name, "_test.go") {
					continue
				}
				text, err := os.ReadFile(name)
				require.NoError(t, err)
				require.NotRegexp(t, forbidden, string(text), name)
			}
		})
	}
}

func TestProductLinksNoServerAndNoTestStand(t *testing.T) {
	all := packages(t)
	product := all[module+"/cmd/aftercall"]
	require.NotEmpty(t, product.Deps)
	for _, linked := range product.Deps {
		require.False(t, within(linked, "go.temporal.io/server", "github.com/temporalio/ui-server", "internal/simulator", "internal/dev"),
			"cmd/aftercall links %s", linked)
	}
	for path, p := range all {
		require.False(t, within(path, module) && within("go.temporal.io/server", p.Imports...), "%s imports the Temporal server", path)
	}
}

// TestImage builds the program as the Dockerfile does, but for -trimpath, which would compile everything anew: it is small,
// and tells its commit without a checkout.
func TestImage(t *testing.T) {
	dockerfile, err := os.ReadFile(filepath.Join("..", "..", "Dockerfile"))
	require.NoError(t, err)
	found := regexp.MustCompile(`-ldflags="([^"]*)"`).FindStringSubmatch(string(dockerfile))
	require.NotNil(t, found)
	args := map[string]string{"COMMIT": "0123456789ab-dirty", "COMMIT_DATE": "2026-11-26T15:00:00Z"}
	compose, err := os.ReadFile(filepath.Join("..", "..", "docker-compose.yml"))
	require.NoError(t, err)
	flags := os.Expand(found[1], func(name string) string {
		require.Contains(t, string(dockerfile), "ARG COMMIT COMMIT_DATE\n")
		require.Contains(t, string(compose), "[COMMIT, COMMIT_DATE]")
		return args[name]
	})

	binary := filepath.Join(t.TempDir(), "aftercall")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-ldflags="+flags, "-o", binary, "./cmd/aftercall")
	cmd.Dir, cmd.Env = filepath.Join("..", ".."), append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	info, err := os.Stat(binary)
	require.NoError(t, err)
	t.Logf("aftercall has %d MB", info.Size()/1_000_000)
	require.Less(t, info.Size(), int64(64_000_000))

	out, err = exec.CommandContext(t.Context(), binary, "version", "-o", "json").Output()
	require.NoError(t, err)
	var version map[string]string
	require.NoError(t, json.Unmarshal(out, &version))
	require.Equal(t, "0123456789ab", version["revision"])
	require.Equal(t, "true", version["modified"])
	require.Equal(t, args["COMMIT_DATE"], version["date"])
}
