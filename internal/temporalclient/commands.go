package temporalclient

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/aftercall/aftercall/internal/contract"
)

// Command is a command line for somebody with a right that setup lacks, and its purpose.
type Command struct {
	For  string `json:"for"`
	Line string `json:"line"`
	// OnlyIf is the condition for running it: otherwise it would shorten a retention, or end a stop.
	OnlyIf string `json:"onlyIf,omitempty"`
}

// Commands returns the steps of Setup as command lines of Temporal's own tools: temporal, or on Temporal Cloud tcld for the
// namespace's settings. It sends nothing to Temporal.
func Commands(address, namespace string, p Plan) []Command {
	ns := quoted(namespace)
	var out []Command
	add := func(what, onlyIf, format string, args ...any) {
		out = append(out, Command{For: what, OnlyIf: onlyIf, Line: fmt.Sprintf(format, args...)})
	}
	short := fmt.Sprintf("closed workflows are kept for less than %d days", days(MinRetention))
	attributes := ourAttributes()
	names := slices.Sorted(maps.Keys(attributes))
	if OnCloud(address) {
		add("retention", short, "tcld namespace retention set --namespace %s --retention-days %d", ns, days(p.Retention))
		var list strings.Builder
		for _, name := range names {
			list.WriteString(" --search-attribute " + name + "=" + attributes[name].String())
		}
		add("search attributes", "", "tcld namespace search-attributes add --namespace %s%s", ns, &list)
	} else {
		add("namespace", "", "temporal operator namespace create --namespace %s --retention %dd", ns, days(p.Retention))
		add("retention", short, "temporal operator namespace update --namespace %s --retention %dd", ns, days(p.Retention))
		var list strings.Builder
		for _, name := range names {
			list.WriteString(" --name " + name + " --type " + attributes[name].String())
		}
		add("search attributes", "", "temporal operator search-attribute create --namespace %s%s", ns, &list)
	}
	if p.NexusEndpoint != "" {
		tool := "temporal operator nexus"
		if OnCloud(address) {
			tool = "tcld nexus"
		}
		add("Nexus endpoint", "", "%s endpoint create --name %s --target-namespace %s --target-task-queue %s", tool, quoted(p.NexusEndpoint), ns, contract.TaskQueueNexus)
	}
	for _, limit := range []struct {
		queue, setting string
		rate           float64
	}{{contract.TaskQueueDial, "AFTERCALL_DIAL_RATE", p.Dial}, {contract.TaskQueueLookup, "AFTERCALL_LOOKUP_RATE", p.Lookup}} {
		onlyIf := ""
		if limit.queue == contract.TaskQueueDial {
			onlyIf = "nobody has stopped dialling, which this would end"
		}
		add("rate, which workers hold to by themselves too", onlyIf, "temporal task-queue config set --namespace %s --task-queue %s --task-queue-type activity --queue-rps-limit %g --queue-rps-limit-reason %s",
			ns, limit.queue, limit.rate, limit.setting)
	}
	return out
}

// OnCloud reports whether an address is Temporal Cloud's, whose namespaces are not managed through Temporal's own
// API.
func OnCloud(address string) bool {
	host := strings.ToLower(hostOf(address))
	return strings.HasSuffix(host, ".tmprl.cloud") || strings.HasSuffix(host, ".api.temporal.io")
}

var plain = regexp.MustCompile(`^[\w./:@-]+$`)

// quoted quotes a word for a shell.
func quoted(word string) string {
	if plain.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
