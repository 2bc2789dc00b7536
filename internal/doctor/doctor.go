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

// Finding is what one check found. Detail says what is, Advice what to do about a failure.
type Finding struct {
	Check  string `json:"check"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
	Advice string `json:"advice,omitempty"`
}

// At says where a running aftercall is asked, where that is not what the configuration says.
type At struct {
	AdminURL string
	APIURL   string // empty: the API is not asked
	APIKey   string
}

// Deployment is what is examined.
type Deployment struct {
	Config   config.Config
	Temporal client.Options
	At       At
	Keys     func(config.Config) (*keys.Ring, error)       // those that the settings name, as serve and worker find them
	Provider func(config.Config) (*unifonic.Client, error) // as the worker makes it
}

// doctor examines one deployment.
type doctor struct {
	Deployment
	client client.Client
}

// askTemporal names the checks that need a Temporal that answers.
var askTemporal = []string{"namespace", "search attributes", "workers", "workflows", "clock", "dialling"}

// checkTimeout bounds each check.
const checkTimeout = 8 * time.Second

// Examine checks every connection that aftercall needs, from the process that asks. It changes nothing but for a probe in
// the inbox, the store of recordings and the dial ledger, each where it is there. Each fault is named once.
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
		{"keys", d.keys, "set both to what aftercall keys new prints, the same in serve and worker"},
		{"temporal", d.health, "start Temporal, or set TEMPORAL_ADDRESS"},
		{"namespace", d.namespace, "run aftercall setup"},
		{"search attributes", d.attributes, "run aftercall setup"},
		{"workers", d.workers, "start aftercall worker, or aftercall run"},
		{"workflows", d.stuck, "look at them in the Temporal UI: the failed workflow task names the cause; a release that mends it lets them go on"},
		{"clock", d.clock, "set this machine's clock, e.g. by NTP; deadlines hold all the same, by Temporal's"},
		{"dialling", d.dialling, "start Temporal, or set TEMPORAL_ADDRESS"},
		{"inbox", d.inbox, "give AFTERCALL_INBOX_URL a folder that can be written, with space left"},
		{"recordings", d.recordings, "give AFTERCALL_RECORDINGS_URL a place that can be written"},
		{"recording hosts", d.recordingHosts, "set it to the hosts in the provider's recordingUrl; until then recordings wait, and are lost after 72 hours"},
		{"dial ledger", d.ledger, "give AFTERCALL_DIAL_LEDGER_URL a place that can be written: until then nothing is dialled"},
		{"provider", d.provider, "check AFTERCALL_UNIFONIC_BASE_URL and AFTERCALL_UNIFONIC_APPS_ID"},
		{"api", d.api, "set AFTERCALL_API_URL, or --api-url, to where a running serve has its API"},
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
				f.Detail += "; what else Temporal would be asked was left out"
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
		return "valid; AFTERCALL_API_KEYS is not set, so the API answers 401 to everybody", nil
	}
	return "valid", nil
}

// keys checks that there are keys, and that the namespace is that of the same hash key.
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
		return "", fmt.Errorf("namespace %s is that of an aftercall with another AFTERCALL_HASH_KEY: %s there, %s here", d.Temporal.Namespace, there, ours)
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
		return "", cured(fmt.Errorf("%s keeps closed workflows for %s only: for at least %s a repeated notification or request must be recognised",
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
	if found.Slots != nil {
		text += "; slots of SQL visibility in use: " + found.Slots.String()
	}
	return text, nil
}

func (d doctor) workers(ctx context.Context) (string, error) {
	queues, unpolled := contract.TaskQueues(), ""
	if d.Config.DialRate == 0 {
		queues = slices.DeleteFunc(queues, func(q string) bool { return q == contract.TaskQueueDial })
		unpolled = "; AFTERCALL_DIAL_RATE is 0: nobody needs to poll " + contract.TaskQueueDial
	}
	for _, queue := range queues {
		r, err := d.client.WorkflowService().DescribeTaskQueue(ctx, &workflowservice.DescribeTaskQueueRequest{
			Namespace: d.Temporal.Namespace, TaskQueue: &taskqueuepb.TaskQueue{Name: queue}, TaskQueueType: enumspb.TASK_QUEUE_TYPE_ACTIVITY,
		})
		if err != nil {
			return "", wrap(queue, err)
		}
		if len(r.GetPollers()) == 0 {
			return "", fmt.Errorf("nobody polls task queue %s", queue)
		}
	}
	return fmt.Sprintf("all %d task queues are polled%s", len(queues), unpolled), nil
}

// stuck finds workflows whose task keeps failing.
func (d doctor) stuck(ctx context.Context) (string, error) {
	r, err := d.client.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: d.Temporal.Namespace, Query: desk.StuckQuery()})
	switch {
	case err != nil:
		return "", blocked(wrap(d.Temporal.Namespace, err))
	case r.GetCount() > 0:
		return "", fmt.Errorf("%d workflows cannot go on (TemporalReportedProblems is not null)", r.GetCount())
	}
	return "none is stuck", nil
}

// inbox asks the serve that holds the inbox; where none answers here, the file is tried, if there is one.
func (d doctor) inbox(ctx context.Context) (string, error) {
	if d.At.AdminURL != "" {
		return "a running serve at " + d.At.AdminURL + " says it is ready", d.ready(ctx)
	}
	if path, ok := strings.CutPrefix(d.Config.InboxURL, "sqlite:"); ok {
		if missing(path) {
			return "none is at " + path + " yet; serve makes it at its first start", nil
		}
	}
	in, err := inbox.Open(ctx, d.Config.InboxURL, inbox.Options{})
	if errors.Is(err, inbox.ErrInUse) {
		return "in use by a running serve, which says it is ready", d.ready(ctx)
	}
	if err != nil {
		return "", err
	}
	return "can be written", errors.Join(in.Ready(ctx), in.Close())
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
		return cured(fmt.Errorf("the serve at %s says it is not ready: status %d", where, answer.Status), "aftercall health says why, and so does its log")
	case err != nil && own:
		return cured(fmt.Errorf("a running serve holds it, but does not answer at AFTERCALL_ADMIN_ADDR: %w", err),
			"set AFTERCALL_ADMIN_ADDR as that serve has it, or give --admin-url")
	case err != nil:
		return cured(fmt.Errorf("no serve answers: %w", err), "give --admin-url the admin listener of a running serve")
	}
	return nil
}

// api asks the API something that needs its key and Temporal.
func (d doctor) api(ctx context.Context) (string, error) {
	api, err := apiclient.New(d.At.APIURL, d.At.APIKey)
	if err != nil {
		return "", cured(err, "correct --api-url, or AFTERCALL_API_URL")
	}
	_, err = api.Do(ctx, http.MethodGet, "/v1/calls?limit=1", nil)
	var answer *apiclient.Error
	switch {
	case errors.As(err, &answer) && (answer.Status == http.StatusUnauthorized || answer.Status == http.StatusForbidden):
		return "", cured(err, "set AFTERCALL_API_KEY to one of that serve's AFTERCALL_API_KEYS, without its name")
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

// notMade says of a store in a folder that is not there yet that its first user makes it. Doctor does not: it may run
// elsewhere than serve and worker do.
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
		return "", errors.New("AFTERCALL_RECORDING_HOSTS is not set, so that no recording can be fetched")
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
		return "", cured(errors.New("no webhook is registered, so that the provider notifies nobody"), "run aftercall webhook register URL")
	}
	if err != nil {
		return "", err
	}
	return "notifies " + w.URL, nil
}

// wrap says what an error is about; nil stays nil.
func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
