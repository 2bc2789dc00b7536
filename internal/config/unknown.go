package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// elsewhere lists variables with our prefix that are no settings: commands and the Compose file read them.
var elsewhere = []string{
	"AFTERCALL_API_KEY", "AFTERCALL_API_KEY_FILE", "AFTERCALL_API_PORT", "AFTERCALL_API_URL", "AFTERCALL_CALLER_ID",
	"AFTERCALL_IMAGE_TAG", "AFTERCALL_SECONDARY_CALLER_ID", "AFTERCALL_WEBHOOK_PUBLISH",
}

// ofKubernetes matches variables that Kubernetes sets for a service called aftercall-….
var ofKubernetes = regexp.MustCompile(`_(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT|PORT_\d+_(TCP|UDP)(_.+)?)$`)

// Unknown returns a line for every variable with our prefix, and every key of the YAML file at path, that is no setting.
// The line proposes the closest setting. An empty path means no file.
func Unknown(path string) []string {
	var names, keys []string
	for _, f := range fields() {
		names, keys = append(names, f.Tag.Get("env")), append(keys, f.Tag.Get("yaml"))
		if f.Tag.Get("secret") != "" {
			names = append(names, f.Tag.Get("env")+"_FILE")
		}
	}
	var out []string
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, "AFTERCALL_") || slices.Contains(names, name) || slices.Contains(elsewhere, name) || ofKubernetes.MatchString(name) {
			continue
		}
		out = append(out, fmt.Sprintf("the variable %s is no setting and has no effect%s", name, meant(name, names)))
	}
	file, _ := readYAML(path)
	for key, node := range file {
		if !slices.Contains(keys, key) {
			out = append(out, fmt.Sprintf("%s, line %d: %s is no setting and has no effect%s", path, node.Line, key, meant(key, keys)))
		}
	}
	slices.Sort(out)
	return out
}

// readYAML reads the top level of a YAML file. A file of another kind, or no file, has no keys.
func readYAML(path string) (map[string]yaml.Node, error) {
	if ext := strings.ToLower(filepath.Ext(path)); ext != ".yaml" && ext != ".yml" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	var file map[string]yaml.Node
	if err := yaml.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("settings: %s is not YAML with one setting per line: %s", path, withoutValues(err))
	}
	return file, nil
}

// checkYAML returns an error that names the key of a YAML file whose value has the wrong type. It does not show the value.
func checkYAML(path string) error {
	file, err := readYAML(path)
	if err != nil {
		return err
	}
	for _, f := range fields() {
		node, ok := file[f.Tag.Get("yaml")]
		if !ok {
			continue
		}
		if err := node.Decode(reflect.New(f.Type).Interface()); err != nil {
			return fmt.Errorf("%s: %s, line %d: %s must be %s", f.Tag.Get("env"), path, node.Line, f.Tag.Get("yaml"), shape(f.Type))
		}
	}
	return nil
}

// shape describes how YAML writes the value of a setting.
func shape(t reflect.Type) string {
	switch {
	case t.Kind() == reflect.Slice:
		return "a list, like [one, two]"
	case t.String() == "time.Duration":
		return "a duration, like 90s or 24h"
	case t.Kind() == reflect.String:
		return "a single text"
	case t.Kind() == reflect.Bool:
		return "true or false"
	default:
		return "a number"
	}
}

var quoted = regexp.MustCompile("`[^`]*`")

// withoutValues returns an error of the YAML reader as one line without the values that it quotes: they may be secret.
func withoutValues(err error) string {
	return strings.Join(strings.Fields(quoted.ReplaceAllString(err.Error(), "a value")), " ")
}

// meant proposes the closest known name, if one is close.
func meant(name string, known []string) string {
	best, at := "", max(2, len(name)/6)+1
	for _, candidate := range known {
		if d := distance(name, candidate); d < at {
			best, at = candidate, d
		}
	}
	if best == "" {
		return ": aftercall config lists all settings"
	}
	return ": did you mean " + best + "?"
}

// distance returns how many letters must change, be added or be removed to turn a into b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
