package dev

import (
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// banner is the text that a program prints once it is ready.
type banner struct {
	stack   *Stack
	data    *data
	ignored []string
	real    bool
	uiNote  string
	took    time.Duration
}

// paint wraps a text in an escape sequence, or returns it unchanged.
type paint func(code, text string) string

const (
	bold  = "1"
	dim   = "2"
	green = "32"
	red   = "1;31"
	cyan  = "36"
)

func colours(on bool) paint {
	return func(code, text string) string {
		if !on {
			return text
		}
		return "\x1b[" + code + "m" + text + "\x1b[0m"
	}
}

func isTerminal(f *os.File) bool { return os.Getenv("NO_COLOR") == "" && term.IsTerminal(int(f.Fd())) }

func (b banner) text(coloured bool) string {
	p := colours(coloured)
	var out strings.Builder
	row := func(name, value, note string) {
		line := fmt.Sprintf("  %s%s", p(bold, fmt.Sprintf("%-17s", name)), p(cyan, value))
		if note != "" {
			line += p(dim, "   "+note)
		}
		fmt.Fprintln(&out, line)
	}
	fmt.Fprintf(&out, "\n%s %s\n\n", p(green, "aftercall is ready"), p(dim, "after "+b.took.Round(100*time.Millisecond).String()))
	b.places(row)
	fmt.Fprintln(&out)
	b.keys(row)
	if b.real {
		fmt.Fprintf(&out, "\n  %s\n", p(red, "The provider is real: calls ring real phones. Register the webhook with `aftercall webhook register`."))
	}
	for _, line := range b.stack.left {
		fmt.Fprintf(&out, "\n  %s %s\n", p(bold, "setup:"), line)
	}
	if len(b.ignored) > 0 {
		fmt.Fprintf(&out, "\n  Ignored, for they lead to a real provider (see --real-provider):\n    %s\n", strings.Join(b.ignored, " "))
	}
	fmt.Fprintf(&out, "\n  %s\n", p(bold, "Try"))
	for _, try := range b.tries() {
		fmt.Fprintf(&out, "  %s\n    %s\n", p(dim, "# "+try.what), try.command)
	}
	fmt.Fprintf(&out, "\n  %s\n\n", p(dim, "Ctrl-C ends it."))
	return out.String()
}

func (b banner) places(row func(name, value, note string)) {
	row("API, webhook", b.stack.URL(), "reference at /docs")
	if ui := b.stack.UIURL(); ui != "" {
		row("Temporal UI", ui, b.uiNote)
	}
	row("Temporal", b.stack.TemporalAddress(), "namespace "+b.stack.TemporalNamespace())
	if sim := b.stack.Simulator(); sim != nil {
		row("Simulator", sim.URL(), "no phone rings; /simulator/endings says which number does what")
	}
	row("Codec server", b.stack.CodecURL(), "the UI reads through it; temporal workflow show --codec-endpoint takes it")
	row("Admin", b.stack.AdminURL(), "/readyz /metrics")
	if b.data.kept {
		row("Data", b.data.dir, "encrypted with what is in its file keys: keep a copy of that file elsewhere")
	} else {
		row("Data", "in memory", "gone at the end; --data DIR keeps it")
	}
}

func (b banner) keys(row func(name, value, note string)) {
	c := b.stack.Credentials()
	note := "of this start"
	if b.data.kept {
		note = "kept in the data folder"
	}
	row("API key", c.APIKey, note)
	row("Webhook user", c.WebhookUser+":"+c.WebhookPassword, "")
}

// try is a command for a newcomer.
type try struct{ what, command string }

// tries returns commands that show a call from its request to its recording. They work as printed, in this order.
func (b banner) tries() []try {
	c, url := b.stack.Credentials(), b.stack.URL()
	curl := "curl -s"
	if strings.HasPrefix(url, "https") {
		curl += "k" // its certificate may name another host
	}
	auth := "-H 'Authorization: Bearer " + c.APIKey + "'"
	call := "hello-" + time.Now().Format("150405")
	if b.real {
		return []try{{"what the API can do", curl + " " + url + "/openapi.json"}}
	}
	return []try{
		{
			"post a notification, as the provider does for a call that was placed elsewhere",
			fmt.Sprintf(curl+` -u '%s:%s' %s -d '{"callId":"%s","callSid":"leg-1","direction":"OUTBOUND","from":"+966112000000","to":"+966500000000","status":"COMPLETED","duration":42}'`,
				c.WebhookUser, c.WebhookPassword, b.stack.WebhookURL(), call),
		},
		{"ask what became of it", fmt.Sprintf(curl+" %s '%s/v1/calls/%s?wait=60s'", auth, url, call)},
		{"place a call that is recorded, and see it in the Temporal UI", fmt.Sprintf(
			curl+` %s %s/v1/outbound-calls -d '{"referenceId":"%s","to":"+966500000005","callerId":"+966112000000","type":"tts","tts":{"text":"Hello"}}'`,
			auth, url, call)},
	}
}
