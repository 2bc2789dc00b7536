// Package doctor examines a deployment: it checks every connection that aftercall needs, and says what to do.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	taskqueuepb "go.temporal.io/api/taskqueue/v1"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/apiclient"
	"github.com/aftercall/aftercall/internal/config"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/folder"
	"github.com/aftercall/aftercall/internal/inbox"
	"github.com/aftercall/aftercall/internal/keys"
	"github.com/aftercall/aftercall/internal/phone"
	"github.com/aftercall/aftercall/internal/recordings"
	"github.com/aftercall/aftercall/internal/temporalclient"
	"github.com/aftercall/aftercall/internal/unifonic"
)

// Finding is the result of one check. Detail says what was found, Advice what to do about a failure.
type Finding struct {
	Check  string `json:"check"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
	Advice string `json:"advice,omitempty"`
}

// At overrides the addresses of a running aftercall that the configuration gives.
type At struct {
	AdminURL string
	APIURL   string // empty: the API is not checked
	APIKey   string
}

// Deployment holds what Examine checks.
type Deployment struct {
	Config   config.Config
	Temporal client.Options
	At       At
	Keys     func(config.Config) (*keys.Ring, error)       // opened from the settings, as serve and worker do
	Provider func(config.Config) (*unifonic.Client, error) // made as the worker makes it
}

// doctor examines one deployment.
type doctor struct {
	Deployment
	client client.Client
}

// askTemporal lists the checks that need Temporal to answer.
var askTemporal = []string{"namespace", "search attributes", "workers", "workflows", "callbacks", "clock", "dialling", "nexus"}

// checkTimeout bounds each check.
const checkTimeout = 8 * time.Second

// Examine checks every connection that aftercall needs, from this process. It changes nothing, except that it writes a
// probe into the inbox, the recordings store and the dial ledger if they exist. It names each fault once.
func Examine(ctx context.Context, what Deployment) []Finding {
	c, err := temporalclient.New(what.Temporal, nil, nil, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		return []Finding{{Check: "temporal", Detail: err.Error(), Advice: "correct the TEMPORAL_… variables"}}
	}
	defer c.Close()
	d := doctor{what, c}
	var out []Finding
	hidden := false // nothing can be asked of Temporal
	for _, check := range []struct {
		name   string
		run    func(context.Context) (string, error)
		advice string
	}{
		{"settings", d.settings, "set the variable; aftercall config lists all"},
		{"keys", d.keys, "set both to the output of aftercall keys new, the same in serve and worker"},
		{"temporal", d.health, "start Temporal, or set TEMPORAL_ADDRESS"},
		{"namespace", d.namespace, "run aftercall setup"},
		{"search attributes", d.attributes, "run aftercall setup"},
		{"workers", d.workers, "start aftercall worker, or aftercall run"},
		{"workflows", d.stuck, "open them in the Temporal UI: the failed workflow task names the cause; a release that fixes it lets them continue"},
		{"callbacks", d.callbacks, "aftercall callback list --attention callback-undelivered lists them, callback show names the reason, callback retry sends them again"},
		{"clock", d.clock, "set this machine's clock, e.g. by NTP; deadlines still hold, by Temporal's clock"},
		{"dialling", d.dialling, "start Temporal, or set TEMPORAL_ADDRESS"},
		{"nexus", d.nexus, "start aftercall worker, or aftercall run"},
		{"inbox", d.inbox, "set AFTERCALL_INBOX_URL to a writable folder with free space"},
		{"recordings", d.recordings, "set AFTERCALL_RECORDINGS_URL to a writable place"},
		{"recording hosts", d.recordingHosts, "set it to the hosts in the provider's recordingUrl; until then recordings wait, and they expire after 72 hours"},
		{"dial ledger", d.ledger, "set AFTERCALL_DIAL_LEDGER_URL to a writable place: until then nothing is dialled"},
		{"provider", d.provider, "check AFTERCALL_UNIFONIC_BASE_URL and AFTERCALL_UNIFONIC_APPS_ID"},
		{"api", d.api, "set AFTERCALL_API_URL, or --api-url, to the URL of a running serve"},
	} {
		if hidden && slices.Contains(askTemporal, check.name) || check.name == "api" && what.At.APIURL == "" {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, checkTimeout)
		detail, err := check.run(ctx)
		cancel()
		f := Finding{Check: check.name, OK: err == nil, Detail: detail}
		if err != nil {
			var blocks bool
			f.Detail = oneLine(err)
			f.Advice, blocks = cureOf(err, check.advice)
			if hidden = hidden || blocks; blocks {
				f.Detail += "; the other checks of Temporal were skipped"
			}
		}
		out = append(out, f)
	}
	return out
}

func oneLine(err error) string {
	return phone.Redact(strings.Join(strings.Fields(err.Error()), " "))
}

func (d doctor) settings(context.Context) (string, error) {
	if err := errors.Join(d.Config.Validate(), d.Config.ForServe(), d.Config.ForWorker()); err != nil {
		return "", err
	}
	if len(d.Config.APIKeys) == 0 {
		return "valid; AFTERCALL_API_KEYS is not set, so the API answers 401 to everyone", nil
	}
	return "valid", nil
}

// keys checks that there are keys, and that the namespace was set up with the same hash key.
func (d doctor) keys(ctx context.Context) (string, error) {
	ring, err := d.Keys(d.Config)
	if err != nil {
		return "", err
	}
	if err := ring.Missing(); err != nil {
		return "", fmt.Errorf("numbers, codes, texts and URLs are kept in clear: %w", err)
	}
	ours := ring.Hash().Fingerprint()
	if there, err := temporalclient.KeysFingerprint(ctx, d.client, d.Temporal.Namespace); err == nil && there != "" && there != ours {
		return "", fmt.Errorf("namespace %s belongs to an aftercall with another AFTERCALL_HASH_KEY: %s there, %s here", d.Temporal.Namespace, there, ours)
	}
	return fmt.Sprintf("%s encrypts; hash key %s", ring.IDs()[0], ours), nil
}

func (d doctor) health(ctx context.Context) (string, error) {
	_, err := d.client.CheckHealth(ctx, &client.CheckHealthRequest{})
	return "answers at " + d.Temporal.HostPort, blocked(wrap(d.Temporal.HostPort, err))
}

func (d doctor) namespace(ctx context.Context) (string, error) {
	r, err := d.client.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: d.Temporal.Namespace})
	if err != nil {
		return "", blocked(wrap(d.Temporal.Namespace, err))
	}
	kept := r.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration()
	if kept < temporalclient.MinRetention {
		return "", cured(fmt.Errorf("%s keeps closed workflows for only %s: repeated notifications and requests must be recognised for at least %s",
			d.Temporal.Namespace, kept, temporalclient.MinRetention), "raise its retention: temporal operator namespace update --retention 30d -n "+d.Temporal.Namespace)
	}
	return fmt.Sprintf("%s keeps closed workflows for %d days", d.Temporal.Namespace, int(kept.Hours()/24)), nil
}

func (d doctor) attributes(ctx context.Context) (string, error) {
	found, err := temporalclient.CheckAttributes(ctx, d.client, d.Temporal.Namespace)
	if err != nil {
		return "", err
	}
	if err := found.Err(); err != nil {
		return "", err
	}
	text := fmt.Sprintf("all %d are registered", len(calls.SearchAttributes()))
	if found.NoParties != "" {
		text = fmt.Sprintf("%d of %d are registered; %s, so aftercall erase opens every workflow", len(calls.SearchAttributes())-1, len(calls.SearchAttributes()), found.NoParties)
	}
	if found.Slots != nil {
		text += "; slots of SQL visibility in use: " + found.Slots.String()
	}
	return text, nil
}

func (d doctor) workers(ctx context.Context) (string, error) {
	unpolled := ""
	queues := slices.DeleteFunc(contract.TaskQueues(), func(q string) bool { return q == contract.TaskQueueNexus }) // see nexus
	if d.Config.DialRate == 0 {
		queues = slices.DeleteFunc(queues, func(q string) bool { return q == contract.TaskQueueDial })
		unpolled = "; AFTERCALL_DIAL_RATE is 0, so no worker needs to poll " + contract.TaskQueueDial
	}
	for _, queue := range queues {
		r, err := d.client.WorkflowService().DescribeTaskQueue(ctx, &workflowservice.DescribeTaskQueueRequest{
			Namespace: d.Temporal.Namespace, TaskQueue: &taskqueuepb.TaskQueue{Name: queue}, TaskQueueType: enumspb.TASK_QUEUE_TYPE_ACTIVITY,
		})
		if err != nil {
			return "", wrap(queue, err)
		}
		if len(r.GetPollers()) == 0 {
			return "", fmt.Errorf("no worker polls task queue %s", queue)
		}
	}
	return fmt.Sprintf("workers poll all %d task queues%s", len(queues), unpolled), nil
}

// stuck finds workflows whose task keeps failing.
func (d doctor) stuck(ctx context.Context) (string, error) {
	r, err := d.client.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: d.Temporal.Namespace, Query: desk.StuckQuery()})
	switch {
	case err != nil:
		return "", blocked(wrap(d.Temporal.Namespace, err))
	case r.GetCount() > 0:
		return "", fmt.Errorf("%d workflows cannot continue (TemporalReportedProblems is not null)", r.GetCount())
	}
	return "none is stuck", nil
}

// callbacks finds those that nobody takes, and settings that go together and are not there together.
func (d doctor) callbacks(ctx context.Context) (string, error) {
	hosts, secrets := d.Config.CallbackHosts, d.Config.CallbackSecrets
	if (len(hosts) == 0) != (len(secrets) == 0) {
		return "", cured(errors.New("of AFTERCALL_CALLBACK_HOSTS and AFTERCALL_CALLBACK_SECRETS one is set alone, so that nobody is called back"),
			"set both, the same in serve and worker")
	}
	r, err := d.client.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: d.Temporal.Namespace, Query: desk.UndeliveredQuery()})
	switch {
	case err != nil:
		return "", wrap(d.Temporal.Namespace, err)
	case r.GetCount() > 0:
		return "", fmt.Errorf("%d are late or given up: whoever is called back does not take them", r.GetCount())
	case len(hosts) == 0:
		return "nobody may be called back: AFTERCALL_CALLBACK_HOSTS is not set", nil
	}
	return "all are delivered, or tried since less than an hour; to " + strings.Join(hosts, ", "), nil
}

// inbox asks the serve that holds the inbox. If none answers here, it tries the file, if there is one.
func (d doctor) inbox(ctx context.Context) (string, error) {
	if d.At.AdminURL != "" {
		return "a running serve at " + d.At.AdminURL + " says it is ready", d.ready(ctx)
	}
	if inbox.Shared(d.Config.InboxURL) {
		return d.sharedInbox(ctx)
	}
	if path, ok := strings.CutPrefix(d.Config.InboxURL, "sqlite:"); ok {
		if missing(path) {
			return "no file is at " + path + " yet; serve makes it at its first start", nil
		}
	}
	in, err := inbox.Open(ctx, d.Config.InboxURL, inbox.Options{})
	if errors.Is(err, inbox.ErrInUse) {
		return "in use by a running serve, which is ready", d.ready(ctx)
	}
	if err != nil {
		return "", err
	}
	return "can be written", errors.Join(in.Ready(ctx), in.Close())
}

// sharedInbox tries the database itself: whoever serves with it needs it as it is seen from here.
func (d doctor) sharedInbox(ctx context.Context) (string, error) {
	err := inbox.Probe(ctx, d.Config.InboxURL)
	switch {
	case errors.Is(err, inbox.ErrNotMade):
		return "its database has no tables yet; serve makes them at its first start", nil
	case err != nil:
		return "", cured(errors.New(config.WithoutURL(err, d.Config.InboxURL)), "start the database that AFTERCALL_INBOX_URL names, or correct its address and password")
	}
	return "its database takes durable writes, from any number of serves", nil
}

// admin is a client of the admin listener of a running serve, and where that is.
func (d doctor) admin() (admin *apiclient.Client, where string, err error) {
	where, own := d.At.AdminURL, d.At.AdminURL == ""
	if own {
		where = d.Config.Reach(d.Config.AdminAddr)
	}
	admin, err = apiclient.New(where, d.Config.AdminToken)
	if err == nil && own && d.Config.TLSCertFile != "" {
		err = admin.TrustOnly(d.Config.TLSCertFile)
	}
	return admin, where, err
}

func (d doctor) ready(ctx context.Context) error {
	own := d.At.AdminURL == ""
	admin, where, err := d.admin()
	if err != nil {
		return cured(err, "correct --admin-url")
	}
	_, err = admin.Do(ctx, http.MethodGet, "/readyz", nil)
	var answer *apiclient.Error
	switch {
	case errors.As(err, &answer):
		return cured(fmt.Errorf("the serve at %s is not ready: status %d", where, answer.Status), "see aftercall health, or its log")
	case err != nil && own:
		return cured(fmt.Errorf("a running serve holds the inbox but does not answer at AFTERCALL_ADMIN_ADDR: %w", err),
			"set AFTERCALL_ADMIN_ADDR to that serve's value, or give --admin-url")
	case err != nil:
		return cured(fmt.Errorf("no serve answers: %w", err), "set --admin-url to the admin listener of a running serve")
	}
	return nil
}

// api sends the API a request that needs its key and Temporal.
func (d doctor) api(ctx context.Context) (string, error) {
	api, err := apiclient.New(d.At.APIURL, d.At.APIKey)
	if err != nil {
		return "", cured(err, "correct --api-url, or AFTERCALL_API_URL")
	}
	_, err = api.Do(ctx, http.MethodGet, "/v1/calls?limit=1", nil)
	var answer *apiclient.Error
	switch {
	case errors.As(err, &answer) && (answer.Status == http.StatusUnauthorized || answer.Status == http.StatusForbidden):
		return "", cured(err, "set AFTERCALL_API_KEY to one of that server's AFTERCALL_API_KEYS, without its name")
	case errors.As(err, &answer):
		return "", cured(err, answer.Detail)
	}
	return "answers at " + d.At.APIURL, err
}

func (d doctor) recordings(ctx context.Context) (string, error) {
	if says := notMade(d.Config.RecordingsURL); says != "" {
		return says, nil
	}
	store, err := recordings.OpenStore(ctx, d.Config.RecordingsURL)
	if err != nil {
		return "", err
	}
	return "can be written", errors.Join(store.Writable(ctx), store.Close())
}

// notMade reports that a store's folder does not exist yet. Its first user makes it; doctor does not, because it may run on
// another machine than serve and worker.
func notMade(rawURL string) string {
	if !strings.HasPrefix(rawURL, folder.Scheme) {
		return ""
	}
	if dir, err := folder.Path(rawURL); err == nil && missing(dir) {
		return "no folder is at " + dir + " yet; aftercall makes it at its first start"
	}
	return ""
}

func missing(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}

func (d doctor) recordingHosts(context.Context) (string, error) {
	if len(d.Config.RecordingHosts) == 0 {
		return "", errors.New("AFTERCALL_RECORDING_HOSTS is not set, so no recording can be fetched")
	}
	return "fetched from " + strings.Join(d.Config.RecordingHosts, ", "), nil
}

func (d doctor) provider(ctx context.Context) (string, error) {
	c, err := d.Provider(d.Config)
	if err != nil {
		return "", err
	}
	w, err := c.Webhook(ctx)
	if errors.Is(err, unifonic.ErrNotFound) || err == nil && w.URL == "" {
		return "", cured(errors.New("no webhook is registered, so the provider sends no notifications"), "run aftercall webhook register URL")
	}
	if err != nil {
		return "", err
	}
	return "notifies " + w.URL, nil
}

// wrap prefixes an error with its subject. It returns nil for nil.
func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
