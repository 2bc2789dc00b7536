package archtest

// Command is a shell command in a fenced block of README.md or docs.
type Command struct {
	Text   string // as the document has it; at the end … stands for anything
	Says   string // what its output contains
	NotRun string // why devstack/e2e does not run it; empty: it does
}

const (
	sets      = "sets what the test sets itself"
	builds    = "compiles for minutes; CI runs it, or the same build"
	forever   = "does not end by itself; package devstack and other whole-system tests start it"
	container = "needs a container engine: make compose-test runs the deployment"
	checkout  = "changes the checkout"
	cluster   = "needs a Kubernetes cluster: devstack/helmchart runs what the chart renders"
)

// Commands returns every documented command. Those that devstack/e2e runs are in its order; there <callId> stands for the
// first call and <mask> for the first masking session.
func Commands() []Command {
	return []Command{
		{Text: "aftercall setup"},
		{Text: "bin/aftercall setup"},
		{Text: "aftercall doctor", Says: "✓"},
		{Text: "bin/aftercall doctor", Says: "✓"},
		{Text: "bin/aftercall call place --to +966500000004 --caller-id +966115219000 --secondary-caller-id +966115219001 " +
			`--text "Your order is here." --wait`, Says: "COMPLETED"},
		{Text: "bin/aftercall call list", Says: "COMPLETED"},
		{Text: "aftercall call list --since 1h", Says: "COMPLETED"},
		{Text: "aftercall call show <callId>", Says: "<callId>"},
		{Text: "aftercall call events <callId>", Says: "accepted"},
		{Text: "aftercall recording list <callId>"},
		{Text: `curl -H "Authorization: Bearer $AFTERCALL_API_KEY" http://127.0.0.1:8080/v1/calls/<callId>?wait=45s`, Says: `"final":true`},
		{Text: "aftercall mask open --from +966500000001 --to +966500000002", Says: "Number to call"},
		{Text: `curl http://127.0.0.1:8081/simulator/masked-call -d '{"maskId": "<mask>", "from": "+966500000001", "recorded": true}'`, Says: "outboundCallId"},
		{Text: "aftercall mask show <mask>", Says: "<mask>"},
		{Text: "curl http://127.0.0.1:8081/simulator/notify " +
			`-d '{"callId": "hello-1", "callSid": "leg-1", "to": "+966500000000", "status": "PARKED"}'`, Says: "accepted"},
		{Text: "aftercall erase --phone +966500000005 --dry-run", Says: "Would be removed"},
		{Text: "aftercall erase --phone +966500000005 --export person.json", Says: "Removed"},
		{Text: "aftercall dial start --rate 1", Says: "1 per second"},
		{Text: `aftercall call place --to <your number> --caller-id <your caller ID> --text "This is a test." --wait`, Says: "COMPLETED"},
		{Text: "aftercall webhook register https://your.host/webhooks/unifonic --dry-run", Says: "Nothing was registered"},
		{Text: "bin/aftercall webhook register https://your.host/webhooks/unifonic", Says: "https://"},
		{Text: "aftercall webhook register https://your.host/webhooks/unifonic", Says: "https://"},
		{Text: "aftercall webhook register https://your.host/webhooks/unifonic --masking", Says: "https://"},
		{Text: "make dev", NotRun: forever},
		{Text: "bin/aftercall run", NotRun: forever},
		{Text: "aftercall run", NotRun: forever},
		{Text: "make test", NotRun: builds},
		{Text: "make build", NotRun: builds},
		{Text: "go run ./hello", NotRun: builds},
		{Text: "mkdir -p hello", NotRun: checkout},
		{Text: "cp .env.example .env", NotRun: checkout},
		{Text: "git pull && make build", NotRun: checkout},
		{Text: "git pull && scripts/make-secrets && make image", NotRun: checkout},
		{Text: "scripts/make-secrets", NotRun: checkout},
		{Text: "export …", NotRun: sets},
		{Text: "docker …", NotRun: container},
		{Text: "kubectl …", NotRun: cluster},
		{Text: "helm …", NotRun: cluster},
		{Text: "scripts/make-secrets && docker …", NotRun: container},
		{Text: "for v in …", NotRun: container},
	}
}
