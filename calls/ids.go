package calls

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strconv"
	"strings"
)

// TaskQueueCalls is the task queue of the activities that Await and Place run. Business workers never poll it.
const TaskQueueCalls = "aftercall-calls"

// Prefixes of the ids of our workflows.
const (
	prefixCall      = "call:"
	prefixOutbound  = "outbound:"
	prefixMaskOpen  = "mask-open:"
	prefixMask      = "mask:"
	prefixRecording = "recording:"
	prefixCallback  = "callback:"
)

// ForeignWorkflowPrefix begins the referenceId of a call that another system placed for a waiting workflow: the workflow's
// id follows.
const ForeignWorkflowPrefix = "wf:"

var attemptTail = regexp.MustCompile(`^(.+)-a([0-9]{1,9})$`)

// Key makes an identifier of the provider fit for workflow ids, signal names and search attributes. It returns an
// identifier that matches [A-Za-z0-9._:-]{1,128} unchanged, and for any other "sha256-" and the hex of its SHA-256.
// Key(Key(x)) is Key(x); Key("") is "". An identifier that holds a phone number has another key, which only aftercall can
// make: answers and signals carry it.
func Key(id string) string {
	if id == "" || isPlainKey(id) {
		return id
	}
	return HashedKey(id)
}

// isPlainKey reports whether an identifier matches [A-Za-z0-9._:-]{1,128}.
func isPlainKey(id string) bool {
	for i := range len(id) {
		c := id[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '.' && c != '_' && c != ':' && c != '-' {
			return false
		}
	}
	return len(id) >= 1 && len(id) <= 128
}

// HashedKey returns the "sha256-" form of any identifier.
func HashedKey(id string) string {
	sum := sha256.Sum256([]byte(id))
	return "sha256-" + hex.EncodeToString(sum[:])
}

// HashedOnly reports whether a key is a hash, which does not reveal its identifier.
func HashedOnly(key string) bool {
	return strings.HasPrefix(key, "sha256-") || strings.HasPrefix(key, "hmac-")
}

// CallWorkflowID returns the id of the Call workflow of a call key.
func CallWorkflowID(callKey string) string { return prefixCall + callKey }

// CallKeyOf returns the call key in the id of a Call workflow.
func CallKeyOf(workflowID string) string { return strings.TrimPrefix(workflowID, prefixCall) }

// OutboundCallWorkflowID returns the id of the OutboundCall workflow of a request's referenceId.
func OutboundCallWorkflowID(referenceID string) string { return prefixOutbound + referenceID }

// OpenMaskingSessionWorkflowID returns the id of the workflow that opens a masking session for a request's referenceId.
func OpenMaskingSessionWorkflowID(referenceID string) string { return prefixMaskOpen + referenceID }

// MaskingSessionWorkflowID returns the id of the MaskingSession workflow of a mask.
func MaskingSessionWorkflowID(maskID string) string { return prefixMask + Key(maskID) }

// MaskKeyOf returns the mask's key in the id of a MaskingSession workflow.
func MaskKeyOf(workflowID string) string { return strings.TrimPrefix(workflowID, prefixMask) }

// RecordingWorkflowID returns the id of the Recording workflow of one leg of a call.
func RecordingWorkflowID(callKey, legKey string) string {
	return RecordingWorkflowIDOfHash(callKey, LegHash(legKey))
}

// RecordingWorkflowIDOfHash is RecordingWorkflowID for a leg whose LegHash alone is known.
func RecordingWorkflowIDOfHash(callKey, legHash string) string {
	return prefixRecording + callKey + ":" + legHash
}

// LegHash returns the 12 hex digits that stand for a leg in ids.
func LegHash(legKey string) string {
	sum := sha256.Sum256([]byte(legKey))
	return hex.EncodeToString(sum[:])[:12]
}

// OwnWorkflowID reports whether the id belongs to one of aftercall's own workflows, which may not be subscribers.
func OwnWorkflowID(id string) bool {
	for _, p := range []string{prefixCall, prefixOutbound, prefixMaskOpen, prefixMask, prefixRecording} {
		if strings.HasPrefix(id, p) {
			return true
		}
	}
	return false
}

// CallbackWorkflowID returns the id of the Callback workflow that posts to a URL what is told about a subject: the workflow
// with this id. hash stands for the URL.
func CallbackWorkflowID(subject, hash string) string { return prefixCallback + subject + ":" + hash }

// CallbackWorkflow reports whether the id is that of a Callback workflow: one of aftercall's own that subscribes like a
// business workflow.
func CallbackWorkflow(id string) bool { return strings.HasPrefix(id, prefixCallback) }

// AttemptReferenceID returns the referenceId that attempt n (from 1) of a request has at the provider.
func AttemptReferenceID(referenceID string, n int) string {
	return referenceID + "-a" + strconv.Itoa(n)
}

// ParseAttemptReferenceID splits a result of AttemptReferenceID. ok is false for any other referenceId.
func ParseAttemptReferenceID(s string) (referenceID string, attempt int, ok bool) {
	m := attemptTail.FindStringSubmatch(s)
	if m == nil {
		return "", 0, false
	}
	n, err := strconv.Atoi(m[2])
	if err != nil || n < 1 {
		return "", 0, false
	}
	return m[1], n, true
}
