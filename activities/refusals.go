package activities

import (
	"context"
	"sync"

	"go.temporal.io/sdk/activity"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/unifonic"
)

// refusals tells operators that the provider accepts no calls: once when that begins or changes its cause, and once when it
// ends. It counts every refusal.
type refusals struct {
	mu    sync.Mutex
	cause string // of the last post
}

func (r *refusals) note(ctx context.Context, res contract.PlaceCallResult) {
	if res.Refusal != "" {
		activity.GetMetricsHandler(ctx).WithTags(map[string]string{"cause": res.Refusal}).Counter("aftercall_provider_refusals").Inc(1)
	} else if res.Placement != calls.Placed {
		return // a busy provider, or one that does not answer, proves nothing about our settings
	}
	r.mu.Lock()
	before := r.cause
	r.cause = res.Refusal
	r.mu.Unlock()
	switch log := activity.GetLogger(ctx); {
	case before == res.Refusal:
	case res.Refusal == "":
		log.Info("the provider accepts calls again")
	default:
		log.Warn("the provider refuses calls until a setting is corrected", "cause", res.Refusal, "reason", res.Reason)
	}
}

// settingAdvice returns what an operator should check, or "" if nothing was refused.
func settingAdvice(r unifonic.Refusal) string {
	switch r {
	case unifonic.RefusalCredentials:
		return "the provider rejects the credentials, or the account lacks the right: check AFTERCALL_UNIFONIC_APPS_ID"
	case unifonic.RefusalAddress:
		return "the provider's API is not at this address: check AFTERCALL_UNIFONIC_BASE_URL"
	case unifonic.RefusalTrust:
		return "the provider's certificate cannot be trusted: check AFTERCALL_UNIFONIC_BASE_URL, this machine's CA certificates and its clock"
	default:
		return ""
	}
}
