package handlers

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/aftercall/aftercall/internal/ids"
	"github.com/aftercall/aftercall/internal/inbox"
	"github.com/aftercall/aftercall/internal/listener"
	"github.com/aftercall/aftercall/internal/phone"
	"github.com/aftercall/aftercall/internal/unifonic"
)

// commitTimeout bounds how long the provider waits for the inbox. It is well below the server's write timeout.
const commitTimeout = 5 * time.Second

// Inbox stores notifications before they are acknowledged.
type Inbox interface {
	// Append stores a notification durably. After any error it is not acknowledged, and the provider sends it again.
	Append(ctx context.Context, n inbox.Notification) (inbox.Receipt, error)
	// AppendDeadLetter stores a body without a key durably. It returns its id.
	AppendDeadLetter(ctx context.Context, r inbox.Refused) (id string, duplicate bool, err error)
}

// Results of a notification, for metrics.
const (
	ResultAccepted    = "accepted"
	ResultDuplicate   = "duplicate"
	ResultNotJSON     = "not-json"
	ResultNoKey       = "no-key"
	ResultUnavailable = "unavailable"
)

// WebhookOptions configures the webhook.
type WebhookOptions struct {
	Inbox                Inbox
	Parser               unifonic.Parser
	LogIn                *LogIn
	Names                ids.Namer                                    // of calls
	AllowUnauthenticated bool                                         // only for a trusted network: anyone there can forge a notification
	Wake                 func()                                       // called after each new notification; may be nil
	Storing              func() (stored func())                       // called before each is stored, and stored after it; may be nil
	Observe              func(result string)                          // called with one of the results; may be nil
	Heard                func(n unifonic.Notification, result string) // called with each notification, to show it to a developer; may be nil
	Log                  *slog.Logger
	Now                  func() time.Time // nil: time.Now
}

type webhook struct{ WebhookOptions }

// notificationAnswer is the answer to an accepted notification.
type notificationAnswer struct {
	Status   string `json:"status"` // "accepted" or "duplicate"
	EventKey string `json:"eventKey"`
	CallKey  string `json:"callKey"`
}

// MountWebhook adds POST /webhooks/unifonic.
func MountWebhook(r gin.IRouter, o WebhookOptions) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Wake == nil {
		o.Wake = func() {}
	}
	if o.Storing == nil {
		o.Storing = func() func() { return func() {} }
	}
	if o.Observe == nil {
		o.Observe = func(string) {}
	}
	logIn := o.LogIn.basic
	if o.AllowUnauthenticated {
		logIn = func(c *gin.Context) { listener.Authenticated(c.Request.Context(), listener.Webhook) }
	}
	r.POST(webhookPath, logIn, webhook{o}.receive)
}

// receive answers 200 only after the inbox has committed the notification.
func (w webhook) receive(c *gin.Context) {
	body, ok := readBody(c)
	if !ok {
		return
	}
	// A sender that hangs up must not cancel a commit that may have happened.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request.Context()), commitTimeout)
	defer cancel()
	n, err := w.Parser.Notification(body)
	switch {
	case errors.Is(err, unifonic.ErrNoKey):
		w.refuse(ctx, c, body, inbox.ReasonNoKey, err)
	case err != nil:
		w.refuse(ctx, c, body, inbox.ReasonNotJSON, err)
	default:
		w.accept(ctx, c, body, n)
	}
}

func (w webhook) accept(ctx context.Context, c *gin.Context, body []byte, n unifonic.Notification) {
	answer := notificationAnswer{Status: ResultAccepted, EventKey: n.EventKey(), CallKey: w.Names.Key(n.Key())}
	receipt, err := w.store(ctx, inbox.Notification{
		EventKey: answer.EventKey, CallKey: answer.CallKey, Body: body, ReceivedAt: w.Now().UTC(),
	})
	if err != nil {
		w.unavailable(c, err)
		return
	}
	if receipt.Duplicate {
		answer.Status = ResultDuplicate
	} else {
		w.Wake()
	}
	w.Observe(answer.Status)
	if w.Heard != nil {
		w.Heard(n, answer.Status)
	}
	c.JSON(http.StatusOK, answer)
}

func (w webhook) store(ctx context.Context, n inbox.Notification) (inbox.Receipt, error) {
	defer w.Storing()()
	return w.Inbox.Append(ctx, n)
}

// refuse keeps a body that can never be delivered as it is, and answers with its id.
func (w webhook) refuse(ctx context.Context, c *gin.Context, body []byte, reason inbox.Reason, cause error) {
	why := phone.Redact(cause.Error())
	if encoding := c.GetHeader("Content-Encoding"); encoding != "" {
		why += " (Content-Encoding: " + phone.Redact(encoding[:min(len(encoding), 40)]) + ")"
	}
	id, _, err := w.Inbox.AppendDeadLetter(ctx, inbox.Refused{Body: body, Reason: reason, Detail: why, ReceivedAt: w.Now().UTC()})
	if err != nil {
		w.unavailable(c, err)
		return
	}
	w.Log.Warn("notification refused and kept as dead letter", "deadLetterId", id, "reason", reason)
	if reason == inbox.ReasonNoKey {
		w.Observe(ResultNoKey)
		failWith(c, problemNoKey, Problem{DeadLetterID: id, Detail: "Send a callId, or at least a callSid. " +
			"The notification was kept: aftercall inbox show " + id + "."})
		return
	}
	w.Observe(ResultNotJSON)
	failWith(c, problemNotJSON, Problem{DeadLetterID: id, Detail: "Send one JSON object, nested at most 32 deep, and nothing after it (" + why +
		"). The body was kept: aftercall inbox show " + id + "."})
}

func (w webhook) unavailable(c *gin.Context, err error) {
	w.Observe(ResultUnavailable)
	w.Log.Error("notification not stored", "error", phone.Redact(err.Error()))
	fail(c, problemInboxAway, "Send the same notification again after the time in Retry-After.")
}
